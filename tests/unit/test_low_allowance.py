"""An included quantity that runs out: 80 and 100 %, each told once a period."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.low_allowance import Told, told_after
from billing.domain.notice_facts import AllowanceLow
from billing.domain.notices import of_wallet
from billing.domain.plan import Plan
from billing.domain.settlement import settle
from billing.domain.subscription import begin_next_month
from billing.domain.subscription_life import change_terms, reset_usage
from billing.domain.terms import Terms
from billing.domain.wallet import Wallet
from tests.builders import NOW, PERIOD_END, call, calls_feature, change_period, micros, period_of, plan, wallet

ON = plan(calls_feature(included_minutes=500))
LARGER = plan(calls_feature(included_minutes=1000), plan_id="larger")
PLANS = {each.key: each for each in (ON, LARGER)}
MINUTE = 60 * micros("1")


def talk(before: Wallet, minutes: str, plans: Any = None) -> Wallet:
    """A call of so many minutes."""
    event = call(f"event-{before.sequence}", seconds=str(int(float(minutes) * 60)))
    return settle(before, [event], plans or PLANS, NOW).wallet


def told(before: Wallet, after: Wallet) -> list[tuple[str, int, str]]:
    facts = [notice.facts for notice in of_wallet(before, after, NOW)]
    return [(each.feature, each.percent, each.included) for each in facts if isinstance(each, AllowanceLow)]


@pytest.mark.parametrize(
    ("used", "percent"),
    [("399.98", None), ("400", 80), ("400.02", 80), ("499.98", 80), ("500", 100), ("700", 100)],
)
def test_eighty_percent_and_all_of_what_is_included_are_told(used: str, percent: int | None) -> None:
    before = wallet(paid="100", on=ON)
    assert told(before, talk(before, used)) == ([] if percent is None else [("call_minutes", percent, "500")])


def test_each_is_told_once_a_period() -> None:
    fresh = wallet(paid="100", on=ON)
    at_80 = talk(fresh, "400")
    at_81 = talk(at_80, "5")
    at_all = talk(at_81, "95")
    beyond = talk(at_all, "95")
    steps = (fresh, at_80, at_81, at_all, beyond)
    assert [told(*each) for each in itertools.pairwise(steps)] == [
        [("call_minutes", 80, "500")],
        [],
        [("call_minutes", 100, "500")],
        [],
    ]
    causes = {notice.cause for each in itertools.pairwise(steps) for notice in of_wallet(*each, NOW)}
    assert len(causes) == len({"80", "100"})


def test_after_a_reset_of_what_was_used_it_is_not_told_again() -> None:
    used_up = talk(wallet(paid="100", on=ON), "500")
    reset = reset_usage(used_up, reset_id="r", reason="خطأ", by="ops", now=NOW, fingerprint="f").wallet
    assert told(used_up, reset) == []
    assert told(reset, talk(reset, "500")) == []


def test_a_larger_quantity_is_told_at_its_own_eighty_percent_and_a_smaller_one_no_more() -> None:
    used_up = talk(wallet(paid="100", on=ON), "500")
    larger = change_terms(used_up, Terms("larger", 1, {}))
    assert told(used_up, larger) == []
    assert told(larger, talk(larger, "299")) == []
    at_800 = talk(larger, "300")
    assert told(larger, at_800) == [("call_minutes", 80, "1000")]
    smaller = change_terms(at_800, Terms("free", 1, {}))
    assert told(smaller, talk(smaller, "1")) == []


def test_what_was_bought_draws_no_allowance_and_is_not_told() -> None:
    before = change_period(
        wallet(paid="100", on=ON), used={"call_minutes": 450 * MINUTE}, bought={"call_minutes": 450 * MINUTE}
    )
    assert told(before, talk(before, "1")) == []


def test_the_next_period_begins_anew_and_a_late_call_of_the_former_one_tells_nothing() -> None:
    used_up = talk(wallet(paid="100", on=ON), "500")
    subscription = begin_next_month(used_up.require_subscription(), PLANS)
    assert subscription.previous_period is not None
    assert subscription.period.told == subscription.previous_period.told == {}
    december = replace(used_up, subscription=replace(subscription, period=replace(subscription.period, payment="paid")))
    assert told(used_up, december) == []
    late = call("late", seconds="60", ended_at=PERIOD_END - timedelta(minutes=1))
    after = settle(december, [late], PLANS, PERIOD_END + timedelta(minutes=1)).wallet
    assert told(december, after) == []
    first = call("first", seconds=str(400 * 60), ended_at=PERIOD_END + timedelta(hours=7))
    again = settle(after, [first], PLANS, PERIOD_END + timedelta(hours=7)).wallet
    assert told(after, again) == [("call_minutes", 80, "500")]
    # Also where the month began with the very call that is told.
    assert told(used_up, again) == [("call_minutes", 80, "500")]


def test_a_month_that_is_not_paid_has_no_allowance_to_tell_of() -> None:
    unpaid = change_period(wallet(paid="100", on=ON), payment="failed")
    assert told(unpaid, talk(unpaid, "500")) == []


def test_a_feature_without_an_included_quantity_is_never_low() -> None:
    on: Plan = plan(calls_feature())
    before = wallet(paid="100", on=on)
    assert told(before, talk(before, "500", {on.key: on})) == []


def test_nothing_new_is_the_same_value() -> None:
    known = {"call_minutes": Told(80, 500 * micros("1"))}
    assert told_after(known, ON, {"call_minutes": 410 * MINUTE}, {}) is known
    assert period_of(wallet(on=ON)).told == {}
