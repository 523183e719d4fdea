"""A void takes a charge back: money where it came from, the allowance while its period is at hand, nothing else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.ledger import PAID_CREDIT, PROMOTION_EXPENSE, PROMOTIONAL_CREDIT, USAGE_REVENUE, LedgerEntry
from billing.domain.settlement import settle
from billing.domain.subscription import begin_next_month
from billing.domain.subscription_life import reset_usage
from billing.domain.void import void_charge
from billing.domain.wallet import Grant, Refill, Wallet
from tests.builders import (
    NOW,
    PERIOD_END,
    call,
    calls_feature,
    change,
    change_period,
    micros,
    period_of,
    plan,
    previous_period_of,
    wallet,
)

ON = plan(calls_feature(included_minutes=0))
INCLUDING = plan(calls_feature(included_minutes=5), plan_id="including")
PLANS = {each.key: each for each in (ON, INCLUDING)}
LATER = NOW + timedelta(hours=1)


def charged(before: Wallet, seconds: str, name: str = "a", **facts: Any) -> tuple[Wallet, LedgerEntry]:
    now = facts.pop("now", NOW)
    settled = settle(before, [call(name, seconds=seconds, **facts)], PLANS, now)
    (charge,) = (entry for entry in settled.entries if entry.kind == "usage")
    return settled.wallet, charge


def voided(before: Wallet, charge: LedgerEntry, now: Any = LATER) -> tuple[Wallet, LedgerEntry]:
    change = void_charge(before, charge, reason="خطأ", by="ops", now=now, fingerprint="f")
    return change.wallet, change.answer


def posted(entry: LedgerEntry) -> dict[str, int]:
    return {posting.account: posting.micros for posting in entry.postings}


def test_the_worked_example_of_a_call_that_was_billed_too_long() -> None:
    """At 0.12 a minute: 370 s sent, -0.74; void +0.74; 312 s confirmed, -0.624."""
    fresh = wallet(paid="10", on=ON)
    too_long, charge = charged(fresh, "370")
    assert charge.amount_micros == micros("-0.74")
    back, void = voided(too_long, charge)
    assert (void.amount_micros, void.cause, void.kind) == (micros("0.74"), f"void:{charge.cause}", "void")
    assert posted(void) == {PAID_CREDIT: micros("0.74"), USAGE_REVENUE: micros("-0.74")}
    assert (void.description, void.by) == ("خطأ", "ops")
    assert (back.balance_micros, back.sequence) == (fresh.balance_micros, charge.sequence + 1)
    right, corrected = charged(back, "312", "again")
    assert corrected.amount_micros == micros("-0.624")
    assert right.balance_micros == micros("10") - micros("0.624")


def test_the_allowance_and_the_counters_go_back() -> None:
    first, charge = charged(wallet(paid="10", on=INCLUDING), "240")
    second, other = charged(first, "240", "b")
    assert other.amount_micros == micros("-0.36")
    back, void = voided(second, charge)
    assert void.amount_micros == 0
    assert dict(period_of(back).used) == {"call_minutes": 240 * micros("1")}
    assert dict(period_of(back).bought) == {"call_minutes": 180 * micros("1")}
    # Other calls are not rated again: the next one draws what is free now.
    _, third = charged(back, "240", "c")
    assert third.usage is not None
    assert third.usage.lines[0].included_millionths == 240 * micros("1")
    all_back, _ = voided(back, other)
    assert (dict(period_of(all_back).used), dict(period_of(all_back).bought)) == ({}, {})


def test_promotional_credit_goes_back_to_its_grants_and_a_spent_one_is_there_again() -> None:
    soon, late = Grant("soon", micros("0.5"), LATER + timedelta(days=1)), Grant("late", micros("5"), PERIOD_END)
    fresh = wallet(paid="10", on=ON, grants=(late, soon))
    after, charge = charged(fresh, "600")
    assert [grant.grant_id for grant in after.grants] == ["late"]
    back, void = voided(after, charge)
    assert {grant.grant_id: grant for grant in back.grants} == {"soon": soon, "late": late}
    assert back.paid_micros == fresh.paid_micros
    assert posted(void) == {PROMOTIONAL_CREDIT: micros("1.2"), USAGE_REVENUE: micros("-1.2")}


def test_what_came_from_a_grant_that_has_expired_is_written_off_in_the_same_entry() -> None:
    ends = NOW + timedelta(minutes=30)
    fresh = wallet(paid="10", on=ON, grants=(Grant("g", micros("0.5"), ends),))
    after, charge = charged(fresh, "600")
    back, void = voided(after, charge)
    assert void.amount_micros == micros("0.7")
    assert posted(void) == {
        PAID_CREDIT: micros("0.7"),
        PROMOTION_EXPENSE: micros("0.5"),
        USAGE_REVENUE: micros("-1.2"),
    }
    assert (back.paid_micros, back.grants) == (micros("10"), ())


def test_a_paused_account_resumes_and_no_refill_starts() -> None:
    refill = Refill(enabled=True, threshold_micros=micros("100"), amount_micros=micros("100"))
    paused, charge = charged(wallet(paid="0.5", on=ON), "600")
    paused = replace(paused, refill=refill)
    assert paused.status == "paused"
    back, _ = voided(paused, charge)
    assert back.status == "active"
    assert back.refill == refill


def test_after_the_period_has_gone_only_money_goes_back() -> None:
    november, charge = charged(wallet(paid="10", on=INCLUDING), "360")
    december = begin_next_month(november.require_subscription(), PLANS)
    later = PERIOD_END + timedelta(days=1)
    in_december = replace(november, subscription=replace(december, period=replace(december.period, payment="paid")))
    back, _ = voided(in_december, charge, later)
    assert dict(previous_period_of(back).used) == {}, "the period before is still at hand"
    assert period_of(back) == period_of(in_december)
    january = begin_next_month(in_december.require_subscription(), PLANS)
    gone, void = voided(replace(in_december, subscription=january), charge, PERIOD_END + timedelta(days=40))
    assert void.amount_micros == -charge.amount_micros > 0
    assert gone.subscription == january


def test_a_late_call_goes_back_to_the_period_that_counted_it() -> None:
    december = begin_next_month(wallet(paid="10", on=INCLUDING).require_subscription(), PLANS)
    before = wallet(paid="10", on=INCLUDING)
    before = replace(before, subscription=replace(december, period=replace(december.period, payment="paid")))
    later = PERIOD_END + timedelta(hours=3)
    late, charge = charged(before, "360", ended_at=NOW, arrived_at=later, now=later)
    assert charge.usage is not None
    assert (charge.usage.counted_in, previous_period_of(late).used_of("call_minutes")) == (
        "previous",
        360 * micros("1"),
    )
    back, _ = voided(late, charge, later)
    assert dict(previous_period_of(back).used) == {}
    assert period_of(back) == period_of(late)


def test_what_was_counted_nowhere_goes_back_nowhere() -> None:
    unpaid = change_period(wallet(paid="10", on=INCLUDING, used_seconds=100), payment="failed")
    after, charge = charged(unpaid, "60")
    assert charge.usage is not None
    assert charge.usage.counted_in == "none"
    back, _ = voided(after, charge)
    assert period_of(back).used_of("call_minutes") == 100 * micros("1")


def test_what_was_counted_before_a_reset_is_not_taken_from_what_was_counted_since() -> None:
    first, charge = charged(wallet(paid="10", on=INCLUDING), "240")
    anew = reset_usage(
        first, reset_id="r", reason="x", by="ops", now=NOW + timedelta(minutes=1), fingerprint="f"
    ).wallet
    second, other = charged(anew, "120", "b", now=NOW + timedelta(minutes=2))
    back, _ = voided(second, charge)
    assert period_of(back).used_of("call_minutes") == 120 * micros("1")
    back, _ = voided(back, other)
    assert period_of(back).used_of("call_minutes") == 0


def test_an_account_without_a_subscription_gets_its_money_back() -> None:
    after, charge = charged(wallet(paid="10", on=ON), "60")
    back, _ = voided(replace(after, subscription=None), charge)
    assert back.balance_micros == micros("10")
    canceled, _ = voided(change(after, canceled=True), charge)
    assert canceled.balance_micros == micros("10")


def test_only_usage_is_voided() -> None:
    after, charge = charged(wallet(paid="10", on=ON), "60")
    with pytest.raises(TypeError):
        void_charge(after, replace(charge, usage=None), reason="x", by="ops", now=NOW, fingerprint="f")
