"""What takes credit starts no refill by a detour either: by a renewal, another payment, a card or the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.transaction import Transaction
from billing.services.adjust_balance import give_credit
from billing.services.cards import make_default
from billing.services.charge_card import charge_card
from billing.services.lock_account import lock_account
from billing.services.set_auto_refill import set_auto_refill
from tests.builders import NOW, micros
from tests.paying_account import RETURN_URL, UNREACHABLE, Paying
from tests.subscriber import PRO, RENEWAL, Subscriber

A_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def clock_looks(paying: Paying, at: datetime) -> None:
    paying.reconcile(at)
    paying.charge_pending(now=at)


def refills(paying: Paying) -> list[Transaction]:
    return [each for each in paying.history if each.kind == "auto_refill"]


def test_credit_that_was_taken_by_hand_is_not_charged_after_the_next_renewal(acme: Subscriber) -> None:
    paying = acme.paying
    paying.store.adjust("100", "opening")
    paying.auto_refill()
    paying.store.adjust("-95", "mistake", now=NOW + MINUTE)
    assert acme.sweep(RENEWAL) == ["paid"]
    clock_looks(paying, RENEWAL + 5 * MINUTE)
    assert refills(paying) == []


def test_credit_that_was_refunded_is_not_bought_again_after_the_next_change_of_plan(acme: Subscriber) -> None:
    paying = acme.paying
    paying.top_up("100", card=paying.cards[0].payment_method_id)
    paying.auto_refill()
    paying.refund("tx_1")
    acme.put(PRO, NOW + 6 * MINUTE)
    clock_looks(paying, NOW + 10 * MINUTE)
    assert refills(paying) == []


def test_a_renewal_that_unlocks_the_account_lets_the_clock_refill_it(acme: Subscriber) -> None:
    paying = acme.paying
    paying.behave("insufficient_funds")
    for days in (0, 1, 3, 7):
        acme.sweep(RENEWAL + days * A_DAY)
    assert acme.wallet.status == "locked"
    paying.store.adjust("-5", "calls", now=RENEWAL + 8 * A_DAY)
    paying.auto_refill(now=RENEWAL + 8 * A_DAY)
    assert refills(paying) == [], "locked"
    at = RENEWAL + 9 * A_DAY
    paying.add_card("pm_card_mastercard", key="page-2", now=at)
    better = next(card for card in paying.cards if card.brand == "mastercard")
    make_default(paying.store, "acme", better.payment_method_id, at)
    acme.sweep(at + 5 * MINUTE)
    clock_looks(paying, at + 10 * MINUTE)
    assert [each.status for each in refills(paying)] == ["Paid"]


def test_credit_taken_by_hand_brings_no_deficit_within_reach(paying: Paying) -> None:
    paying.add_card()
    paying.store.adjust("-10500", "opening")
    paying.auto_refill()
    give_credit(
        paying.store, "acme", micros=micros("1000"), expires_at=NOW + A_DAY, reason="欢迎", grant_id="g1", now=NOW
    )
    paying.store.adjust("-5", "fee", now=NOW + 6 * MINUTE)
    clock_looks(paying, NOW + 10 * MINUTE)
    assert refills(paying) == []


def test_a_late_payment_of_a_refill_brings_no_deficit_within_reach(paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", UNREACHABLE)
    paying.auto_refill()
    paying.charge_pending()
    (late,) = refills(paying)
    set_auto_refill(paying.store, "acme", None, NOW)
    for minutes in (5, 10, 15):
        paying.reconcile(NOW + minutes * MINUTE)
    paying.store.adjust("-9995", "calls")
    paying.auto_refill(now=NOW + 20 * MINUTE)
    paying.make_intent_of(late, confirm="true", off_session="true")
    paying.tell_all(now=NOW + 21 * MINUTE)
    assert paying.transaction(late.transaction_id).status == "Paid"
    clock_looks(paying, NOW + 25 * MINUTE)
    assert len(refills(paying)) == 1


def test_a_paid_renewal_shortens_no_wait_after_a_decline(acme: Subscriber) -> None:
    paying = acme.paying
    at = RENEWAL - 10 * MINUTE
    paying.behave("insufficient_funds")
    paying.auto_refill(threshold="40", amount="50", now=at)
    paying.charge_pending(now=at)
    paying.behave("succeed")
    assert acme.sweep(RENEWAL) == ["paid"]
    clock_looks(paying, RENEWAL + MINUTE)
    assert len(refills(paying)) == 1
    clock_looks(paying, at + timedelta(hours=1))
    assert len(refills(paying)) == 2


def test_choosing_the_default_card_again_stops_no_clock(paying: Paying) -> None:
    paying.add_card()
    paying.store.adjust("-50", "opening")
    paying.auto_refill(limit="100")
    paying.charge_pending()
    paying.store.adjust("-100", "calls")
    paying.auto_refill(limit="100", now=NOW + 2 * MINUTE)
    make_default(paying.store, "acme", paying.cards[0].payment_method_id, NOW + 3 * MINUTE)
    clock_looks(paying, datetime(2026, 12, 1, 0, 1, tzinfo=UTC))
    assert len(refills(paying)) == 2


def test_another_plan_is_no_payment_by_hand_that_ends_a_dispute(acme: Subscriber) -> None:
    paying = acme.paying
    paying.store.adjust("25", "opening")
    paying.auto_refill()
    charge = paying.read("payment_intents")[0]
    paying.stripe.control("disputes", {"payment_intent": charge["id"]})
    paying.tell_all()
    acme.put(PRO, NOW + MINUTE)
    paying.store.adjust("-20", "calls")
    clock_looks(paying, NOW + 10 * MINUTE)
    assert refills(paying) == []


def test_the_card_that_was_disputed_is_not_charged_once_it_is_the_default_again(paying: Paying) -> None:
    paying.add_card()
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    paying.add_card("pm_card_mastercard", key="page-2", now=NOW + MINUTE)
    disputed, other = paying.cards
    make_default(paying.store, "acme", other.payment_method_id, NOW)
    paying.auto_refill(enabled=True)
    charge = next(each for each in paying.read("payment_intents") if each["status"] == "succeeded")
    paying.stripe.control("disputes", {"payment_intent": charge["id"]})
    paying.tell_all()
    make_default(paying.store, "acme", disputed.payment_method_id, NOW + MINUTE)
    clock_looks(paying, NOW + 10 * MINUTE)
    assert refills(paying) == []


def test_an_account_that_was_locked_before_the_stream_came_is_not_charged(paying: Paying) -> None:
    paying.add_card()
    paying.auto_refill()
    lock_account(paying.store, "acme", "欺诈嫌疑")
    (refill,) = refills(paying)
    left = charge_card(paying.store, paying.gateway, refill, return_url=RETURN_URL, now=NOW + timedelta(seconds=30))
    assert left.status == "Processing"
    paying.reconcile(NOW + 11 * MINUTE)
    assert [each.status for each in refills(paying)] == ["Failed"]
    assert [each["status"] for each in paying.read("payment_intents")] == ["canceled"], "the hold alone"
