"""Settling decides what calls cost an account, what they draw, and when it is paused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.ledger import LedgerEntry, Posting, RatedLine, UnbalancedEntry
from billing.domain.plan import Plan
from billing.domain.settlement import Settlement, settle
from billing.domain.subscription import Period
from billing.domain.usage import UsageEvent
from billing.domain.wallet import DefaultCard, Grant, Refill, Wallet, adjust
from tests.builders import (
    MICROS,
    NOW,
    PERIOD_END,
    PERIOD_START,
    call,
    calls_feature,
    change,
    detection_feature,
    micros,
    period_of,
    plan,
    previous_period_of,
    wallet,
)

FREE = plan()
WITH_QUOTA = plan(calls_feature(included_minutes=2), detection_feature())


def settled(before: Wallet, *events: UsageEvent, on: Plan = FREE, now: object = NOW) -> Settlement:
    plans = {(on.plan_id, on.version): on}
    return settle(before, events, plans, now)  # type: ignore[arg-type]


def adjusted(before: Wallet, amount: str) -> Wallet:
    return adjust(before, micros(amount), adjustment_id="1", reason="wire", by="ops", now=NOW, fingerprint="f").wallet


def test_the_total_of_a_call_is_deducted_from_the_balance() -> None:
    outcome = settled(wallet(paid="10", on=FREE), call(seconds="90", detections=2))
    assert outcome.wallet.balance_micros == micros("9.80")
    assert outcome.entries[0].amount_micros == -micros("0.20")
    assert outcome.entries[0].balance_after_micros == micros("9.80")


def test_a_call_within_the_quota_costs_nothing_and_still_leaves_a_record() -> None:
    outcome = settled(wallet(on=WITH_QUOTA), call(seconds="120"), on=WITH_QUOTA)
    assert outcome.wallet.balance_micros == 0
    assert [line.included_millionths for entry in outcome.entries for line in lines_of(entry)] == [micros("120")]
    assert not outcome.wallet.paused


def test_a_quota_is_used_up_in_the_middle_of_a_call() -> None:
    outcome = settled(wallet(paid="1", on=WITH_QUOTA, used_seconds=90), call(seconds="90"), on=WITH_QUOTA)
    assert outcome.wallet.balance_micros == micros("0.88")
    assert period_of(outcome.wallet).used_of("call_minutes") == micros("180")


def test_what_is_priced_is_counted_as_bought_by_feature_and_nothing_else_is() -> None:
    within = settled(wallet(on=WITH_QUOTA), call("a", seconds="90"), on=WITH_QUOTA).wallet
    beyond = settled(
        within, call("b", seconds="90", detections=2), call("c", seconds="6", detections=1), on=WITH_QUOTA
    ).wallet
    assert period_of(within).bought == {}
    assert period_of(beyond).used == {"call_minutes": micros("186"), "voicemail_detection": micros("3")}
    assert period_of(beyond).bought == {"call_minutes": micros("66"), "voicemail_detection": micros("3")}


def test_an_event_that_is_rejected_counts_nothing_as_bought() -> None:
    only_calls = plan(calls_feature())
    before = wallet(on=only_calls)
    assert settled(before, call(seconds="60", detections=1), on=only_calls).wallet == before


def test_what_a_late_call_buys_is_counted_in_the_old_period() -> None:
    before = renewed(used_seconds=90)
    late = call(seconds="60", ended_at=PERIOD_START - timedelta(minutes=1), arrived_at=PERIOD_START)
    outcome = settled(before, late, on=WITH_QUOTA)
    assert previous_period_of(outcome.wallet).bought == {"call_minutes": micros("30")}
    assert period_of(outcome.wallet) == period_of(before)


def test_a_call_is_never_cut_off_and_a_negative_balance_pauses_the_account() -> None:
    outcome = settled(wallet(paid="0.10", on=FREE), call(seconds="60"))
    assert outcome.wallet.balance_micros == -micros("0.02")
    assert outcome.wallet.status == "paused"


def test_a_balance_that_falls_to_exactly_zero_does_not_pause() -> None:
    outcome = settled(wallet(paid="0.12", on=FREE), call(seconds="60"))
    assert outcome.wallet.balance_micros == 0
    assert outcome.wallet.status == "active"


@pytest.mark.parametrize(("credit", "status"), [("0.01", "paused"), ("0.02", "paused"), ("0.020001", "active")])
def test_a_paused_account_resumes_only_when_its_balance_is_above_zero(credit: str, status: str) -> None:
    paused = settled(wallet(paid="0.10", on=FREE), call(seconds="60")).wallet
    assert adjusted(paused, credit).status == status


def test_a_paused_account_is_still_charged_for_the_call_that_was_running() -> None:
    paused = settled(wallet(on=FREE), call("first")).wallet
    assert settled(paused, call("second")).wallet.balance_micros == -micros("0.24")


def test_promotional_credit_is_spent_first_and_the_soonest_to_expire_before_the_rest() -> None:
    late = Grant("late", micros("0.05"), NOW + timedelta(days=20))
    soon = Grant("soon", micros("0.05"), NOW + timedelta(days=2))
    outcome = settled(wallet(paid="1", on=FREE, grants=(late, soon)), call(seconds="30"))
    assert outcome.wallet.grants == (replace(late, remaining_micros=micros("0.04")),)
    assert outcome.wallet.paid_micros == micros("1")
    assert posted(outcome.entries[0]) == {
        "liability:promotional_credit": -micros("0.06"),
        "revenue:usage": micros("0.06"),
    }


def test_a_charge_beyond_the_promotional_credit_takes_the_rest_from_paid_credit() -> None:
    grant = Grant("g", micros("0.05"), NOW + timedelta(days=2))
    outcome = settled(wallet(paid="1", on=FREE, grants=(grant,)), call(seconds="60"))
    assert outcome.wallet.grants == ()
    assert outcome.wallet.paid_micros == micros("0.93")


def test_promotional_credit_that_expired_is_written_off_by_an_entry_before_it_can_be_spent() -> None:
    grant = Grant("g", micros("5"), NOW)
    outcome = settled(wallet(paid="1", on=FREE, grants=(grant,)), call(seconds="60"))
    assert [entry.kind for entry in outcome.entries] == ["grant_expiry", "usage"]
    assert posted(outcome.entries[0]) == {
        "liability:promotional_credit": -micros("5"),
        "expense:promotion": micros("5"),
    }
    assert outcome.wallet.balance_micros == micros("0.88")


def test_credit_that_expires_under_a_debt_pauses_the_account() -> None:
    indebted = wallet(paid="-1", on=FREE, grants=(Grant("g", micros("2"), NOW),))
    assert settled(indebted, call(seconds="0")).wallet.status == "paused"


def test_a_call_that_ended_before_the_renewal_draws_what_was_left_of_the_old_period_for_48_hours() -> None:
    before = renewed(used_seconds=60)
    ended, arrived = PERIOD_START - timedelta(minutes=1), PERIOD_START + timedelta(hours=48)
    outcome = settled(before, call(seconds="60", ended_at=ended, arrived_at=arrived), on=WITH_QUOTA)
    assert previous_period_of(outcome.wallet).used_of("call_minutes") == micros("120")
    assert period_of(outcome.wallet) == period_of(before)
    assert outcome.wallet.balance_micros == 0


def test_a_call_that_arrives_later_than_that_settles_in_the_current_period() -> None:
    ended, arrived = PERIOD_START - timedelta(minutes=1), PERIOD_START + timedelta(hours=48, seconds=1)
    outcome = settled(renewed(used_seconds=60), call(seconds="60", ended_at=ended, arrived_at=arrived), on=WITH_QUOTA)
    assert period_of(outcome.wallet).used_of("call_minutes") == micros("60")


def test_a_call_that_ends_at_the_very_moment_of_the_renewal_draws_the_new_allowance() -> None:
    outcome = settled(renewed(used_seconds=60), call(seconds="60", ended_at=PERIOD_START), on=WITH_QUOTA)
    assert period_of(outcome.wallet).used_of("call_minutes") == micros("60")


def test_a_period_that_costs_nothing_rolls_over_at_its_end_and_the_quota_is_whole_again() -> None:
    later = PERIOD_END + timedelta(hours=1)
    outcome = settled(
        wallet(on=WITH_QUOTA, used_seconds=120), call(seconds="60", ended_at=later), on=WITH_QUOTA, now=later
    )
    assert (period_of(outcome.wallet).start, period_of(outcome.wallet).used) == (
        PERIOD_END,
        {"call_minutes": micros("60")},
    )
    assert outcome.wallet.balance_micros == 0


def test_an_event_with_one_line_that_cannot_be_rated_is_rejected_whole() -> None:
    event = call(seconds="60", detections=1)
    only_calls = plan(calls_feature())
    outcome = settled(wallet(paid="1", on=only_calls), event, on=only_calls)
    assert outcome.entries == ()
    assert outcome.wallet.balance_micros == micros("1")
    assert [(rejection.code, rejection.event) for rejection in outcome.rejections] == [("unknown_feature", event)]


def test_an_account_without_a_plan_is_not_charged_and_its_events_are_kept() -> None:
    outcome = settled(wallet(), call())
    assert (outcome.entries, outcome.rejections[0].code) == ((), "no_plan")


def test_entries_are_numbered_without_a_gap_and_their_moments_never_go_back() -> None:
    first = settled(wallet(paid="1", on=FREE), call("a"), call("b"))
    earlier_clock = settled(first.wallet, call("c"), now=NOW - timedelta(seconds=5))
    entries = (*first.entries, *earlier_clock.entries)
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert [entry.posted_at for entry in entries] == [NOW, NOW, NOW]


def test_an_entry_whose_postings_do_not_sum_to_zero_cannot_be_made() -> None:
    entry = settled(wallet(on=FREE), call()).entries[0]
    with pytest.raises(UnbalancedEntry):
        replace(entry, postings=(*entry.postings, Posting("revenue:usage", 1)))


def renewed(*, used_seconds: int) -> Wallet:
    before = wallet(on=WITH_QUOTA)
    october = Period(
        "free", 1, PERIOD_START - timedelta(days=31), PERIOD_START, {"call_minutes": used_seconds * MICROS}
    )
    return change(before, previous_period=october)


def lines_of(entry: LedgerEntry) -> list[RatedLine]:
    return list(entry.usage.lines) if entry.usage else []


def posted(entry: LedgerEntry) -> dict[str, int]:
    return {posting.account: posting.micros for posting in entry.postings}


def test_a_rejected_event_starts_no_refill_and_a_settled_one_does() -> None:
    """An administrator took credit before; what is charged now must be for something that was used."""
    refill = Refill(enabled=True, threshold_micros=micros("20"), amount_micros=micros("100"))
    before = replace(wallet(paid="5", on=FREE), refill=refill, default_card=DefaultCard("pm_1", "fingerprint-1"))
    unknown = replace(call(), lines=(replace(call().lines[0], feature="unknown"),))
    assert settled(before, unknown).posted.refill is None
    assert settled(before, call()).posted.refill is not None
