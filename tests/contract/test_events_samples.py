"""The samples of events/ are what their names say."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from billing.contracts.json_text import JsonValue, compact, read_events
from billing.contracts.usage_queue import receive, unwrap
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FOLDERS = ("call_ended", "usage_recorded")
SAMPLES = sorted(path for folder in FOLDERS for path in (EVENTS / folder).glob("*.json") if path.stem != "schema")

# Why each broken sample is refused, and the field that is named.
BROKEN = {
    "call_ended/broken_day_does_not_exist": ("invalid_time", "data.ended_at"),
    "call_ended/broken_dimension_is_a_number": ("invalid_value", "data.dimensions.agent"),
    "call_ended/broken_ended_before_started": ("ended_before_started", "data.ended_at"),
    "call_ended/broken_ended_in_the_future": ("in_the_future", "data.ended_at"),
    "call_ended/broken_feature_twice": ("duplicate_feature", "data.usage[1].feature"),
    "call_ended/broken_field_twice": ("duplicate_field", "data"),
    "call_ended/broken_id_missing": ("missing_field", "id"),
    "call_ended/broken_no_lines": ("invalid_value", "data.usage"),
    "call_ended/broken_quantity_is_a_number": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_quantity_is_nan": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_quantity_is_nan_text": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_quantity_is_negative": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_quantity_too_precise": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_quantity_with_exponent": ("invalid_quantity", "data.usage[0].quantity"),
    "call_ended/broken_specversion_old": ("invalid_value", "specversion"),
    "call_ended/broken_started_at_never_set": ("call_too_long", "data.started_at"),
    "call_ended/broken_time_without_offset": ("invalid_time", "data.ended_at"),
    "call_ended/broken_type_unknown": ("unsupported_type", "type"),
    "call_ended/broken_unknown_field": ("unknown_field", "data.agent_name"),
    "call_ended/broken_unknown_field_in_a_line": ("unknown_field", "data.usage[0].price"),
    "call_ended/broken_workspace_is_a_number": ("invalid_value", "data.workspace_id"),
    "call_ended/broken_workspace_missing": ("missing_field", "data.workspace_id"),
    "usage_recorded/broken_field_of_a_call": ("unknown_field", "data.direction"),
    "usage_recorded/broken_no_time_at_all": ("missing_field", "data.occurred_at"),
    "usage_recorded/broken_usage_missing": ("missing_field", "data.usage"),
}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def received(path: Path) -> list[QueuedEvent | RejectedEvent]:
    values = read_events(path.read_text(encoding="utf-8"), limit=500)
    events = [JsonValue(unwrap(value.value), compact(unwrap(value.value))) for value in values]
    return [receive(event, now=NOW) for event in events]


def sample(name: str) -> list[QueuedEvent]:
    events = received(EVENTS / f"{name}.json")
    return [event for event in events if isinstance(event, QueuedEvent)]


@pytest.mark.parametrize("path", [path for path in SAMPLES if "broken" not in path.stem], ids=name_of)
def test_a_sample_is_accepted_unless_it_is_called_broken(path: Path) -> None:
    assert all(isinstance(event, QueuedEvent) for event in received(path))


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.stem.startswith("broken")], ids=name_of)
def test_a_broken_sample_is_refused_for_what_it_is_called(path: Path) -> None:
    (event,) = received(path)
    assert isinstance(event, RejectedEvent)
    assert (event.code, event.field) == BROKEN[name_of(path)]


def test_a_batch_with_a_broken_event_has_one_of_each() -> None:
    good, broken = received(EVENTS / "call_ended/batch_with_a_broken_event.json")
    assert isinstance(good, QueuedEvent)
    assert isinstance(broken, RejectedEvent)


def test_a_duplicate_says_the_same_and_a_conflict_says_another_thing_of_the_same_call() -> None:
    first, second = sample("call_ended/duplicate")
    (original,), (conflict,) = sample("call_ended/single_call"), sample("call_ended/conflict")
    assert first.event == original.event
    assert second.event.event_id != original.event.event_id
    assert (second.event.cause, second.event.fingerprint) == (original.event.cause, original.event.fingerprint)
    assert conflict.event.cause == original.event.cause
    assert conflict.event.fingerprint != original.event.fingerprint


def test_a_call_of_zero_duration_consumed_zero_seconds() -> None:
    (call,) = sample("call_ended/zero_duration")
    assert [(line.feature, line.quantity) for line in call.event.lines_of("talk")] == [("talk", Decimal(0))]


def test_samples_share_an_id_only_where_that_is_their_point() -> None:
    seen: dict[str, str] = {}
    for path in SAMPLES:
        if path.stem in {"duplicate", "conflict"}:
            continue
        for value in read_events(path.read_text(encoding="utf-8"), limit=500):
            event = unwrap(value.value)
            assert isinstance(event, dict)
            if "id" in event:
                assert seen.setdefault(event["id"], name_of(path)) == name_of(path)


def test_the_two_schemas_define_what_they_share_alike() -> None:
    call, usage = (json.loads((EVENTS / folder / "schema.json").read_text()) for folder in FOLDERS)
    shared = call["$defs"].keys() & usage["$defs"].keys() - {"data"}
    assert shared == call["$defs"].keys() - {"data"}
    assert {name: call["$defs"][name] for name in shared} == {name: usage["$defs"][name] for name in shared}
