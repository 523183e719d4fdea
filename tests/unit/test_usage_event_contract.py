"""What a usage event may say, and how precisely a broken one is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.contracts.json_text import loads
from billing.contracts.usage_events import MAX_ATTRIBUTES, MAX_LINES, InvalidEvent, parse_usage_event
from billing.domain.usage import UsageLine

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def call_ended(data: dict[str, object] | None = None, **attributes: object) -> dict[str, Any]:
    whole = {
        "call_id": "c-881",
        "workspace_id": "42",
        "started_at": "2026-11-23T09:09:50Z",
        "ended_at": "2026-11-23T09:15:02Z",
        **(data or {}),
    }
    return {"specversion": "1.0", "id": "e-1", "source": "/voice", "type": "call.ended", "data": whole, **attributes}


def usage_recorded(data: dict[str, object] | None = None, **attributes: object) -> dict[str, Any]:
    whole = {"workspace_id": "42", "usage": [{"feature": "llm_tokens", "quantity": "5"}], **(data or {})}
    return {**call_ended(), "type": "usage.recorded", "data": whole, **attributes}


def with_line(**line: object) -> dict[str, Any]:
    return call_ended({"usage": [{"feature": "call_minutes", "quantity": "1", **line}]})


def refusal(payload: object) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as refused:
        parse_usage_event(payload, now=NOW)
    return refused.value


def test_a_call_keeps_its_lines_as_sent_in_their_order() -> None:
    usage = [
        {"feature": "call_minutes", "quantity": "5.20", "unit": "minute"},
        {"feature": "voicemail_detection", "quantity": "1"},
    ]
    event = parse_usage_event(call_ended({"usage": usage, "direction": "outbound"}), now=NOW)
    assert event.lines == (
        UsageLine("call_minutes", Decimal("5.20"), "minute"),
        UsageLine("voicemail_detection", Decimal(1), None),
    )
    assert (event.event_id, event.call_id, event.workspace_id) == ("e-1", "c-881", "42")
    assert event.occurred_at == datetime(2026, 11, 23, 9, 15, 2, tzinfo=UTC)
    assert event.arrived_at == NOW


@pytest.mark.parametrize(
    ("started_at", "ended_at", "seconds"),
    [
        ("2026-11-23T09:00:00Z", "2026-11-23T09:05:12Z", "312"),
        ("2026-11-23T09:00:00.250Z", "2026-11-23T09:00:01.001Z", "0.751"),
        ("2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z", "0"),
        ("2026-11-23T23:59:59+02:00", "2026-11-23T22:00:01Z", "2"),
        ("2026-11-23T09:00:00.123456789Z", "2026-11-23T09:00:01Z", "0.876544"),
    ],
)
def test_without_usage_the_time_between_start_and_end_is_the_time_of_the_call(
    started_at: str, ended_at: str, seconds: str
) -> None:
    late = NOW + timedelta(hours=12)
    event = parse_usage_event(call_ended({"started_at": started_at, "ended_at": ended_at}), now=late)
    assert event.lines == ()
    assert event.lines_of("outbound") == (UsageLine("outbound", Decimal(seconds), "second"),)


def test_an_event_from_a_queue_keeps_the_arrival_it_had() -> None:
    arrived_at = NOW - timedelta(days=3)
    assert parse_usage_event(call_ended(), now=NOW, arrived_at=arrived_at).arrived_at == arrived_at


def test_recorded_usage_happened_at_occurred_at_or_else_at_the_time_of_the_event() -> None:
    both = usage_recorded({"occurred_at": "2026-11-22T08:00:00Z"}, time="2026-11-23T09:00:00Z")
    assert parse_usage_event(both, now=NOW).occurred_at == datetime(2026, 11, 22, 8, tzinfo=UTC)
    only_time = usage_recorded(time="2026-11-23T09:00:00Z")
    assert parse_usage_event(only_time, now=NOW).occurred_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert (refusal(usage_recorded()).code, refusal(usage_recorded()).field) == ("missing_field", "data.occurred_at")


@pytest.mark.parametrize("quantity", [312, 5.2, True, None, ["1"], float("nan"), float("inf")])
def test_a_quantity_that_is_not_a_string_is_refused_by_its_path(quantity: object) -> None:
    refused = refusal(with_line(quantity=quantity))
    assert (refused.code, refused.field) == ("invalid_quantity", "data.usage[0].quantity")
    assert refused.detail.startswith("data.usage[0].quantity must be a decimal string")


@pytest.mark.parametrize(
    "quantity",
    ["NaN", "Infinity", "-1", "-0", "+1", "1e3", "0x10", "", " 1", "1\n", "1,5", ".5", "5.", "01", "1_000", "\u0661",
     "1" * 16, "1." + "1" * 28, "0." + "0" * 70],
)  # fmt: skip
def test_a_quantity_is_a_plain_decimal_that_is_not_negative_and_not_endless(quantity: str) -> None:
    assert refusal(with_line(quantity=quantity)).code == "invalid_quantity"


@pytest.mark.parametrize("quantity", ["0", "0.2166666667", "999999999999999", "0." + "1" * 28, "1.2000000000"])
def test_a_quantity_may_be_zero_fractional_and_large(quantity: str) -> None:
    assert parse_usage_event(with_line(quantity=quantity), now=NOW).lines[0].quantity == Decimal(quantity)


def test_a_call_may_not_end_before_it_started() -> None:
    refused = refusal(call_ended({"ended_at": "2026-11-23T09:09:49.999Z"}))
    assert (refused.code, refused.field) == ("ended_before_started", "data.ended_at")


def test_a_call_may_end_five_minutes_in_the_future_and_no_later() -> None:
    assert parse_usage_event(call_ended({"ended_at": "2026-11-23T12:05:00Z"}), now=NOW)
    refused = refusal(call_ended({"ended_at": "2026-11-23T12:05:00.001Z"}))
    assert (refused.code, refused.field) == ("in_the_future", "data.ended_at")


def test_recorded_usage_may_not_lie_in_the_future_either() -> None:
    assert refusal(usage_recorded({"occurred_at": "2026-11-23T12:05:01Z"})).field == "data.occurred_at"
    assert refusal(usage_recorded(time="2026-11-23T12:05:01Z")).field == "time"


def test_a_start_that_was_never_set_is_not_charged_as_a_call_of_decades() -> None:
    assert refusal(call_ended({"started_at": "1970-01-01T00:00:00Z"})).code == "invalid_time"
    assert refusal(call_ended({"started_at": "2001-01-01T00:00:00Z"})).code == "call_too_long"


@pytest.mark.parametrize(
    "time",
    ["2026-11-23T09:15:02", "2026-11-23", "2026-11-23 09:15:02Z", "2026-11-31T00:00:00Z", "2026-11-23T24:00:00Z",
     "2026-11-23T09:15:60Z", "2026-11-23T09:15:02+24:00", "20261123T091502Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-14:00", "2026-W48-1T00:00:00Z", 1795425302, None],
)  # fmt: skip
def test_a_time_is_a_real_one_in_rfc_3339_with_an_offset(time: object) -> None:
    refused = refusal(call_ended({"ended_at": time}))
    assert (refused.code, refused.field) == ("invalid_time", "data.ended_at")


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (call_ended({"agent": "x"}), "data.agent"),
        (with_line(price="1"), "data.usage[0].price"),
        (usage_recorded({"direction": "web"}), "data.direction"),
        (call_ended(data_base64="e30="), "data_base64"),
        (call_ended(TraceParent="x"), "TraceParent"),
        (call_ended({"naïve\n": "x"}), "data.'na\\xefve\\n'"),
        (call_ended({"x" * 5000: "x"}), "data.'" + "x" * 64 + "'"),
    ],
)
def test_an_unknown_field_is_refused_by_its_path(payload: object, field: str) -> None:
    refused = refusal(payload)
    assert (refused.code, refused.field) == ("unknown_field", field)


@pytest.mark.parametrize("name", ["call_id", "workspace_id", "started_at", "ended_at"])
def test_a_missing_field_is_named(name: str) -> None:
    payload = call_ended()
    del payload["data"][name]
    assert (refusal(payload).code, refusal(payload).field) == ("missing_field", f"data.{name}")


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "data"])
@pytest.mark.parametrize("null", [True, False])
def test_a_required_attribute_is_missing_when_absent_and_when_null(name: str, null: bool) -> None:
    payload = call_ended()
    payload[name] = None
    if not null:
        del payload[name]
    assert (refusal(payload).code, refusal(payload).field) == ("missing_field", name)


def test_attributes_that_say_nothing_about_usage_are_allowed_and_ignored() -> None:
    payload = call_ended(
        time="2026-11-23T09:15:02Z",
        subject="رقم ٧",
        dataschema=None,
        datacontenttype="application/json; charset=utf-8",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        sampledrate=5,
        sampled=True,
    )
    assert parse_usage_event(payload, now=NOW) == parse_usage_event(call_ended(), now=NOW)


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "a\u200b"}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": 7}, "id"),
        ({"source": "has space"}, "source"),
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"time": "yesterday"}, "time"),
        ({"traceparent": "x" * 513}, "traceparent"),
        ({"sampledrate": 2**31}, "sampledrate"),
        ({"nested": {}}, "nested"),
        ({"subject": "a\tb"}, "subject"),
        ({f"x{number}": "1" for number in range(MAX_ATTRIBUTES)}, None),
    ],
)
def test_an_attribute_out_of_bounds_is_refused_by_name(attributes: dict[str, Any], field: str | None) -> None:
    assert refusal(call_ended(**attributes)).field == field


@pytest.mark.parametrize("data", [[], "{}", 7, True])
def test_the_data_of_an_event_is_an_object(data: object) -> None:
    assert refusal(call_ended() | {"data": data}).field == "data"


@pytest.mark.parametrize("type_", ["call.started", "", 7, ["call.ended"], {"call.ended": 1}])
def test_an_event_of_another_type_is_refused(type_: object) -> None:
    assert refusal(call_ended(type=type_)).code == "unsupported_type"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"workspace_id": 42}, "data.workspace_id"),
        ({"workspace_id": "a/b"}, "data.workspace_id"),
        ({"workspace_id": "4\u0662"}, "data.workspace_id"),
        ({"call_id": ""}, "data.call_id"),
        ({"direction": "sideways"}, "data.direction"),
        ({"direction": None}, "data.direction"),
        ({"usage": []}, "data.usage"),
        ({"usage": None}, "data.usage"),
        ({"usage": {}}, "data.usage"),
        ({"usage": ["x"]}, "data.usage[0]"),
        ({"usage": [{"feature": f"f{n}", "quantity": "1"} for n in range(MAX_LINES + 1)]}, "data.usage"),
        ({"usage": [{"feature": "9lives", "quantity": "1"}]}, "data.usage[0].feature"),
        ({"usage": [{"feature": "f", "quantity": "1", "unit": ""}]}, "data.usage[0].unit"),
        ({"usage": [{"feature": "f"}]}, "data.usage[0].quantity"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_path(data: dict[str, Any], field: str) -> None:
    assert refusal(call_ended(data)).field == field


def test_a_feature_that_stands_twice_is_refused_and_not_added_up() -> None:
    line = {"feature": "call_minutes", "quantity": "1"}
    refused = refusal(call_ended({"usage": [line, line]}))
    assert (refused.code, refused.field) == ("duplicate_feature", "data.usage[1].feature")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"id": "a", "id": "b"}', None),
        ('{"specversion":"1.0","id":"a","source":"/v","type":"call.ended","data":{"usage":1,"usage":2}}', "data"),
    ],
)
def test_an_object_in_which_a_name_stands_twice_is_refused(text: str, field: str | None) -> None:
    refused = refusal(loads(text))
    assert (refused.code, refused.field) == ("duplicate_field", field)


@pytest.mark.parametrize("payload", [None, 1, "x", [], [{}]])
def test_an_event_is_an_object(payload: object) -> None:
    assert refusal(payload).detail == "an event must be a JSON object"


def test_dimensions_are_kept_in_any_script_and_are_a_part_of_what_an_event_says() -> None:
    told = call_ended({"dimensions": {"agent": "a-7", "حملة": "خريف"}, "direction": "inbound"})
    event = parse_usage_event(told, now=NOW)
    assert event.told_apart_by == {"agent": "a-7", "direction": "inbound", "حملة": "خريف"}
    turned = call_ended({"direction": "inbound", "dimensions": {"حملة": "خريف", "agent": "a-7"}})
    assert parse_usage_event(turned, now=NOW).fingerprint == event.fingerprint
    other = call_ended({"direction": "inbound", "dimensions": {"حملة": "خريف", "agent": "a-8"}})
    assert parse_usage_event(other, now=NOW).fingerprint != event.fingerprint


def test_an_event_without_dimensions_has_the_fingerprint_that_it_had_before_there_were_any() -> None:
    known = {
        "6cbfccc9f0cf1b5f791ea0a9d9effb6e": with_line(unit="second"),
        "6c41e215d0cf90a04f53cda18c2baa0c": call_ended({"direction": "outbound", "dimensions": {}}),
    }
    assert {each: parse_usage_event(told, now=NOW).fingerprint for each, told in known.items()} == {
        each: each for each in known
    }


@pytest.mark.parametrize(
    ("dimensions", "field"),
    [
        ([], "data.dimensions"),
        (None, "data.dimensions"),
        ({"agent": 7}, "data.dimensions.agent"),
        ({"agent": ""}, "data.dimensions.agent"),
        ({"وكيل": None}, "data.dimensions.'\\u0648\\u0643\\u064a\\u0644'"),
        ({"direction": "inbound"}, "data.dimensions"),
        ({"a=b": "c"}, "data.dimensions"),
        ({f"k{number}": "v" for number in range(6)}, "data.dimensions"),
    ],
)
def test_dimensions_that_cannot_be_kept_are_refused_by_their_path(dimensions: object, field: str) -> None:
    refused = refusal(call_ended({"dimensions": dimensions}))
    assert (refused.code, refused.field) == ("invalid_value", field)
