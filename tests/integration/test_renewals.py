"""A renewal is charged once per subscription and month, whatever happens; and what happens when it cannot be paid."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.refill_settings import RefillSettings
from billing.domain.renewal_order import RenewalOrder
from billing.services.adjust_balance import give_credit
from billing.services.cards import make_default, remove_card
from billing.services.renew_subscription import renew_now
from billing.services.set_auto_refill import set_auto_refill
from tests.builders import NOW, call, give_workspace, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import FREE, PRO, RENEWAL, STARTER, Subscriber

A_DAY = timedelta(days=1)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def assert_renewed_once(acme: Subscriber) -> None:
    assert acme.charges == [3000, 3000], "the first month, and the second one once"
    assert (acme.period.start, acme.period.payment, acme.subscription.dunning) == (RENEWAL, "paid", None)
    assert [entry.kind for entry in acme.paying.store.entries()].count("renewal") == 1
    assert_books_balance(acme.paying.store)


def test_a_paid_renewal_starts_a_month_whose_quantities_are_whole_again(acme: Subscriber) -> None:
    assert acme.sweep(RENEWAL - FIVE_MINUTES) == []
    assert acme.sweep(RENEWAL) == ["paid"]
    assert_renewed_once(acme)
    assert acme.period.used == {}
    (transaction,) = acme.renewals
    assert (transaction.status, transaction.amount_micros) == ("Paid", micros("30"))
    assert acme.sweep(RENEWAL + FIVE_MINUTES) == []


def test_a_sweep_that_runs_twice_and_a_message_that_comes_twice_charge_once(acme: Subscriber) -> None:
    orders = acme.orders(RENEWAL) + acme.orders(RENEWAL)
    assert [acme.renew(order) for order in [*orders, *orders]] == ["paid", "void", "void", "void"]
    assert_renewed_once(acme)


def test_workers_that_have_the_same_message_at_the_same_time_charge_once(acme: Subscriber) -> None:
    orders = acme.orders(RENEWAL) * 8
    with ThreadPoolExecutor(8) as workers:
        outcomes = list(workers.map(acme.renew, orders))
    assert set(outcomes) <= {"paid", "void", "unknown"}
    acme.sweep(RENEWAL + FIVE_MINUTES)
    assert_renewed_once(acme)


def test_a_missed_run_is_made_up_for_by_a_later_one(acme: Subscriber) -> None:
    assert acme.sweep(RENEWAL + timedelta(days=2, hours=7)) == ["paid"]
    assert_renewed_once(acme)


def test_months_that_no_sweep_saw_are_charged_one_after_the_other_and_none_is_skipped(acme: Subscriber) -> None:
    midnight = datetime(2027, 1, 24, tzinfo=RENEWAL.tzinfo)
    assert acme.sweep(midnight) == ["paid"]
    assert acme.sweep(midnight + FIVE_MINUTES) == ["paid"]
    assert acme.sweep(midnight + 2 * FIVE_MINUTES) == []
    assert (acme.charges, acme.period.start) == ([3000, 3000, 3000], RENEWAL.replace(year=2027, month=1))


def test_an_answer_that_was_lost_is_asked_for_again_and_charged_once(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    assert acme.sweep(RENEWAL) == ["unknown"]
    assert acme.sweep(RENEWAL + FIVE_MINUTES) == ["paid"]
    assert_renewed_once(acme)


@pytest.mark.parametrize("fault", ["500_before", "500_after", "timeout_before", "429"])
def test_trouble_at_stripe_is_no_decline_and_is_charged_once_when_it_is_over(acme: Subscriber, fault: str) -> None:
    acme.paying.fault("/v1/payment_intents", fault)
    assert acme.sweep(RENEWAL) == ["unknown"]
    assert not acme.wallet.is_past_due
    for minutes in (5, 10):
        acme.sweep(RENEWAL + timedelta(minutes=minutes))
    assert_renewed_once(acme)


def test_an_answer_that_is_older_than_stripe_s_memory_is_looked_up_before_anything_is_charged(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    acme.sweep(RENEWAL)
    assert acme.sweep(RENEWAL + 2 * A_DAY) == ["paid"]
    assert_renewed_once(acme)


def test_the_webhook_may_come_when_the_answer_was_lost(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    (order,) = acme.orders(RENEWAL)
    assert acme.renew(order) == "unknown"
    acme.paying.tell_all()
    acme.paying.tell_all(reverse=True)
    assert acme.renew(order) == "void"
    assert_renewed_once(acme)


class Meanwhile:
    """Lets something happen right before the n-th transaction is written, counted from now."""

    def __init__(self, acme: Subscriber, n: int, happens: Callable[[], object]) -> None:
        self._left = n
        self._happens = happens
        acme.paying.database.client.meta.events.register("before-call.dynamodb.TransactWriteItems", self._count)

    def _count(self, **_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._happens()


def test_the_webhook_may_be_faster_than_the_answer(acme: Subscriber) -> None:
    # First the intent is written; the second transaction is what the answer brings.
    Meanwhile(acme, 2, acme.paying.tell_all)
    assert acme.sweep(RENEWAL) == ["paid"]
    assert_renewed_once(acme)


def test_reconciliation_may_be_faster_than_the_next_sweep(acme: Subscriber) -> None:
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    (order,) = acme.orders(RENEWAL)
    acme.renew(order)
    acme.paying.reconcile(RENEWAL + FIVE_MINUTES)
    acme.paying.reconcile(RENEWAL + 2 * FIVE_MINUTES)
    assert acme.renew(order) == "void"
    assert_renewed_once(acme)


def test_a_cancel_a_moment_before_the_intent_is_written_ends_the_subscription_uncharged(acme: Subscriber) -> None:
    Meanwhile(acme, 1, lambda: acme.cancel(RENEWAL - timedelta(seconds=1)))
    assert acme.sweep(RENEWAL) == ["moved"]
    assert (acme.wallet.status, acme.charges, acme.renewals) == ("canceled", [3000], [])


def test_a_cancel_while_the_renewal_is_charged_ends_the_month_that_is_paid(acme: Subscriber) -> None:
    Meanwhile(acme, 2, lambda: acme.cancel(RENEWAL))
    assert acme.sweep(RENEWAL) == ["paid"]
    assert_renewed_once(acme)
    assert (acme.wallet.status, acme.subscription.cancel_at_period_end) == ("active", True)
    assert acme.sweep(acme.period.end) == ["moved"]
    assert (acme.wallet.status, acme.charges) == ("canceled", [3000, 3000])


def test_a_plan_change_a_moment_before_the_intent_is_written_renews_the_new_plan(acme: Subscriber) -> None:
    Meanwhile(acme, 1, lambda: acme.put(PRO, RENEWAL - timedelta(seconds=1)))
    assert acme.sweep(RENEWAL) == ["paid"]
    assert (acme.period.plan_id, acme.period.start) == ("pro", RENEWAL)
    assert acme.charges == [3000, 50, 9000], "a second of the difference is charged as the least that a card can be"
    assert_books_balance(acme.paying.store)


def test_a_free_month_renews_without_a_card_and_without_a_charge(paying: Paying) -> None:
    free = Subscriber(paying)
    free.put(FREE)
    assert free.sweep(RENEWAL) == ["moved"]
    assert (free.period.start, free.period.payment, free.paying.history) == (RENEWAL, "paid", [])


def test_a_month_without_a_card_is_past_due_for_a_reason_of_its_own(acme: Subscriber) -> None:
    remove_card(acme.paying.store, acme.paying.gateway, "acme", acme.paying.cards[0].payment_method_id)
    assert acme.sweep(RENEWAL) == ["declined"]
    (transaction,) = acme.renewals
    assert transaction.failure is not None
    assert (transaction.status, transaction.failure.code) == ("Failed", "no_card")
    assert acme.wallet.is_past_due


def decline_for_a_week(acme: Subscriber) -> None:
    acme.paying.behave("insufficient_funds")
    for days in (0, 1, 3, 7):
        assert acme.sweep(RENEWAL + timedelta(days=days)) == ["declined"], days
        assert acme.sweep(RENEWAL + timedelta(days=days) + FIVE_MINUTES) == []


def test_a_month_that_cannot_be_paid_is_tried_four_times_and_then_locks(acme: Subscriber) -> None:
    decline_for_a_week(acme)
    assert [each.status for each in acme.renewals] == ["Failed"] * 4
    assert (acme.wallet.status, acme.charges) == ("locked", [3000])
    assert acme.sweep(RENEWAL + 40 * A_DAY) == []
    assert_books_balance(acme.paying.store)


def test_while_past_due_calls_go_on_from_credit_and_the_paid_month_is_whole(acme: Subscriber) -> None:
    acme.paying.store.adjust("9", "wire")
    acme.paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    store, now = acme.paying.store, RENEWAL + timedelta(hours=2)
    give_workspace(acme.paying.database)
    store.settle(call(seconds="60", ended_at=now), now=now)
    assert acme.wallet.balance_micros == micros("8.40")
    acme.paying.behave("succeed")
    assert acme.sweep(RENEWAL + A_DAY) == ["paid"]
    assert_renewed_once(acme)
    assert acme.period.used == {}


def add_better_card(acme: Subscriber, now: datetime) -> None:
    session = acme.paying.enter_card("pm_card_mastercard", key="page-2", now=now)
    acme.paying.tell("checkout.session.completed", session, now=now)
    better = next(card for card in acme.paying.cards if card.brand == "mastercard")
    make_default(acme.paying.store, "acme", better.payment_method_id, now)


def test_a_new_default_card_pays_at_once_unlocks_and_the_anchor_stays(acme: Subscriber) -> None:
    decline_for_a_week(acme)
    now = RENEWAL + 12 * A_DAY
    add_better_card(acme, now)
    assert renew_now(acme.paying.store, acme.paying.gateway, "acme", now) == "paid"
    assert acme.wallet.status == "active"
    assert_renewed_once(acme)
    assert acme.sweep(RENEWAL.replace(year=2027, month=1)) == ["paid"]


def test_a_new_default_card_is_tried_by_the_next_sweep_if_nobody_did_before(acme: Subscriber) -> None:
    decline_for_a_week(acme)
    now = RENEWAL + 12 * A_DAY
    add_better_card(acme, now)
    assert acme.sweep(now + FIVE_MINUTES) == ["paid"]
    assert_renewed_once(acme)


def test_credit_that_expired_is_written_off_by_the_renewal_where_no_call_did_it(acme: Subscriber) -> None:
    give_credit(
        acme.paying.store,
        "acme",
        micros=micros("5"),
        expires_at=NOW + A_DAY,
        reason="welcome",
        grant_id="g1",
        now=NOW,
    )
    assert acme.sweep(RENEWAL) == ["paid"]
    assert [entry.kind for entry in acme.paying.store.entries()][-2:] == ["grant_expiry", "renewal"]
    assert acme.wallet.grants == ()
    assert_renewed_once(acme)


def test_an_order_of_another_day_is_void(acme: Subscriber) -> None:
    stale = RenewalOrder("acme", NOW, RENEWAL)
    assert acme.renew(stale) == "void"
    assert acme.charges == [3000]


def test_a_subscription_that_was_canceled_and_taken_back_goes_on(acme: Subscriber) -> None:
    acme.cancel(NOW + A_DAY)
    acme.put(STARTER, NOW + 2 * A_DAY)
    assert acme.sweep(RENEWAL) == ["paid"]
    assert_renewed_once(acme)


def test_credit_that_expires_below_the_threshold_starts_a_refill_also_where_the_month_is_free(paying: Paying) -> None:
    free = Subscriber(paying).subscribed(FREE)
    give_credit(
        paying.store, "acme", micros=micros("25"), expires_at=NOW + A_DAY, reason="welcome", grant_id="g1", now=NOW
    )
    set_auto_refill(
        paying.store,
        "acme",
        RefillSettings(enabled=True, threshold_micros=micros("20"), amount_micros=micros("100")),
        NOW,
    )
    assert (free.sweep(RENEWAL), free.wallet.balance_micros) == (["moved"], 0)
    assert [(each.kind, each.status) for each in paying.history] == [("auto_refill", "Processing")]


def test_a_refund_takes_the_credit_back_that_an_unneeded_renewal_became(acme: Subscriber) -> None:
    acme.paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    acme.paying.behave("succeed")
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    assert acme.sweep(RENEWAL + A_DAY) == ["unknown"]
    assert acme.cancel(RENEWAL + A_DAY).status == "canceled"
    acme.paying.tell_all(now=RENEWAL + A_DAY)
    assert acme.wallet.balance_micros == micros("30")
    late = next(each for each in acme.renewals if each.status == "Paid")
    assert [line.period_start for line in late.lines] == [None], "the receipt shows no month"
    acme.paying.refund(late.transaction_id, "10", key="part")
    assert acme.wallet.balance_micros == micros("20")
    rest = acme.paying.refund(late.transaction_id, key="rest").refunds[-1]
    assert acme.wallet.balance_micros == 0
    acme.paying.stripe.control(f"refunds/{rest.refund_id}/fail")
    acme.paying.tell_all(now=RENEWAL + A_DAY)
    assert acme.wallet.balance_micros == micros("20"), "the bank did not take it"
    assert_books_balance(acme.paying.store)
