"""Auto-refill over a real store and Stripe: started with the settlement, one at a time, quiet where it is hopeless."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from billing.services.adjust_balance import give_credit
from billing.services.lock_account import lock_account, unlock_account
from tests.builders import NOW, call, calls_feature, detection_feature, micros, plan
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance

HOUR = timedelta(hours=1)


@pytest.fixture
def calling(paying: Paying) -> Paying:
    """Acme with a card, 25.00, a plan at 0.12 a minute, and auto-refill of 100 below 20."""
    account = Paying(paying.database, paying.stripe, "caller")
    account.store.open_account(
        plan(calls_feature(), detection_feature()), account_id="caller", workspaces=("42",), paid="25"
    )
    account.add_card()
    account.auto_refill()
    return account


def spend(account: Paying, name: str, minutes: int) -> None:
    assert account.store.settle(call(name, seconds=str(minutes * 60))).failed == set()


def test_a_call_that_takes_the_balance_below_the_threshold_starts_a_refill(calling: Paying) -> None:
    spend(calling, "short", 40)
    assert calling.history == []
    spend(calling, "long", 20)
    (started,) = calling.history
    assert (started.kind, started.status, started.amount_micros) == ("auto_refill", "Processing", micros("100"))
    calling.charge_pending()
    assert calling.history[0].status == "Paid"
    assert calling.wallet.balance_micros == micros("25") - micros("7.2") + micros("100")
    assert calling.charge_pending() is None
    assert_books_balance(calling.store, "caller")


def test_a_refill_charges_the_smallest_whole_multiple_that_reaches_the_threshold(calling: Paying) -> None:
    spend(calling, "very-long", 2000)
    assert calling.wallet.balance_micros == micros("-215")
    assert calling.history[0].amount_micros == micros("300")
    calling.charge_pending()
    assert calling.wallet.balance_micros == micros("85")
    assert calling.wallet.status == "active"


def test_fifty_settlements_that_cross_the_threshold_at_once_start_one_refill(calling: Paying) -> None:
    with ThreadPoolExecutor(16) as workers:
        list(workers.map(lambda n: calling.store.settle(call(f"e{n}", seconds="600")), range(50)))
    for n in range(50):
        calling.store.settle(call(f"e{n}", seconds="600"))
    assert len(calling.history) == 1
    calling.charge_pending()
    assert sum(each.status == "Paid" for each in calling.history) == 1
    assert_books_balance(calling.store, "caller")


def test_switched_on_below_the_threshold_it_refills_now(calling: Paying) -> None:
    calling.auto_refill(enabled=False)
    spend(calling, "long", 60)
    assert calling.history == []
    calling.auto_refill()
    assert [each.status for each in calling.history] == ["Processing"]


def test_a_dead_card_is_asked_three_times_and_then_never_again(calling: Paying) -> None:
    calling.behave("insufficient_funds")
    spend(calling, "long", 60)
    moment = NOW
    calling.charge_pending(now=moment)
    for _ in range(40):
        moment += HOUR
        calling.reconcile(moment)
        calling.store.settle(call(f"at-{moment.timestamp()}"), now=moment)
        calling.charge_pending(now=moment)
    attempts = [each.created_at - NOW for each in reversed(calling.history)]
    assert attempts == [timedelta(0), HOUR, 25 * HOUR]
    assert {each.status for each in calling.history} == {"Failed"}
    refill = calling.wallet.refill
    assert refill is not None
    assert (refill.suspended, refill.last_failure, refill.pending) == ("insufficient_funds", "insufficient_funds", None)


def test_a_card_whose_number_its_network_replaced_is_asked_three_times_and_then_never_again(calling: Paying) -> None:
    (card,) = calling.cards
    calling.stripe.control(f"payment_methods/{card.payment_method_id}", {"number": "4000056655665556"})
    calling.tell_all()
    assert [(each.fingerprint, each.last4) for each in calling.cards] == [(card.fingerprint, "5556")]
    calling.behave("insufficient_funds")
    spend(calling, "long", 60)
    for hours in range(100):
        moment = NOW + hours * HOUR
        calling.store.settle(call(f"at-{hours}"), now=moment)
        calling.reconcile(moment)
        calling.charge_pending(now=moment)
    assert [each.created_at - NOW for each in reversed(calling.history)] == [timedelta(0), HOUR, 25 * HOUR]
    assert calling.wallet.refill is not None
    assert calling.wallet.refill.suspended == "insufficient_funds"


def test_a_call_that_was_sent_in_milliseconds_for_seconds_empties_no_card(calling: Paying) -> None:
    calling.store.settle(call("wrong", seconds="60000000"))
    for minutes in range(0, 60, 5):
        moment = NOW + timedelta(minutes=minutes)
        calling.store.settle(call(f"at-{minutes}"), now=moment)
        calling.reconcile(moment)
        calling.charge_pending(now=moment)
    assert calling.history == []
    assert calling.wallet.refill is not None
    assert calling.wallet.refill.suspended == "deficit_too_large"


def test_a_refund_of_a_refill_is_not_charged_again(calling: Paying) -> None:
    spend(calling, "long", 60)
    paid = calling.charge_pending()
    assert paid is not None
    calling.refund(paid.transaction_id)
    for minutes in range(0, 60, 5):
        moment = NOW + timedelta(minutes=minutes)
        calling.store.settle(call(f"at-{minutes}"), now=moment)
        calling.reconcile(moment)
        calling.charge_pending(now=moment)
    assert len(calling.history) == 1
    assert calling.wallet.refill is not None
    assert (calling.wallet.refill.suspended, calling.wallet.refill.charged_micros) == ("refunded", 0)


def test_a_payment_that_was_not_enough_leaves_the_rest_to_the_clock_a_minute_later(calling: Paying) -> None:
    spend(calling, "long", 60)
    spend(calling, "meanwhile", 1200)
    calling.charge_pending()
    assert calling.wallet.balance_micros < 0
    calling.reconcile(NOW + timedelta(seconds=59))
    assert len(calling.history) == 1
    calling.reconcile(NOW + timedelta(seconds=60))
    assert [(each.status, each.amount_micros) for each in calling.history] == [
        ("Processing", micros("100")),
        ("Paid", micros("100")),
    ]


@pytest.mark.parametrize("behavior", ["authentication_required", "expired_card", "lost_card"])
def test_where_asking_again_is_no_use_one_decline_suspends(calling: Paying, behavior: str) -> None:
    calling.behave(behavior)
    spend(calling, "long", 60)
    calling.charge_pending()
    assert calling.wallet.refill is not None
    assert calling.wallet.refill.suspended == behavior
    calling.reconcile(NOW + 2 * HOUR)
    assert len(calling.history) == 1


def test_a_payment_by_hand_resumes_a_suspended_refill(calling: Paying) -> None:
    calling.behave("lost_card")
    spend(calling, "long", 60)
    calling.charge_pending()
    started = calling.top_up("1")
    calling.pay_page(started, "pm_card_mastercard")
    calling.tell("checkout.session.completed", started.session_id or "")
    assert calling.wallet.refill is not None
    assert (calling.wallet.refill.suspended, calling.wallet.refill.pending) == (None, None), "its arrival starts none"
    calling.reconcile(NOW + timedelta(minutes=5))
    assert calling.wallet.refill.pending is not None


def test_another_default_card_is_tried_at_once_and_the_same_one_again_is_not(calling: Paying) -> None:
    from billing.services.cards import make_default, remove_card

    calling.behave("lost_card")
    spend(calling, "long", 60)
    calling.charge_pending()
    remove_card(calling.store, calling.gateway, "caller", calling.cards[0].payment_method_id)
    calling.add_card("pm_card_visa", key="again")
    calling.auto_refill()
    assert calling.wallet.refill is not None
    assert calling.wallet.refill.suspended == "lost_card"
    calling.add_card("pm_card_mastercard", key="other")
    make_default(calling.store, "caller", calling.cards[-1].payment_method_id, NOW + timedelta(minutes=1))
    calling.charge_pending()
    assert calling.history[0].status == "Paid"
    assert calling.wallet.refill.suspended is None


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after"])
def test_an_outage_is_no_decline_and_charges_once(calling: Paying, fault: str) -> None:
    spend(calling, "long", 60)
    calling.fault("/v1/payment_intents", fault)
    calling.charge_pending()
    assert calling.wallet.refill is not None
    assert calling.wallet.refill.pending is not None
    for minutes in (6, 12, 18):
        calling.reconcile(NOW + timedelta(minutes=minutes))
    assert [each.status for each in calling.history] == ["Paid"]
    assert calling.wallet.refill.failures == 0
    assert sum(intent["status"] == "succeeded" for intent in calling.read("payment_intents")) == 1


def test_a_refill_of_which_no_answer_came_is_not_charged_again_once_stripe_has_forgotten_its_key(
    calling: Paying,
) -> None:
    spend(calling, "long", 60)
    calling.fault("/v1/payment_intents", "timeout_after")
    calling.charge_pending()
    a_day_later = NOW + 25 * HOUR
    calling.stripe.control("clock", {"now": int(a_day_later.timestamp())})
    calling.charge_pending(now=a_day_later)
    assert [each.status for each in calling.history] == ["Paid"]
    assert sum(intent["status"] == "succeeded" for intent in calling.read("payment_intents")) == 1


def test_the_months_limit_holds_and_the_next_month_goes_on(calling: Paying) -> None:
    calling.auto_refill(limit="250")
    spend(calling, "very-long", 2000)
    assert calling.history[0].amount_micros == micros("200")
    calling.charge_pending()
    assert calling.wallet.balance_micros == micros("-15")
    spend(calling, "more", 1)
    assert calling.charge_pending() is None
    december = NOW.replace(month=12, day=1, hour=0, minute=5)
    calling.reconcile(december)
    assert len(calling.history) == 2
    calling.charge_pending(now=december)
    assert calling.wallet.balance_micros > 0


def test_a_locked_account_is_not_charged(calling: Paying) -> None:
    from billing.services.lock_account import lock_account

    lock_account(calling.store, "caller", "fraud")
    spend(calling, "long", 60)
    assert calling.history == []


def test_credit_that_expires_pauses_the_account_and_starts_a_refill_although_no_call_comes(calling: Paying) -> None:
    give_credit(
        calling.store, "caller", micros=micros("50"), expires_at=NOW + HOUR, reason="welcome", grant_id="g1", now=NOW
    )
    calling.store.adjust("-30", "wire", account_id="caller")
    assert (calling.wallet.balance_micros, calling.wallet.status, calling.history) == (micros("45"), "active", [])
    calling.reconcile(NOW + HOUR - timedelta(seconds=1))
    assert calling.wallet.balance_micros == micros("45")
    for _ in range(2):
        assert calling.reconcile(NOW + HOUR).stuck == 0
        assert (calling.wallet.balance_micros, calling.wallet.status) == (micros("-5"), "paused")
        assert len(calling.history) == 1
    calling.charge_pending(now=NOW + HOUR)
    assert (calling.wallet.balance_micros, calling.wallet.status) == (micros("95"), "active")
    assert_books_balance(calling.store, "caller")


def test_an_unlock_starts_a_refill_and_an_unlock_of_what_is_not_locked_starts_none(calling: Paying) -> None:
    calling.store.adjust("-15", "correction", account_id="caller")
    unlock_account(calling.store, "caller", now=NOW)
    assert calling.history == []
    lock_account(calling.store, "caller", "مراجعة")
    unlock_account(calling.store, "caller", now=NOW)
    assert [each.kind for each in calling.history] == ["auto_refill"]


def test_a_locked_account_whose_refill_waits_is_not_looked_at_until_it_is_unlocked(calling: Paying) -> None:
    calling.behave("insufficient_funds", calling.cards[0])
    spend(calling, "long", 60)
    calling.charge_pending()
    lock_account(calling.store, "caller", "review")
    later = NOW + 2 * HOUR
    assert calling.reconcile(later).wallets_due == 0
    unlock_account(calling.store, "caller", now=later)
    assert len(calling.history) == 2
