"""A dispute's suspension holds: nothing is charged by itself to a card of which a payment is disputed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.refill_settings import RefillSettings
from billing.domain.wallet import Refill
from billing.services.cards import make_default, remove_card
from billing.services.dispute import lift_dispute_holds
from billing.services.set_auto_refill import set_auto_refill
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, Subscriber

A_DAY = timedelta(days=1)
BEFORE = RENEWAL - 20 * A_DAY


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    """Subscribed, with a top-up by the default card that its owner disputes before the renewal."""
    subscriber = Subscriber(paying).subscribed()
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    return subscriber


def dispute(acme: Subscriber, transaction_id: str = "tx_1", *, now: datetime = BEFORE, **facts: Any) -> str:
    intent = acme.paying.transaction(transaction_id).payment_intent_id
    opened = acme.paying.stripe.control("disputes", {"payment_intent": intent, **facts})
    acme.at(now)
    acme.paying.tell_all(now=now)
    return str(opened["id"])


def close(acme: Subscriber, dispute_id: str, status: str, now: datetime) -> None:
    acme.at(now)
    acme.paying.stripe.control(f"disputes/{dispute_id}/close", {"status": status})
    acme.paying.tell_all(now=now)


def lift(acme: Subscriber, now: datetime) -> None:
    acme.at(now)
    lift_dispute_holds(acme.paying.store, "acme", reason="مراجعة البنك", by="李雷", now=now)


def codes(acme: Subscriber) -> list[str | None]:
    return [None if each.failure is None else each.failure.code for each in acme.renewals]


def refill_of(paying: Paying) -> Refill:
    assert paying.wallet.refill is not None
    return paying.wallet.refill


def test_at_the_next_renewal_no_card_is_asked_the_days_run_and_the_account_is_locked(acme: Subscriber) -> None:
    dispute(acme)
    asked = len(acme.paying.read("payment_intents"))
    assert acme.period.payment == "paid", "the running month stays"
    for days, outcome in ((0, "declined"), (1, "unasked"), (3, "unasked"), (7, "unasked")):
        assert not acme.wallet.is_locked
        assert acme.sweep(RENEWAL + days * A_DAY) == [outcome]
        assert acme.wallet.is_past_due
    assert codes(acme) == ["dispute_opened"], "no row for a day on which nothing was asked"
    assert acme.wallet.is_locked
    assert len(acme.paying.read("payment_intents")) == asked, "no bank was asked"
    assert_books_balance(acme.paying.store)


def test_the_card_of_a_disputed_renewal_is_not_charged_again_next_month(acme: Subscriber) -> None:
    acme.sweep(RENEWAL)
    (paid,) = acme.renewals
    dispute(acme, paid.transaction_id, now=RENEWAL + A_DAY)
    assert acme.wallet.subscription is not None
    assert acme.period.payment == "paid"
    next_month = RENEWAL.replace(year=2027, month=1)
    assert acme.sweep(next_month) == ["declined"]
    assert codes(acme) == [None, "dispute_opened"]
    assert_books_balance(acme.paying.store)


def test_neither_a_paid_renewal_nor_a_refill_under_way_lifts_it(acme: Subscriber) -> None:
    paying = acme.paying
    paying.auto_refill(threshold="60", amount="100", now=RENEWAL)
    pending = refill_of(paying).pending
    assert pending is not None
    acme.at(RENEWAL)
    paying.fault("/v1/payment_intents", "timeout_after", times=2)
    paying.charge_pending(now=RENEWAL)
    assert acme.sweep(RENEWAL) == ["unknown"]
    paying.stripe.control("disputes", {"payment_intent": paying.transaction().payment_intent_id})
    for event in paying.events:  # the dispute is heard of before the two payments
        paying.tell(event["type"], event["data"]["object"]["id"], now=RENEWAL)
    assert (codes(acme), paying.transaction(pending).status) == ([None], "Paid")
    assert acme.period.payment == "paid"
    assert [each.card_fingerprint for each in acme.wallet.holds] == [paying.stored_cards[0].fingerprint]
    assert refill_of(paying).suspended == "dispute_opened"


def test_a_renewal_that_was_recorded_before_the_dispute_is_not_asked_for_after_it(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_before")
    assert acme.sweep(RENEWAL) == ["unknown"]  # Stripe never heard of it
    dispute(acme, now=RENEWAL + timedelta(minutes=1))
    for minutes in (6, 20, 30):
        acme.at(RENEWAL + timedelta(minutes=minutes))
        acme.paying.reconcile(RENEWAL + timedelta(minutes=minutes))
        acme.sweep(RENEWAL + timedelta(minutes=minutes))
    assert acme.charges == [3000, 5000], "the first month and the top-up"
    assert codes(acme) == ["no_longer_wanted"]
    assert acme.subscription.dunning is not None
    assert acme.subscription.dunning.last.code == "dispute_opened"
    assert acme.sweep(RENEWAL + 2 * A_DAY) == ["unasked"], "the days run"


def another_card(acme: Subscriber, now: datetime) -> None:
    acme.at(now)
    acme.paying.add_card("pm_card_mastercard", key="page-2", now=now)
    (other,) = [card for card in acme.paying.cards if card.brand == "mastercard"]
    make_default(acme.paying.store, "acme", other.payment_method_id, now)


def test_another_default_card_pays_at_once_and_the_disputed_one_is_free_when_it_comes_back(acme: Subscriber) -> None:
    dispute(acme)
    acme.sweep(RENEWAL)
    another_card(acme, RENEWAL + A_DAY / 2)
    assert acme.wallet.holds == ()
    assert acme.sweep(RENEWAL + A_DAY / 2) == ["paid"]
    assert acme.wallet.status == "active"


def test_a_hold_of_the_card_that_becomes_the_default_stays(acme: Subscriber) -> None:
    """Its owner chooses the disputed card: that is no other card."""
    first = acme.paying.cards[0].payment_method_id
    another_card(acme, NOW)
    dispute(acme)
    make_default(acme.paying.store, "acme", first, BEFORE)
    assert acme.sweep(RENEWAL) == ["declined"]
    assert codes(acme) == ["dispute_opened"]


def test_the_same_number_as_a_new_payment_method_is_held_too(acme: Subscriber) -> None:
    dispute(acme)
    acme.paying.add_card(key="page-2", expires=(2031, 5), now=BEFORE)
    assert len(acme.paying.cards) == 1
    assert acme.sweep(RENEWAL) == ["declined"]
    assert codes(acme) == ["dispute_opened"]


def test_a_held_card_that_is_removed_and_entered_again_makes_no_try_that_can_only_fail(acme: Subscriber) -> None:
    dispute(acme)
    acme.sweep(RENEWAL)
    moment = RENEWAL + A_DAY / 2
    acme.at(moment)
    remove_card(acme.paying.store, acme.paying.gateway, "acme", acme.paying.cards[0].payment_method_id)
    acme.paying.add_card(key="page-2", now=moment)
    assert acme.wallet.is_default_held
    assert codes(acme) == ["dispute_opened"]


def test_a_number_that_the_network_replaced_is_held_by_the_one_that_we_read(acme: Subscriber) -> None:
    method = acme.paying.cards[0].payment_method_id
    acme.paying.stripe.control(f"payment_methods/{method}", {"number": "4000056655665556"})
    acme.paying.top_up("20", card=method, transaction_id="tx_2")
    dispute(acme, "tx_2")
    assert acme.sweep(RENEWAL) == ["declined"]
    assert codes(acme) == ["dispute_opened"]


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_dispute_won_ends_it_and_one_lost_does_not(acme: Subscriber, status: str) -> None:
    opened = dispute(acme)
    acme.sweep(RENEWAL)
    close(acme, opened, status, RENEWAL + A_DAY / 2)
    is_won = status == "won"
    assert (acme.wallet.holds == ()) == is_won
    assert codes(acme) == ["dispute_opened"], "nothing is asked in the same moment"
    assert acme.sweep(RENEWAL + A_DAY / 2) == (["paid"] if is_won else [])
    assert (acme.period.payment == "paid") == is_won


def test_of_two_disputes_of_a_card_winning_one_ends_nothing(acme: Subscriber) -> None:
    acme.paying.top_up("20", card=acme.paying.cards[0].payment_method_id, transaction_id="tx_2")
    acme.paying.auto_refill(threshold="1", amount="100")
    first, second = dispute(acme), dispute(acme, "tx_2")
    close(acme, first, "won", BEFORE)
    assert [each.dispute_id for each in acme.wallet.holds] == [second]
    assert refill_of(acme.paying).suspended == "dispute_opened"
    close(acme, second, "won", BEFORE)
    assert (acme.wallet.holds, refill_of(acme.paying).suspended) == ((), None)


def test_an_inquiry_holds_nothing(acme: Subscriber) -> None:
    dispute(acme, inquiry=True)
    assert acme.wallet.holds == ()
    assert acme.sweep(RENEWAL) == ["paid"]


def test_a_payment_by_another_card_on_a_page_holds_that_card_alone(acme: Subscriber) -> None:
    page = acme.paying.top_up("20", transaction_id="tx_2")
    acme.paying.pay_page(page, "pm_card_mastercard")
    acme.paying.tell_all()
    dispute(acme, "tx_2")
    assert acme.sweep(RENEWAL) == ["paid"]


def by_the_administrator(acme: Subscriber) -> None:
    lift(acme, BEFORE)


def by_hand(acme: Subscriber) -> None:
    acme.paying.top_up("20", card=acme.paying.cards[0].payment_method_id, transaction_id="tx_2", now=BEFORE)


def by_saved_settings(acme: Subscriber) -> None:
    wanted = RefillSettings(
        enabled=True, threshold_micros=micros("20"), amount_micros=micros("100"), monthly_limit_micros=None
    )
    set_auto_refill(acme.paying.store, "acme", wanted, BEFORE)


@pytest.mark.parametrize(
    ("does", "renewal"), [(by_the_administrator, "paid"), (by_hand, "declined"), (by_saved_settings, "declined")]
)
def test_a_customer_confirms_auto_refill_and_an_administrator_all(
    acme: Subscriber, does: Callable[[Subscriber], None], renewal: str
) -> None:
    acme.paying.auto_refill(threshold="20", amount="100")
    dispute(acme)
    assert refill_of(acme.paying).suspended == "dispute_opened"
    does(acme)
    assert refill_of(acme.paying).suspended is None
    assert acme.sweep(RENEWAL) == [renewal]


def test_a_lifted_hold_lets_the_unpaid_renewal_and_the_refill_go_on_and_the_ledger_says_by_whom(
    acme: Subscriber,
) -> None:
    acme.paying.auto_refill(threshold="20", amount="100")
    dispute(acme)
    acme.sweep(RENEWAL)
    moment = RENEWAL + A_DAY / 2
    lift(acme, moment)
    assert codes(acme) == ["dispute_opened"], "nothing is asked in the same moment"
    assert acme.sweep(moment) == ["paid"]
    assert codes(acme) == ["dispute_opened", None]
    assert acme.wallet.status == "active"
    (trail,) = [entry for entry in acme.paying.store.entries() if entry.kind == "dispute_hold"]
    assert (trail.description, trail.by, trail.amount_micros) == ("مراجعة البنك", "李雷", 0)
    assert acme.wallet.refill is not None
    assert acme.wallet.refill.next_attempt_at is not None, "the clock starts it"
    lift(acme, moment)
    assert len([entry for entry in acme.paying.store.entries() if entry.kind == "dispute_hold"]) == 1
    assert_books_balance(acme.paying.store)


def test_what_was_refunded_before_the_dispute_is_stopped_still_when_that_is_won(acme: Subscriber) -> None:
    paying = acme.paying
    paying.auto_refill(threshold="60", amount="100")
    paying.charge_pending()
    (refilled,) = [each for each in paying.history if each.kind == "auto_refill"]
    paying.refund(refilled.transaction_id, "40")
    assert refill_of(paying).suspended == "refunded"
    opened = dispute(acme)
    assert refill_of(paying).suspended == "dispute_opened"
    close(acme, opened, "won", BEFORE)
    assert refill_of(paying).suspended == "refunded"
