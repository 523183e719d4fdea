"""May a call start? Every answer has its code, and the facts behind it."""

from datetime import timedelta

import pytest

from billing.domain.permission import PermissionCode, decide
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.wallet import Grant, Wallet
from tests.builders import NOW, PERIOD_END, calls_feature, micros, plan, wallet

PAY_AS_YOU_GO = plan()
WITH_QUOTA = plan(calls_feature(included_minutes=2))
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
    assert permission.message


def test_the_answer_carries_the_allowance_left_in_priced_units() -> None:
    permission = decide(wallet(on=WITH_QUOTA, used_seconds=30), WITH_QUOTA, NOW)
    assert (permission.allowance_unit, permission.allowance_remaining_millionths) == ("minute", micros("1.5"))


@pytest.mark.parametrize(("in_use", "code"), [(1, "allowed"), (2, "concurrency_limit_reached")])
def test_a_call_needs_a_free_slot(in_use: int, code: str) -> None:
    assert decide(wallet(paid="1", on=TWO_SLOTS), TWO_SLOTS, NOW, in_use).code == code


def test_promotional_credit_that_has_expired_lets_no_call_start() -> None:
    expired = wallet(on=PAY_AS_YOU_GO, grants=(Grant("g", micros("5"), NOW),))
    assert decide(expired, PAY_AS_YOU_GO, NOW - timedelta(seconds=1)).code == "allowed"
    assert decide(expired, PAY_AS_YOU_GO, NOW).code == "no_credit"


def test_a_free_plan_s_quota_is_whole_again_from_the_second_of_its_renewal() -> None:
    used_up = wallet(on=WITH_QUOTA, used_seconds=120)
    assert decide(used_up, WITH_QUOTA, PERIOD_END - timedelta(seconds=1)).code == "no_credit"
    assert decide(used_up, WITH_QUOTA, PERIOD_END).code == "allowed"
