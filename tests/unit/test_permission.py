"""May a call start? Every answer has its code, and the facts behind it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.permission import PermissionCode, decide
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.subscription_life import advance
from billing.domain.wallet import Grant, Wallet
from tests.builders import NOW, PERIOD_END, calls_feature, change_period, dunning, micros, plan, wallet

PAY_AS_YOU_GO = plan()
WITH_QUOTA = plan(calls_feature(included_minutes=2))
PLANS = {("free", 1): WITH_QUOTA}
TWO_SLOTS = plan(recurring=(RecurringFeature("call_concurrency", "Calls at once", 2, micros("8")),))


@pytest.mark.parametrize(
    ("asked", "on", "code"),
    [
        (None, None, "account_unknown"),
        (wallet(), None, "no_plan"),
        (wallet(paid="1", on=PAY_AS_YOU_GO), PAY_AS_YOU_GO, "allowed"),
        (wallet(paid="0", on=PAY_AS_YOU_GO), PAY_AS_YOU_GO, "no_credit"),
        (wallet(paid="0", on=WITH_QUOTA), WITH_QUOTA, "allowed"),
        (wallet(paid="0", on=WITH_QUOTA, used_seconds=119), WITH_QUOTA, "allowed"),
        (wallet(paid="0", on=WITH_QUOTA, used_seconds=120), WITH_QUOTA, "no_credit"),
        (wallet(paid="0.01", on=WITH_QUOTA, used_seconds=120), WITH_QUOTA, "allowed"),
        (wallet(paid="-1", on=WITH_QUOTA, paused=True), WITH_QUOTA, "account_paused"),
        (wallet(paid="0", on=WITH_QUOTA, paused=True), WITH_QUOTA, "account_paused"),
        (wallet(paid="9", on=WITH_QUOTA, lock_reason="fraud"), WITH_QUOTA, "account_locked"),
        (wallet(paid="9", on=WITH_QUOTA, canceled=True), WITH_QUOTA, "account_canceled"),
    ],
)
def test_a_call_may_start_unless_there_is_a_reason_against_it(
    asked: Wallet | None, on: Plan | None, code: PermissionCode
) -> None:
    permission = decide(asked, on, NOW)
    assert (permission.code, permission.allowed) == (code, code == "allowed")


def test_the_answer_carries_the_allowance_left_in_priced_units() -> None:
    permission = decide(wallet(on=WITH_QUOTA, used_seconds=30), WITH_QUOTA, NOW)
    feature = permission.allowance_feature
    assert feature is not None
    assert (feature.key, feature.priced_unit) == ("call_minutes", "minute")
    assert permission.allowance_remaining_millionths == micros("1.5")


def test_what_was_bought_leaves_the_allowance_as_it_is() -> None:
    before = wallet(on=WITH_QUOTA, used_seconds=150)
    moved = change_period(before, bought={"call_minutes": micros("60")})
    permission = decide(moved, WITH_QUOTA, NOW)
    assert (permission.code, permission.allowance_remaining_millionths) == ("allowed", micros("0.5"))


@pytest.mark.parametrize(("in_use", "code"), [(1, "allowed"), (2, "concurrency_limit_reached")])
def test_a_call_needs_a_free_slot(in_use: int, code: str) -> None:
    assert decide(wallet(paid="1", on=TWO_SLOTS), TWO_SLOTS, NOW, in_use).code == code


def test_promotional_credit_that_has_expired_lets_no_call_start() -> None:
    expired = wallet(on=PAY_AS_YOU_GO, grants=(Grant("g", micros("5"), NOW),))
    assert decide(expired, PAY_AS_YOU_GO, NOW - timedelta(seconds=1)).code == "allowed"
    assert decide(expired, PAY_AS_YOU_GO, NOW).code == "no_credit"


def test_a_free_plan_s_quota_is_whole_again_from_the_second_of_its_renewal() -> None:
    used_up = wallet(on=WITH_QUOTA, used_seconds=120)
    before, after = PERIOD_END - timedelta(seconds=1), PERIOD_END
    assert decide(advance(used_up, PLANS, before), WITH_QUOTA, before).code == "no_credit"
    assert decide(advance(used_up, PLANS, after), WITH_QUOTA, after).code == "allowed"


def test_an_unpaid_month_gives_no_allowance_and_calls_go_on_from_credit() -> None:
    unpaid = change_period(wallet(on=WITH_QUOTA), payment="failed")
    permission = decide(unpaid, WITH_QUOTA, NOW)
    assert (permission.code, permission.allowance_remaining_millionths) == ("no_credit", 0)
    assert decide(replace(unpaid, paid_micros=1), WITH_QUOTA, NOW).code == "allowed"


def test_a_renewal_that_was_never_paid_locks_like_an_administrator() -> None:
    locked = wallet(paid="9", on=WITH_QUOTA, dunning=dunning(NOW, 4, None, locked=True))
    assert decide(locked, WITH_QUOTA, NOW).code == "account_locked"
