"""Months run from anchor day to anchor day, in UTC, and a free plan needs nothing but itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.errors import InvalidValue
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.subscription import NoSubscription, check_quantities, month_after
from billing.domain.subscription_life import advance, cancel, change_terms, reset_usage, subscribe
from billing.domain.terms import Terms
from billing.domain.wallet import Wallet
from billing.words.history_texts import say_entry
from tests.builders import (
    NOW,
    PERIOD_END,
    PHONE_NUMBERS,
    calls_feature,
    change,
    change_period,
    dunning,
    micros,
    period_of,
    plan,
    previous_period_of,
    subscription_of,
    wallet,
)

NUMBERS = RecurringFeature("phone_number", PHONE_NUMBERS, included=1, unit_price_micros=micros("2"))
SLOTS = RecurringFeature("call_concurrency", "Calls at once", included=5, unit_price_micros=micros("8"), maximum=10)
FREE = plan(calls_feature(included_minutes=2))
PRICED = plan(calls_feature(included_minutes=5), plan_id="starter", base_price="49")
PLANS = {each.key: each for each in (FREE, PRICED)}
RENTING = plan(calls_feature(), recurring=(NUMBERS, SLOTS))


def test_the_anchor_day_is_kept_through_short_months_and_leap_years() -> None:
    moment, days = datetime(2027, 10, 31, 9, 15, tzinfo=UTC), []
    for _ in range(7):
        moment = month_after(moment, 31)
        days.append((moment.month, moment.day, moment.hour))
    assert days == [(11, 30, 9), (12, 31, 9), (1, 31, 9), (2, 29, 9), (3, 31, 9), (4, 30, 9), (5, 31, 9)]
    assert month_after(datetime(2027, 1, 29, tzinfo=UTC), 29) == datetime(2027, 2, 28, tzinfo=UTC)


def test_quantities_are_units_in_all_of_which_the_included_ones_cost_nothing() -> None:
    quantities = check_quantities(RENTING, {"phone_number": 2})
    assert quantities == {"phone_number": 2, "call_concurrency": 5}
    assert RENTING.monthly_price_micros(quantities) == micros("2")
    assert RENTING.monthly_price_micros(check_quantities(RENTING, {})) == 0


def test_more_than_the_maximum_or_a_feature_that_is_not_rented_out_is_refused_by_its_field() -> None:
    for asked in ({"call_concurrency": 11}, {"call_minutes": 1}):
        with pytest.raises(InvalidValue) as refused:
            check_quantities(RENTING, asked)
        assert refused.value.field == f"quantities.{next(iter(asked))}"


def test_the_concurrency_limit_is_included_and_rented_slots_up_to_the_maximum() -> None:
    assert RENTING.concurrency_limit({}) == 5
    assert RENTING.concurrency_limit({"call_concurrency": 7}) == 7
    assert RENTING.concurrency_limit({"call_concurrency": 70}) == 10
    assert plan().concurrency_limit({}) is None


def bought(before: Wallet, seconds: str) -> Wallet:
    return change_period(before, bought={"call_minutes": micros(seconds)})


def terms_of(on: Plan, **quantities: int) -> Terms:
    return Terms(on.plan_id, on.version, check_quantities(on, quantities))


def test_a_first_plan_starts_a_period_that_renews_on_the_same_day_of_the_month() -> None:
    assigned = subscribe(wallet(), terms_of(plan()), NOW)
    assert (period_of(assigned).start, period_of(assigned).end) == (NOW, datetime(2026, 12, 23, 12, 0, tzinfo=UTC))
    assert subscription_of(assigned).anchor_day == 23


def test_a_change_of_plan_keeps_the_period_and_counts_what_was_used_against_the_new_allowance() -> None:
    before = wallet(on=plan(), used_seconds=90)
    after = change_terms(before, terms_of(plan(version=2)))
    assert period_of(after) == replace(period_of(before), plan_version=2)


def test_what_was_bought_is_bought_for_its_month_only() -> None:
    before = bought(wallet(on=FREE, used_seconds=180), "60")
    moved, rolled = change_terms(before, terms_of(PRICED)), advance(before, PLANS, PERIOD_END)
    assert (period_of(moved).bought, period_of(rolled).bought) == ({"call_minutes": micros("60")}, {})
    assert subscription_of(rolled).previous_period == period_of(before)


def test_what_was_unused_is_gone_after_a_renewal_however_many_months_nobody_called() -> None:
    rolled = advance(wallet(on=FREE, used_seconds=30), PLANS, PERIOD_END + timedelta(days=70))
    assert (period_of(rolled).start, period_of(rolled).end) == (
        datetime(2027, 2, 1, tzinfo=UTC),
        datetime(2027, 3, 1, tzinfo=UTC),
    )
    assert (period_of(rolled).used, previous_period_of(rolled).used, period_of(rolled).payment) == ({}, {}, "paid")


def test_a_month_that_costs_money_begins_on_trust_and_no_further_one_before_it_is_paid() -> None:
    rolled = advance(wallet(on=PRICED, used_seconds=30), PLANS, PERIOD_END + timedelta(days=70))
    assert (period_of(rolled).start, period_of(rolled).payment, period_of(rolled).used) == (PERIOD_END, "due", {})
    assert advance(rolled, PLANS, PERIOD_END + timedelta(days=700)) == rolled


def test_the_second_of_the_renewal_is_the_first_of_the_new_period() -> None:
    before = wallet(on=PRICED)
    assert advance(before, PLANS, PERIOD_END - timedelta(seconds=1)) == before
    assert advance(before, PLANS, PERIOD_END) != before


def test_a_canceled_subscription_ends_with_its_period_and_starts_no_other() -> None:
    leaving = cancel(wallet(on=PRICED))
    assert advance(leaving, PLANS, PERIOD_END - timedelta(seconds=1)).status == "active"
    ended = advance(leaving, PLANS, PERIOD_END)
    assert (ended.status, period_of(ended)) == ("canceled", period_of(leaving))
    assert subscription_of(ended).due_at is None


def test_canceling_can_be_undone_until_the_end_by_any_change() -> None:
    stays = change_terms(cancel(wallet(on=PRICED)), terms_of(PRICED))
    assert advance(stays, PLANS, PERIOD_END).status == "active"


def test_an_unpaid_subscription_that_is_canceled_ends_at_once_since_there_is_nothing_to_run_out() -> None:
    begun = change_period(advance(wallet(on=PRICED), PLANS, PERIOD_END), payment="failed")
    unpaid = change(begun, dunning=dunning(PERIOD_END, 1, PERIOD_END))
    assert unpaid.is_past_due
    assert (cancel(unpaid).status, cancel(unpaid).is_past_due) == ("canceled", False)


def test_an_account_without_a_subscription_cannot_cancel_one() -> None:
    with pytest.raises(NoSubscription):
        cancel(wallet())


def test_a_scheduled_change_takes_effect_with_the_next_renewal() -> None:
    moved = change_terms(wallet(on=PRICED), terms_of(PRICED), later=terms_of(FREE))
    assert advance(moved, PLANS, PERIOD_END - timedelta(seconds=1)) == moved
    renewed = advance(moved, PLANS, PERIOD_END)
    assert (period_of(renewed).plan_id, period_of(renewed).payment, subscription_of(renewed).next_terms) == (
        "free",
        "paid",
        None,
    )


def test_resetting_the_usage_leaves_a_trail_of_who_why_and_what_was_counted() -> None:
    posted = reset_usage(
        wallet(on=FREE, used_seconds=90), reset_id="r1", reason="goodwill", by="ops", now=NOW, fingerprint="f"
    )
    (entry,) = posted.entries
    assert (period_of(posted.wallet).used, entry.amount_micros, entry.postings, entry.by) == ({}, 0, (), "ops")
    assert say_entry(entry) == "goodwill (counted before, in metered units: call_minutes 90)"


def test_resetting_the_usage_forgets_what_was_bought_too_and_the_trail_says_how_much_it_was() -> None:
    before = bought(wallet(on=FREE, used_seconds=180), "60")
    posted = reset_usage(before, reset_id="r1", reason="goodwill", by="ops", now=NOW, fingerprint="f")
    assert (period_of(posted.wallet).used, period_of(posted.wallet).bought) == ({}, {})
    assert say_entry(posted.entries[0]) == (
        "goodwill (counted before, in metered units: call_minutes 180 of which 60 bought)"
    )
