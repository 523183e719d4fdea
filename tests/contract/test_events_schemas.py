"""The JSON Schemas of events/ and the parser say the same, but for the rules that a schema cannot state."""

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from billing.contracts.json_text import read_events
from billing.contracts.usage_events import InvalidEvent, parse_usage_event
from billing.contracts.usage_queue import unwrap

EVENTS = Path(__file__).parents[2] / "events"
NOW = datetime(2026, 11, 24, tzinfo=UTC)

# What a JSON Schema cannot say: it compares no two values, knows no clock, no calendar and no duplicate names.
BEYOND_A_SCHEMA = {"ended_before_started", "in_the_future", "call_too_long", "duplicate_feature", "duplicate_field"}


def _ecma_pattern(_: object, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    """`$` is the very end in JSON Schema's regular expressions; in Python's it also stands before a last newline."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _ecma_pattern})  # type: ignore[no-untyped-call]
SCHEMAS = {
    "call.ended": json.loads((EVENTS / "call_ended" / "schema.json").read_text()),
    "usage.recorded": json.loads((EVENTS / "usage_recorded" / "schema.json").read_text()),
}
VALIDATORS = {type_: Validator(schema) for type_, schema in SCHEMAS.items()}


def refusal_of(payload: object) -> InvalidEvent | None:
    try:
        parse_usage_event(payload, now=NOW)
    except InvalidEvent as refused:
        return refused
    return None


def agree(payload: object, type_: str) -> bool:
    """Whether the parser and the schema judge alike. Returns the judgement."""
    allowed, refused = VALIDATORS[type_].is_valid(payload), refusal_of(payload)
    if refused is not None and allowed:
        calendar = refused.code == "invalid_time" and refused.detail.endswith("is not a day of the calendar")
        assert refused.code in BEYOND_A_SCHEMA or calendar, (refused.detail, payload)
    if refused is None:
        assert allowed, [error.message for error in VALIDATORS[type_].iter_errors(payload)]
    return refused is None


CALL: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/voice/eu-1",
    "type": "call.ended",
    "time": "2026-11-23T09:15:02Z",
    "datacontenttype": "application/json",
    "subject": "a call",
    "dataschema": "https://example.com/call_ended",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "data": {
        "call_id": "c-881",
        "workspace_id": "42",
        "direction": "outbound",
        "started_at": "2026-11-23T09:09:50Z",
        "ended_at": "2026-11-23T09:15:02+00:00",
        "usage": [
            {"feature": "call_minutes", "quantity": "312", "unit": "second"},
            {"feature": "voicemail_detection", "quantity": "1"},
        ],
        "dimensions": {"agent": "a-7", "حملة": "خريف"},
    },
}
USAGE: dict[str, Any] = {
    **CALL,
    "type": "usage.recorded",
    "data": {
        "workspace_id": "42",
        "call_id": "c-881",
        "occurred_at": "2026-11-23T09:15:02.123Z",
        "usage": [{"feature": "llm_tokens", "quantity": "18234", "unit": "token"}],
    },
}

LINE = {"feature": "llm_tokens", "quantity": "1"}

# Each bound of the contract: where it is, the last value within, the first one beyond.
BORDERS: list[tuple[str, object, object]] = [
    ("id", "~" * 128, "~" * 129),
    ("id", "!", ""),
    ("source", "/" * 256, "/" * 257),
    ("source", "urn:voice:%20", "urn:voice: "),
    ("dataschema", "x" * 256, "x" * 257),
    ("subject", "\u0661" * 256, "\u0661" * 257),
    ("subject", " ", "\x1f"),
    ("datacontenttype", "application/json; charset=utf-8", "application/json; charset=latin-1"),
    ("time", "2999-12-31T23:59:59.999999999-23:59", "3000-01-01T00:00:00Z"),
    ("time", "2000-01-01T00:00:00+23:59", "1999-12-31T23:59:59Z"),
    ("time", "2026-11-23T09:15:02.123456789Z", "2026-11-23T09:15:02.1234567890Z"),
    ("comexampletext", "x" * 512, "x" * 513),
    ("comexamplenumber", 2**31 - 1, 2**31),
    ("comexamplenumber", -(2**31), -(2**31) - 1),
    ("comexampleflag", True, 0.5),
    ("data.call_id", "~" * 128, "~" * 129),
    ("data.workspace_id", "4" * 64, "4" * 65),
    ("data.workspace_id", "a_.@+-", "_a"),
    ("data.usage", [LINE | {"feature": f"f{number}"} for number in range(20)], [LINE] * 21),
    ("data.dimensions", {f"k{number}": "v" for number in range(5)}, {f"k{number}": "v" for number in range(6)}),
    ("data.dimensions", {"\u0661" * 64: "v"}, {"\u0661" * 65: "v"}),
    ("data.dimensions", {"agent": "\u0661" * 64}, {"agent": "\u0661" * 65}),
    ("data.dimensions", {}, {"": "v"}),
    ("data.dimensions", {"agent": "a=7"}, {"ag=ent": "7"}),
    ("data.dimensions", {"Direction": "up"}, {"direction": "inbound"}),
    ("data.dimensions", {"agent": "="}, {"agent": "\ud800"}),
    ("data.dimensions", {"agent": " "}, {"agent": "\n"}),
    ("data.usage", [LINE], []),
    ("data.usage", [LINE | {"feature": "f" * 64}], [LINE | {"feature": "f" * 65}]),
    ("data.usage", [LINE | {"unit": "~" * 64}], [LINE | {"unit": "~" * 65}]),
    ("data.usage", [LINE | {"unit": "GB month"}], [LINE | {"unit": ""}]),
    ("data.usage", [LINE | {"quantity": "9" * 15}], [LINE | {"quantity": "1" + "0" * 15}]),
    ("data.usage", [LINE | {"quantity": "1." + "0" * 27}], [LINE | {"quantity": "1." + "0" * 28}]),
    ("data.usage", [LINE | {"quantity": "0.0" + "1" * 28}], [LINE | {"quantity": "0.0" + "1" * 29}]),
    ("data.usage", [LINE | {"quantity": "0." + "0" * 62}], [LINE | {"quantity": "0." + "0" * 63}]),
]

# Near the borders of the contract on both sides, as a sender's mistakes are.
DIGITS = st.text("0123456789.", min_size=1, max_size=40)
TIMES = st.from_regex(
    r"\A(2026|2999|1970|0001)-(11|02|13|00)-(23|29|30|31|32|00)"
    r"[Tt ](09|23|24):(15|59|60):(02|60)(\.[0-9]{1,10})?(Z|z|[+-][0-2][0-9]:[0-6][0-9]|)\Z"
)
TEXTS = st.one_of(
    st.sampled_from(["", "42", "web", "second", "call.ended", "1.0", "application/json"]),
    st.sampled_from(["NaN", "1e3", "-0", "-1", "42\n"]),
    st.integers(0, 70).map(lambda length: "1" * length),
    st.sampled_from([64, 65, 128, 129, 256, 257, 512, 513]).map(lambda length: "x" * length),
    DIGITS,
    TIMES,
    st.text(max_size=10),
    st.from_regex(r"\A(application/json)(; ?charset=(utf|UTF)-8)?\Z"),
)
VALUES = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 0.5, 12.75]),
    st.lists(st.nothing() | TEXTS, max_size=2),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
    st.lists(
        st.fixed_dictionaries(
            {"feature": st.sampled_from(["a", "b", "c", "9"]), "quantity": DIGITS}, optional={"unit": TEXTS}
        ),
        max_size=21,
    ),
)
NAMES = st.one_of(
    st.sampled_from(["time", "usage", "direction", "unit", "data_base64", "comexampleext", "occurred_at", "call_id"]),
    st.text("abz09_A", max_size=33),
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every member of every object and list."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, child in children for found in [(*path, key), *places(child, (*path, key))]]


@st.composite
def nearly_right(draw: st.DrawFn) -> dict[str, Any]:
    """A right event, changed in up to three places: a value replaced, a member removed or added."""
    payload: dict[str, Any] = copy.deepcopy(draw(st.sampled_from([CALL, USAGE])))
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(places(payload)))
        parent: Any = payload
        for key in way:
            parent = parent[key]
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "remove":
            del parent[last]
        elif change == "replace" or isinstance(parent, list):
            parent[last] = draw(VALUES)
        else:
            parent[draw(NAMES)] = draw(VALUES)
        if not places(payload):
            break
    return payload


@settings(max_examples=2000)
@given(nearly_right(), st.sampled_from(["call.ended", "usage.recorded"]))
def test_the_schema_and_the_parser_accept_the_same_events(payload: dict[str, Any], other_type: str) -> None:
    type_ = payload.get("type")
    known = isinstance(type_, str) and type_ in VALIDATORS
    event("accepted" if agree(payload, str(type_) if known else other_type) else "refused")


@settings(max_examples=500)
@given(DIGITS | st.from_regex(r"\A-?[0-9]{0,16}(\.[0-9]{0,30})?\Z"))
def test_the_schema_and_the_parser_accept_the_same_quantities(quantity: str) -> None:
    usage = [{"feature": "llm_tokens", "quantity": quantity}]
    agree({**USAGE, "data": {**USAGE["data"], "usage": usage}}, "usage.recorded")


@settings(max_examples=500)
@given(TIMES)
def test_the_schema_and_the_parser_accept_the_same_times(time: str) -> None:
    agree({**CALL, "time": time}, "call.ended")


@pytest.mark.parametrize("original", [CALL, USAGE], ids=["call.ended", "usage.recorded"])
@pytest.mark.parametrize(("place", "within", "beyond"), BORDERS)
def test_the_schema_and_the_parser_draw_each_border_at_the_same_place(
    original: dict[str, Any], place: str, within: object, beyond: object
) -> None:
    for value, expected in ((within, True), (beyond, False)):
        payload = copy.deepcopy(original)
        parent = payload["data"] if place.startswith("data.") else payload
        parent[place.removeprefix("data.")] = value
        assert agree(payload, payload["type"]) is expected


@pytest.mark.parametrize("count", [19, 20, 21, 22])
def test_the_schema_and_the_parser_agree_on_how_many_attributes_are_too_many(count: int) -> None:
    extensions = {f"x{number}": "1" for number in range(count)}
    assert agree({**CALL, **extensions}, "call.ended") == (len(CALL) + count <= 30)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_schemas_are_schemas(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def samples() -> list[Path]:
    return sorted(path for folder in ("call_ended", "usage_recorded") for path in (EVENTS / folder).glob("*.json"))


@pytest.mark.parametrize("path", samples(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_schema_and_the_parser_judge_each_sample_alike(path: Path) -> None:
    if path.stem == "schema":
        return
    type_ = "call.ended" if path.parent.name == "call_ended" else "usage.recorded"
    for value in read_events(path.read_text(encoding="utf-8"), limit=500):
        agree(unwrap(value.value), type_)
