"""A wrong unit empties nobody's card: what a call cannot have used, or an event not cost, waits for a person."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.domain.plan import CallRules, Plan
from billing.domain.settlement import Settlement, settle
from billing.domain.usage import Replay, UsageEvent, UsageLine
from tests.builders import NOW, calls_feature, detection_feature, micros, plan, wallet

A_MINUTE = calls_feature(included_minutes=0)


def sent(*lines: UsageLine, lasted: int = 60, confirmed: bool = False) -> UsageEvent:
    return UsageEvent(
        event_id="a",
        type="call.ended",
        workspace_id="42",
        occurred_at=NOW,
        arrived_at=NOW,
        lines=lines,
        call_id="c-1",
        started_at=NOW - timedelta(seconds=lasted),
        replay=Replay("0" * 32, sent="call:42:c-1", confirmed=True) if confirmed else None,
    )


def calls(quantity: str, unit: str | None = "second") -> UsageLine:
    return UsageLine("call_minutes", Decimal(quantity), unit)


def settled(event: UsageEvent, on: Plan) -> Settlement:
    return settle(wallet(on=on, paid="1000000"), [event], {on.key: on}, NOW)


def refused(event: UsageEvent, on: Plan) -> str | None:
    rejections = settled(event, on).rejections
    return rejections[0].code if rejections else None


@pytest.mark.parametrize(
    ("quantity", "unit", "code"),
    [
        ("60", "second", None),
        ("119", "second", None),
        ("120", "second", None),
        ("120.001", "second", "longer_than_the_call"),
        ("60000", "second", "longer_than_the_call"),
        ("60", "minute", "longer_than_the_call"),
        ("60000", "millisecond", None),
        ("60", None, None),
    ],
)
def test_a_call_of_a_minute_may_be_up_to_two_minutes_long(quantity: str, unit: str | None, code: str | None) -> None:
    assert refused(sent(calls(quantity, unit)), plan(A_MINUTE)) == code


@pytest.mark.parametrize(("quantity", "code"), [("180", None), ("181", "longer_than_the_call")])
def test_a_call_s_length_is_taken_through_minimum_and_increment(quantity: str, code: str | None) -> None:
    assert refused(sent(calls(quantity), lasted=5), plan(calls_feature(minimum_seconds="120"))) == code
    assert refused(sent(calls(quantity), lasted=61), plan(calls_feature(increment_seconds="60"))) == code


def test_each_line_of_call_time_is_judged_for_itself_and_no_other_line() -> None:
    inbound = replace(A_MINUTE, key="inbound")
    on = replace(plan(A_MINUTE, inbound, detection_feature()), calls=CallRules(time=("call_minutes", "inbound")))
    both = (calls("100"), UsageLine("inbound", Decimal(100), "second"))
    assert refused(sent(*both), on) is None
    assert refused(sent(calls("1"), UsageLine("inbound", Decimal(121), "second")), on) == "longer_than_the_call"
    assert refused(sent(calls("1"), UsageLine("voicemail_detection", Decimal(9999))), on) is None


def test_a_plan_may_leave_lengths_unchecked_and_recorded_usage_has_none() -> None:
    unchecked = replace(plan(A_MINUTE), calls=CallRules(check_length=False))
    assert refused(sent(calls("60000")), unchecked) is None
    recorded = replace(sent(calls("60000")), type="usage.recorded", started_at=None)
    assert refused(recorded, plan(A_MINUTE)) is None


def test_an_event_above_the_plan_s_maximum_is_kept_also_where_all_of_it_would_be_included() -> None:
    on = replace(plan(calls_feature(included_minutes=500)), maximum_charge_micros=micros("0.12"))
    assert refused(sent(calls("60")), on) is None
    assert refused(sent(calls("61")), on) == "charge_too_large"


def test_a_person_s_word_passes_both_guards_and_nothing_else() -> None:
    on = replace(plan(A_MINUTE), maximum_charge_micros=micros("0.12"))
    assert settled(sent(calls("60000"), confirmed=True), on).wallet.balance_micros == micros("1000000") - micros("120")
    assert refused(sent(calls("60", "furlong"), confirmed=True), on) == "unknown_unit"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((calls("60000", "furlong"), UsageLine("smoke_signals", Decimal(1))), "unknown_feature"),
        ((calls("60000"), UsageLine("voicemail_detection", Decimal(1), "puff")), "unknown_unit"),
        ((calls("60000"), UsageLine("voicemail_detection", Decimal(9999))), "longer_than_the_call"),
        ((calls("60"), UsageLine("voicemail_detection", Decimal(9999))), "charge_too_large"),
    ],
)
def test_feature_unit_length_and_charge_are_judged_in_this_order(lines: tuple[UsageLine, ...], code: str) -> None:
    on = replace(plan(A_MINUTE, detection_feature()), maximum_charge_micros=micros("1"))
    assert refused(sent(*lines), on) == code


def test_a_call_without_usage_counts_its_length_of_the_plan_s_first_call_feature() -> None:
    outbound = replace(A_MINUTE, key="outbound")
    on = replace(plan(outbound), calls=CallRules(time=("outbound",)))
    (entry,) = settled(sent(lasted=90), on).entries
    assert entry.usage is not None
    assert [(line.feature, line.quantity_millionths) for line in entry.usage.lines] == [("outbound", micros("90"))]
    assert refused(sent(), plan(detection_feature())) == "unknown_feature"
