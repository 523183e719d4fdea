"""A month is charged once; what cannot be paid is tried again, then locks; whatever pays it makes all well again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.declines import Failure
from billing.domain.dunning import FailedTry, after_failure
from billing.domain.payment import record_refund
from billing.domain.plan import RecurringFeature
from billing.domain.renewal import Try, Unasked, complete_renewal, fail_renewal, next_try, try_at_once, unlock
from billing.domain.settlement import settle
from billing.domain.subscription import check_quantities
from billing.domain.subscription_life import advance, cancel
from billing.domain.transaction import CardFace, Refund, Transaction, TransactionLine
from billing.domain.transaction import fail as failed_payment
from billing.domain.wallet import DefaultCard, Wallet
from billing.words.history_texts import say_line
from tests.builders import (
    MICROS,
    PERIOD_END,
    PHONE_NUMBERS,
    call,
    calls_feature,
    change,
    dunning,
    dunning_of,
    micros,
    period_of,
    plan,
    plan_name,
    previous_period_of,
    subscription_of,
    wallet,
)

NUMBERS = RecurringFeature("phone_number", PHONE_NUMBERS, included=1, unit_price_micros=micros("3"))
STARTER = plan(
    calls_feature(included_minutes=5, price_per_minute="0.60"), plan_id="starter", base_price="30", recurring=(NUMBERS,)
)
FREE = plan(calls_feature())
PLANS = {STARTER.key: STARTER, FREE.key: FREE}
DUE = wallet(
    paid="9",
    on=STARTER,
    used_seconds=200,
    quantities=check_quantities(STARTER, {"phone_number": 2}),
    default_card=DefaultCard("pm_1", "fp_1"),
)
RENEWAL = PERIOD_END
A_DAY = timedelta(days=1)


def tried(before: Wallet, now: datetime = RENEWAL) -> Try:
    found = next_try(advance(before, PLANS, now), PLANS, now, asked_at=now)
    assert isinstance(found, Try)
    return found


def failed(before: Wallet, now: datetime = RENEWAL) -> Wallet:
    found = tried(before, now)
    return fail_renewal(found.wallet, found.transaction, now)


def paid(before: Wallet, now: datetime = RENEWAL) -> Wallet:
    found = tried(before, now)
    return complete_renewal(found.wallet, found.transaction, now).wallet


def test_a_renewal_charges_base_price_and_rentals_in_advance() -> None:
    transaction = tried(DUE).transaction
    assert (transaction.kind, transaction.amount_micros, transaction.payment_method_id) == (
        "renewal",
        micros("33"),
        "pm_1",
    )
    assert [(say_line(line), line.amount_micros, line.period_start) for line in transaction.lines] == [
        (plan_name("starter"), micros("30"), RENEWAL),
        (PHONE_NUMBERS, micros("3"), RENEWAL),
    ]


def test_a_paid_renewal_posts_revenue_and_leaves_the_credit_alone() -> None:
    found = tried(DUE)
    posted = complete_renewal(found.wallet, found.transaction, RENEWAL)
    (entry,) = posted.entries
    assert entry.cause == "renewal:acme:2026-12-01T00:00:00+00:00"
    assert (entry.amount_micros, posted.wallet.paid_micros) == (0, DUE.paid_micros)
    assert (period_of(posted.wallet).payment, period_of(posted.wallet).used) == ("paid", {})


def test_the_same_try_has_the_same_id_and_the_next_one_another() -> None:
    first = tried(DUE).transaction.transaction_id
    assert tried(DUE, RENEWAL + timedelta(minutes=5)).transaction.transaction_id == first
    assert tried(failed(DUE)).transaction.transaction_id != first


def test_a_try_that_failed_counts_once_however_often_it_is_told() -> None:
    found = tried(DUE)
    once = fail_renewal(found.wallet, found.transaction, RENEWAL)
    assert fail_renewal(once, found.transaction, RENEWAL + A_DAY) == once


def test_an_unpaid_month_remembers_what_its_last_try_asked_for_and_why_it_failed() -> None:
    found = tried(DUE)
    declined = failed_payment(replace(found.transaction, card=CardFace("visa", "4242")), Failure("lost_card"))
    unpaid = fail_renewal(found.wallet, declined, RENEWAL)
    assert dunning_of(unpaid).last == FailedTry(declined.transaction_id, micros("33"), "lost_card", "visa", "4242")
    again = unasked(replace(unpaid, default_card=None), RENEWAL + A_DAY)
    assert dunning_of(again).last == FailedTry(declined.transaction_id, micros("33"), "no_card")


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "expired_card"])
def test_a_dead_card_is_not_asked_again_and_the_days_run_on(code: str) -> None:
    found = tried(DUE)
    now, unpaid, days = (
        RENEWAL,
        fail_renewal(found.wallet, failed_payment(found.transaction, Failure(code)), RENEWAL),
        [],
    )
    while (due_at := subscription_of(unpaid).due_at) is not None:
        unpaid = unasked(unpaid, due_at)
        days.append(((due_at - now).days, dunning_of(unpaid).attempts, dunning_of(unpaid).last.code))
    assert days == [(1, 2, code), (3, 3, code), (7, 4, code)]
    assert unpaid.status == "locked"


def test_a_dead_card_is_not_asked_for_a_later_month_either_while_the_account_is_locked() -> None:
    found = tried(DUE)
    unpaid = fail_renewal(found.wallet, failed_payment(found.transaction, Failure("lost_card")), RENEWAL)
    given = unlock(change(unpaid, dunning=dunning(RENEWAL, 4, None, locked=True)), RENEWAL + 40 * A_DAY)
    again = unasked(given, RENEWAL + 47 * A_DAY)
    assert (again.status, period_of(again).start > RENEWAL) == ("locked", True)


def test_once_it_is_paid_otherwise_a_dead_card_is_asked_once_in_the_next_month() -> None:
    found = tried(DUE)
    unpaid = fail_renewal(found.wallet, failed_payment(found.transaction, Failure("lost_card")), RENEWAL)
    otherwise = replace(found.transaction, transaction_id="tx_page", status="Paid")
    next_month = period_of(found.wallet).end
    assert (
        tried(complete_renewal(unpaid, otherwise, RENEWAL).wallet, next_month).transaction.payment_method_id == "pm_1"
    )


def test_a_dead_card_is_asked_again_once_it_has_a_new_date_and_another_card_at_once() -> None:
    found = tried(DUE)
    unpaid = fail_renewal(found.wallet, failed_payment(found.transaction, Failure("expired_card")), RENEWAL)
    assert tried(try_at_once(unpaid, RENEWAL, mended=True)).transaction.payment_method_id == "pm_1"
    other = replace(unpaid, default_card=DefaultCard("pm_2", "fp_2"))
    assert tried(try_at_once(other, RENEWAL)).transaction.payment_method_id == "pm_2"


def unasked(before: Wallet, now: datetime) -> Wallet:
    """The wallet after a try's day on which there was no card to ask."""
    found = next_try(advance(before, PLANS, now), PLANS, now, asked_at=now)
    assert isinstance(found, Unasked)
    return found.wallet


def test_a_month_that_is_not_paid_is_tried_after_one_three_and_seven_days_and_then_locks() -> None:
    now, unpaid, days = RENEWAL, DUE, []
    for _ in range(4):
        unpaid = failed(unpaid, now)
        now = dunning_of(unpaid).next_attempt_at or now
        days.append((now - RENEWAL).days)
    assert days == [1, 3, 7, 7]
    assert (unpaid.status, subscription_of(unpaid).due_at) == ("locked", None)


def test_a_sweep_that_comes_late_does_not_try_twice_in_a_row() -> None:
    declined = FailedTry("tx_1", micros("33"), "card_declined")
    late = after_failure(after_failure(None, declined, RENEWAL), declined, RENEWAL + timedelta(days=4))
    assert late.next_attempt_at == RENEWAL + timedelta(days=7)


def test_while_a_month_is_unpaid_calls_go_on_from_credit_and_count_towards_nothing() -> None:
    unpaid = failed(DUE)
    settled = settle(unpaid, [call(seconds="60", ended_at=RENEWAL + A_DAY)], PLANS, RENEWAL + A_DAY)
    assert settled.wallet.paid_micros == DUE.paid_micros - micros("0.60")
    assert period_of(settled.wallet).used == {}


def test_calls_between_the_renewal_s_second_and_its_charge_draw_the_new_month_s_allowance() -> None:
    settled = settle(
        DUE, [call(seconds="60", ended_at=RENEWAL + timedelta(seconds=1))], PLANS, RENEWAL + timedelta(seconds=2)
    )
    assert settled.wallet.paid_micros == DUE.paid_micros
    assert period_of(settled.wallet).used == {"call_minutes": 60 * MICROS}
    later = paid(failed(settled.wallet), RENEWAL + A_DAY)
    assert period_of(later).used == {"call_minutes": 60 * MICROS}, "what was drawn on trust stays drawn"


def test_what_was_bought_before_a_month_was_paid_takes_nothing_from_the_allowance_it_gives_then() -> None:
    on_trust = settle(DUE, [call("a", seconds="360", ended_at=RENEWAL)], PLANS, RENEWAL).wallet
    unpaid = settle(failed(on_trust), [call("b", seconds="90", ended_at=RENEWAL)], PLANS, RENEWAL).wallet
    assert (period_of(unpaid).used, period_of(unpaid).bought) == (
        {"call_minutes": 360 * MICROS},
        {"call_minutes": 60 * MICROS},
    )
    well = paid(unpaid, RENEWAL + A_DAY)
    assert (period_of(well).used, period_of(well).bought) == (period_of(unpaid).used, period_of(unpaid).bought)


def test_a_call_that_ended_before_the_renewal_draws_the_old_month_though_the_new_one_is_unpaid() -> None:
    late = call(seconds="60", ended_at=RENEWAL - A_DAY, arrived_at=RENEWAL + A_DAY)
    settled = settle(failed(DUE), [late], PLANS, RENEWAL + A_DAY)
    assert previous_period_of(settled.wallet).used == {"call_minutes": 260 * MICROS}


def test_paying_unlocks_and_the_anchor_stays() -> None:
    unpaid = DUE
    for days in (0, 1, 3, 7):
        unpaid = failed(unpaid, RENEWAL + timedelta(days=days))
    well = paid(try_at_once(unpaid, RENEWAL + timedelta(days=20)), RENEWAL + timedelta(days=20))
    assert (well.status, subscription_of(well).dunning, subscription_of(well).anchor_day) == ("active", None, 1)
    assert (period_of(well).start, period_of(well).end) == (RENEWAL, datetime(2027, 1, 1, tzinfo=UTC))


def test_a_payment_lifts_no_administrator_s_lock() -> None:
    locked = replace(failed(DUE), lock_reason="fraud")
    assert paid(locked, RENEWAL + A_DAY).status == "locked"


def test_months_that_went_by_while_locked_are_not_charged() -> None:
    unpaid = change(failed(DUE), dunning=dunning(RENEWAL, 4, None, locked=True))
    found = tried(try_at_once(unpaid, RENEWAL), datetime(2027, 3, 10, tzinfo=UTC))
    assert found.transaction.lines[0].period_start == datetime(2027, 3, 1, tzinfo=UTC)
    assert found.wallet.status == "locked", "until it is paid"


def test_a_new_card_tries_at_once_and_takes_no_later_try_away() -> None:
    unpaid = failed(failed(DUE), RENEWAL + A_DAY)
    now = RENEWAL + timedelta(days=2)
    again = try_at_once(unpaid, now)
    assert subscription_of(again).due_at == now
    assert subscription_of(failed(again, now)).due_at == RENEWAL + timedelta(days=3)


def test_a_card_that_became_the_default_while_the_old_one_was_charged_is_tried_at_once() -> None:
    found = tried(DUE)
    better = replace(found.wallet, default_card=DefaultCard("pm_2", "fp_2"))
    declined = fail_renewal(better, found.transaction, RENEWAL)
    assert subscription_of(declined).due_at == RENEWAL
    again = tried(declined)
    assert again.transaction.payment_method_id == "pm_2"
    assert subscription_of(fail_renewal(again.wallet, again.transaction, RENEWAL)).due_at == RENEWAL + A_DAY


def test_an_administrator_s_unlock_gives_seven_days_more_and_one_last_try() -> None:
    locked = change(failed(DUE), dunning=dunning(RENEWAL, 4, None, locked=True), lock_reason="unpaid, too")
    now = RENEWAL + timedelta(days=9)
    given = unlock(locked, now)
    assert (given.status, subscription_of(given).due_at) == ("active", now + timedelta(days=7))
    assert failed(given, now + timedelta(days=7)).status == "locked"


def test_a_card_that_is_declined_in_those_seven_days_takes_the_last_try_not_away() -> None:
    locked = change(failed(DUE), dunning=dunning(RENEWAL, 4, None, locked=True))
    now = RENEWAL + timedelta(days=9)
    given = unlock(locked, now)
    declined = failed(try_at_once(given, now + A_DAY), now + A_DAY)
    assert (declined.status, subscription_of(declined).due_at) == ("active", now + timedelta(days=7))
    assert failed(declined, now + timedelta(days=7)).status == "locked"


def test_a_card_that_became_the_default_during_the_last_try_is_tried_before_the_account_is_locked() -> None:
    last_try = RENEWAL + timedelta(days=7)
    found = tried(change(failed(DUE), dunning=dunning(RENEWAL, 3, last_try)), last_try)
    declined = fail_renewal(
        replace(found.wallet, default_card=DefaultCard("pm_2", "fp_2")), found.transaction, last_try
    )
    assert (declined.status, subscription_of(declined).due_at) == ("active", last_try)
    assert failed(declined, last_try).status == "locked"


def test_without_a_card_the_try_fails_with_a_reason_of_its_own() -> None:
    transaction = tried(replace(DUE, default_card=None)).transaction
    assert transaction.failure is not None
    assert (transaction.status, transaction.failure.code) == ("Failed", "no_card")


def test_a_subscription_that_was_to_end_ends_when_its_last_month_is_not_paid() -> None:
    leaving = cancel(advance(DUE, PLANS, RENEWAL))
    assert failed(leaving).status == "canceled"


@pytest.mark.parametrize("state", ["paid already", "canceled meanwhile", "another month"])
def test_money_that_comes_when_nobody_waits_for_it_any_more_becomes_credit(state: str) -> None:
    found = tried(DUE)
    after = {
        "paid already": paid(DUE),
        "canceled meanwhile": cancel(failed(DUE)),
        "another month": change(
            failed(DUE), period=period_of(tried(try_at_once(failed(DUE), RENEWAL), RENEWAL + 70 * A_DAY).wallet)
        ),
    }[state]
    posted = complete_renewal(after, found.transaction, RENEWAL)
    assert posted.wallet.paid_micros == after.paid_micros + micros("33")


@pytest.mark.parametrize("parts", [["0.50"], ["0.20", "0.30"], ["0.10", "0.35", "0.05"]])
def test_what_a_card_paid_beyond_the_price_is_taken_back_first_however_the_refund_is_divided(parts: list[str]) -> None:
    lines = (TransactionLine("Seats", "1", micros("0.18"), RENEWAL, RENEWAL + A_DAY), TransactionLine("", "1", 320_000))
    charge = replace(tried(DUE).transaction, status="Paid", amount_micros=micros("0.50"), lines=lines)
    after = DUE
    for part in parts:
        refund = Refund(part, micros(part), RENEWAL)
        after, charge = refunded(after, charge, refund)
    assert after.paid_micros == DUE.paid_micros - micros("0.32")
    last = charge.refunds[-1]
    others = replace(charge, refunds=charge.refunds[:-1])
    returned, _ = refunded(after, charge, replace(last, returned=True))
    assert returned.paid_micros == DUE.paid_micros - min(micros("0.32"), others.refunded_micros)


def refunded(before: Wallet, charge: Transaction, refund: Refund) -> tuple[Wallet, Transaction]:
    change = record_refund(before, charge, refund, RENEWAL)
    return change.wallet, change.answer


def test_a_late_decline_of_a_month_that_was_paid_since_changes_nothing() -> None:
    transaction: Transaction = tried(DUE).transaction
    assert fail_renewal(paid(DUE), transaction, RENEWAL) == paid(DUE)


def test_a_free_month_needs_no_try_and_is_due_for_nothing_but_to_be_told() -> None:
    free = wallet(on=FREE)
    assert next_try(advance(free, PLANS, RENEWAL), PLANS, RENEWAL, asked_at=RENEWAL) is None
    assert subscription_of(free).due_at == RENEWAL


def test_a_canceled_account_s_late_calls_draw_the_last_month_only_if_they_ended_in_it() -> None:
    ended = advance(cancel(DUE), PLANS, RENEWAL)
    in_time = call("a", seconds="60", ended_at=RENEWAL - A_DAY, arrived_at=RENEWAL + A_DAY)
    after = call("b", seconds="60", ended_at=RENEWAL + A_DAY)
    assert settle(ended, [in_time], PLANS, RENEWAL + A_DAY).wallet.paid_micros == DUE.paid_micros
    assert settle(ended, [after], PLANS, RENEWAL + A_DAY).wallet.paid_micros == DUE.paid_micros - micros("0.60")


def test_a_sweep_as_of_a_later_moment_than_the_clock_s_goes_on_from_that_moment() -> None:
    clock, unpaid = RENEWAL - timedelta(days=20), DUE
    for days in (1, 3, 7):
        found = tried(unpaid, subscription_of(unpaid).due_at or RENEWAL)
        unpaid = fail_renewal(found.wallet, found.transaction, clock)
        assert subscription_of(unpaid).due_at == RENEWAL + timedelta(days=days)
