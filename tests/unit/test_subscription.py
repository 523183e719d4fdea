"""Months run from anchor day to anchor day, in UTC, and a free plan needs nothing but itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.errors import InvalidValue
from billing.domain.plan import RecurringFeature
from billing.domain.subscription import assign_free_plan, checked_quantities, month_after, roll_free_periods
from tests.builders import MICROS, NOW, PERIOD_END, calls_feature, micros, plan, wallet

NUMBERS = RecurringFeature("phone_number", "Phone numbers", included=1, unit_price_micros=micros("2"))
SLOTS = RecurringFeature("call_concurrency", "Calls at once", included=5, unit_price_micros=micros("8"), maximum=10)
RENTING = plan(calls_feature(), recurring=(NUMBERS, SLOTS))


def test_the_anchor_day_is_kept_through_short_months_and_leap_years() -> None:
    moment, days = datetime(2027, 10, 31, 9, 15, tzinfo=UTC), []
    for _ in range(7):
        moment = month_after(moment, 31)
        days.append((moment.month, moment.day, moment.hour))
    assert days == [(11, 30, 9), (12, 31, 9), (1, 31, 9), (2, 29, 9), (3, 31, 9), (4, 30, 9), (5, 31, 9)]
    assert month_after(datetime(2027, 1, 29, tzinfo=UTC), 29) == datetime(2027, 2, 28, tzinfo=UTC)


def test_quantities_are_units_in_all_of_which_the_included_ones_cost_nothing() -> None:
    quantities = checked_quantities(RENTING, {"phone_number": 2})
    assert quantities == {"phone_number": 2, "call_concurrency": 5}
    assert RENTING.monthly_price_micros(quantities) == micros("2")
    assert RENTING.monthly_price_micros(checked_quantities(RENTING, {})) == 0


def test_more_than_the_maximum_or_a_feature_that_is_not_rented_out_is_refused_by_its_field() -> None:
    for asked in ({"call_concurrency": 11}, {"call_minutes": 1}):
        with pytest.raises(InvalidValue) as refused:
            checked_quantities(RENTING, asked)
        assert refused.value.field == f"quantities.{next(iter(asked))}"


def test_the_concurrency_limit_is_included_and_rented_slots_up_to_the_maximum() -> None:
    assert RENTING.concurrency_limit({}) == 5
    assert RENTING.concurrency_limit({"call_concurrency": 7}) == 7
    assert RENTING.concurrency_limit({"call_concurrency": 70}) == 10
    assert plan().concurrency_limit({}) is None


def test_a_first_plan_starts_a_period_that_renews_on_the_same_day_of_the_month() -> None:
    assigned = assign_free_plan(replace(wallet(), anchor_day=None), plan(), {}, NOW)
    assert assigned.period is not None
    assert (assigned.period.start, assigned.period.end) == (NOW, datetime(2026, 12, 23, 12, 0, tzinfo=UTC))
    assert assigned.anchor_day == 23


def test_a_change_of_plan_keeps_the_period_and_counts_what_was_used_against_the_new_allowance() -> None:
    before = wallet(on=plan(), used_seconds=90)
    after = assign_free_plan(before, plan(version=2), {}, NOW)
    assert before.period is not None
    assert after.period == replace(before.period, plan_version=2)


def test_what_was_unused_is_gone_after_a_renewal_however_many_months_nobody_called() -> None:
    free = plan(calls_feature(included_minutes=2))
    rolled = roll_free_periods(wallet(on=free, used_seconds=30), free, PERIOD_END + timedelta(days=70))
    assert rolled.period is not None
    assert rolled.previous_period is not None
    assert (rolled.period.start, rolled.period.end) == (
        datetime(2027, 2, 1, tzinfo=UTC),
        datetime(2027, 3, 1, tzinfo=UTC),
    )
    assert (rolled.period.used, rolled.previous_period.used) == ({}, {})


def test_a_period_that_must_be_paid_does_not_roll_by_itself() -> None:
    priced = plan(calls_feature(), base_price="49")
    before = wallet(on=priced, used_seconds=30 * MICROS)
    assert roll_free_periods(before, priced, PERIOD_END + timedelta(days=1)) == before
