"""The CloudEvents that report usage, `call.ended` and `usage.recorded`: strict, and precise about what is wrong.

Types, bounds and unknown fields are refused by the path of the field. Allowed and ignored are the attributes of
CloudEvents that say nothing about usage, and extension attributes, of which tracing and routing add some on the way.
`events/*/schema.json` states the same contract as JSON Schema.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from billing.contracts.json_text import AmbiguousObject
from billing.contracts.times import parse_time
from billing.domain.decimals import parse_decimal
from billing.domain.errors import BillingError, InvalidValue
from billing.domain.plan import FEATURE_KEY
from billing.domain.usage import CLOCK_TOLERANCE, DIRECTION, UsageEvent, UsageLine, call_cause, record_cause

MAX_LINES = 20
MAX_DIMENSIONS = 5
MAX_ATTRIBUTES = 30
# W3C's tracestate is this long. Thirty of them, escaped to ASCII, still fit into one message and one rejected event.
MAX_EXTENSION_CHARS = 512
# Beyond any call: a start of a month ago is a sender that never set it.
MAX_CALL = timedelta(days=31)


class InvalidEvent(BillingError):
    """An event that breaks the contract; `detail` is a whole sentence that begins with the field's path."""

    def __init__(self, code: str, field: str | None, says: str) -> None:
        super().__init__(f"{field or 'an event'} {says}", field=field)
        self.code = code


class _Text(NamedTuple):
    pattern: re.Pattern[str]
    says: str

    def read(self, value: object, field: str) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise InvalidEvent("invalid_value", field, self.says)
        return value


def _text(pattern: str, says: str) -> _Text:
    return _Text(re.compile(pattern), says)


# Senders use UUIDs, ULIDs, carriers' call ids, base64 and URNs: visible ASCII holds them all. A space or a look-alike
# letter in an id is a mistake that would make two events of one.
_ID = _text(r"[!-~]{1,128}", "must be a string of 1 to 128 visible ASCII characters")
_WORKSPACE_ID = _text(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}", 'must be the id of a workspace, a string such as "42"')
_FEATURE = _Text(FEATURE_KEY, 'must be the key of a feature, such as "call_minutes"')
_UNIT = _text(r"[ -~]{1,64}", 'must be a unit, such as "second"')
_DIRECTION = _text(r"inbound|outbound|web", 'must be "inbound", "outbound" or "web"')
# In any script; "=" parts key and value where records are asked for by them. Halves of surrogates are no text.
_NO_TEXT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff"
_DIMENSION_KEY = _text(f"[^={_NO_TEXT}]{{1,64}}", 'must have keys of 1 to 64 characters without "=", such as "agent"')
_DIMENSION = _text(f"[^{_NO_TEXT}]{{1,64}}", "must be a string of 1 to 64 characters without control characters")
_URI_REFERENCE = _text(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{1,256}", "must be a URI reference of 1 to 256 characters")
_SUBJECT = _text(r"[^\x00-\x1f\x7f-\x9f]{1,256}", "must be a string of 1 to 256 characters without control characters")
_JSON_TYPE = _text(r"application/json(?:; ?charset=[Uu][Tt][Ff]-8)?", 'must be "application/json"')
_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,32}")

_TYPES = ("call.ended", "usage.recorded")
_CHECKED_LATER = frozenset({"type", "time", "data"})
_ATTRIBUTES: Mapping[str, _Text] = {
    "specversion": _text(r"1\.0", 'must be "1.0"'),
    "id": _ID,
    "source": _URI_REFERENCE,
    "subject": _SUBJECT,
    "dataschema": _URI_REFERENCE,
    "datacontenttype": _JSON_TYPE,
}
_REQUIRED = ("specversion", "id", "source", "type", "data")

_CALL_REQUIRED = frozenset({"call_id", "workspace_id", "started_at", "ended_at"})
_CALL_FIELDS = _CALL_REQUIRED | {"direction", "usage", "dimensions"}
_RECORD_REQUIRED = frozenset({"workspace_id", "usage"})
_RECORD_FIELDS = _RECORD_REQUIRED | {"occurred_at", "call_id", "dimensions"}
_LINE_REQUIRED = frozenset({"feature", "quantity"})
_LINE_FIELDS = _LINE_REQUIRED | {"unit"}


def parse_usage_event(payload: object, *, now: datetime, arrived_at: datetime | None = None) -> UsageEvent:
    """Read one CloudEvent. `arrived_at` is `now` unless it arrived before (a queue, a replay). Raises InvalidEvent.

    A quantity stays as sent; whether its feature and unit exist is for the plan to say.
    """
    attributes = _attributes(_object(payload, None))
    event_id, source = str(attributes["id"]), str(attributes["source"])
    sent_at = _time(attributes["time"], "time") if "time" in attributes else None
    data = _object(attributes["data"], "data")
    read = _call_ended if attributes["type"] == "call.ended" else _usage_recorded
    event = replace(read(event_id, data, sent_at, arrived_at or now), source=source)
    if event.occurred_at > now + CLOCK_TOLERANCE:
        field = "data.ended_at" if event.started_at else "data.occurred_at" if "occurred_at" in data else "time"
        raise InvalidEvent("in_the_future", field, "is more than 5 minutes in the future")
    return event


def event_id_of(payload: object) -> str | None:
    """The id of an event that may be broken elsewhere."""
    value = payload.get("id") if isinstance(payload, Mapping) else None
    return value if isinstance(value, str) and _ID.pattern.fullmatch(value) else None


def cause_of(payload: object) -> str | None:
    """The cause under which an event is charged that may be broken elsewhere; None where it cannot be read."""
    data = payload.get("data") if isinstance(payload, Mapping) else None
    if not isinstance(payload, Mapping) or not isinstance(data, Mapping):
        return None
    if isinstance(payload, AmbiguousObject) or isinstance(data, AmbiguousObject):
        return None
    try:
        workspace_id = _WORKSPACE_ID.read(data.get("workspace_id"), "")
        if payload.get("type") == "call.ended":
            return call_cause(workspace_id, _ID.read(data.get("call_id"), ""))
        if payload.get("type") == "usage.recorded":
            source = _URI_REFERENCE.read(payload.get("source"), "")
            return record_cause(workspace_id, source, _ID.read(payload.get("id"), ""))
    except InvalidEvent:
        return None
    return None


def _attributes(payload: Mapping[str, object]) -> Mapping[str, object]:
    if len(payload) > MAX_ATTRIBUTES:
        raise InvalidEvent("invalid_value", None, f"must have at most {MAX_ATTRIBUTES} attributes")
    # In CloudEvents' JSON format a null attribute is an absent one; in `data` it is a value, and refused.
    attributes = {name: value for name, value in payload.items() if value is not None}
    for name in _REQUIRED:
        if name not in attributes:
            raise InvalidEvent("missing_field", name, "is missing")
    if attributes["type"] not in _TYPES:
        raise InvalidEvent("unsupported_type", "type", 'must be "call.ended" or "usage.recorded"')
    for name, value in payload.items():
        if name in _CHECKED_LATER:
            continue
        if name not in _ATTRIBUTES:
            _check_extension(name, value)
        elif value is not None:
            _ATTRIBUTES[name].read(value, name)
    return attributes


def _check_extension(name: str, value: object) -> None:
    if not _EXTENSION_NAME.fullmatch(name):
        raise InvalidEvent("unknown_field", _shown(name), "is not an attribute of CloudEvents")
    if isinstance(value, str):
        valid = len(value) <= MAX_EXTENSION_CHARS
    else:
        valid = value is None or (isinstance(value, int) and -(2**31) <= value < 2**31)
    if not valid:
        says = f"must be a string of at most {MAX_EXTENSION_CHARS} characters, a boolean or a 32-bit integer"
        raise InvalidEvent("invalid_value", name, says)


def _call_ended(event_id: str, data: Mapping[str, object], _: datetime | None, arrived_at: datetime) -> UsageEvent:
    _check_members(data, "data", _CALL_REQUIRED, _CALL_FIELDS)
    started_at = _time(data["started_at"], "data.started_at")
    ended_at = _time(data["ended_at"], "data.ended_at")
    if ended_at < started_at:
        raise InvalidEvent("ended_before_started", "data.ended_at", "must not be before data.started_at")
    if ended_at - started_at > MAX_CALL:
        raise InvalidEvent("call_too_long", "data.started_at", f"is over {MAX_CALL.days} days before data.ended_at")
    return UsageEvent(
        event_id=event_id,
        type="call.ended",
        workspace_id=_WORKSPACE_ID.read(data["workspace_id"], "data.workspace_id"),
        occurred_at=ended_at,
        arrived_at=arrived_at,
        lines=_lines(data["usage"], "data.usage") if "usage" in data else (),
        call_id=_ID.read(data["call_id"], "data.call_id"),
        started_at=started_at,
        direction=_DIRECTION.read(data["direction"], "data.direction") if "direction" in data else None,
        dimensions=_dimensions(data),
    )


def _usage_recorded(
    event_id: str, data: Mapping[str, object], sent_at: datetime | None, arrived_at: datetime
) -> UsageEvent:
    _check_members(data, "data", _RECORD_REQUIRED, _RECORD_FIELDS)
    occurred_at = _time(data["occurred_at"], "data.occurred_at") if "occurred_at" in data else sent_at
    if occurred_at is None:
        raise InvalidEvent("missing_field", "data.occurred_at", "is missing, and so is time")
    return UsageEvent(
        event_id=event_id,
        type="usage.recorded",
        workspace_id=_WORKSPACE_ID.read(data["workspace_id"], "data.workspace_id"),
        occurred_at=occurred_at,
        arrived_at=arrived_at,
        lines=_lines(data["usage"], "data.usage"),
        call_id=_ID.read(data["call_id"], "data.call_id") if "call_id" in data else None,
        is_dated="occurred_at" in data,
        dimensions=_dimensions(data),
    )


def _dimensions(data: Mapping[str, object]) -> Mapping[str, str]:
    """What the sender tells calls apart by. A call's direction is told by a field of its own, and is none of them."""
    if "dimensions" not in data:
        return {}
    field = "data.dimensions"
    stated = _object(data["dimensions"], field)
    if len(stated) > MAX_DIMENSIONS:
        raise InvalidEvent("invalid_value", field, f"must have at most {MAX_DIMENSIONS} members")
    for key in stated:
        _DIMENSION_KEY.read(key, field)
        if key == DIRECTION:
            raise InvalidEvent("invalid_value", field, "must not name direction, which is a field of a call")
    return {key: _DIMENSION.read(value, f"{field}.{_shown(key)}") for key, value in stated.items()}


def _lines(value: object, field: str) -> tuple[UsageLine, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LINES:
        raise InvalidEvent("invalid_value", field, f"must be a list of 1 to {MAX_LINES} lines")
    lines: dict[str, UsageLine] = {}
    for index, item in enumerate(value):
        line = _line(item, f"{field}[{index}]")
        # Adding the two up would hide a sender that reports one thing twice.
        if line.feature in lines:
            raise InvalidEvent("duplicate_feature", f"{field}[{index}].feature", "is in an earlier line of this event")
        lines[line.feature] = line
    return tuple(lines.values())


def _line(value: object, field: str) -> UsageLine:
    line = _object(value, field)
    _check_members(line, field, _LINE_REQUIRED, _LINE_FIELDS)
    return UsageLine(
        feature=_FEATURE.read(line["feature"], f"{field}.feature"),
        quantity=_quantity(line["quantity"], f"{field}.quantity"),
        unit=_UNIT.read(line["unit"], f"{field}.unit") if "unit" in line else None,
    )


def _object(value: object, field: str | None) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidEvent("invalid_value", field, "must be a JSON object")
    if isinstance(value, AmbiguousObject):
        raise InvalidEvent("duplicate_field", field, "must not have a field twice")
    return value


def _check_members(
    value: Mapping[str, object], field: str, required: AbstractSet[str], allowed: AbstractSet[str]
) -> None:
    for name in sorted(required - value.keys()):
        raise InvalidEvent("missing_field", f"{field}.{name}", "is missing")
    for name in value:
        if name not in allowed:
            raise InvalidEvent("unknown_field", f"{field}.{_shown(name)}", "is not a field of this event")


def _time(value: object, field: str) -> datetime:
    try:
        return parse_time(value, field)
    except InvalidValue as error:
        raise InvalidEvent("invalid_time", field, error.detail) from error


def _quantity(value: object, field: str) -> Decimal:
    try:
        quantity = parse_decimal(value, field)
    except InvalidValue as error:
        raise InvalidEvent("invalid_quantity", field, error.detail) from error
    if quantity.is_signed():  # "-0" is not below zero
        raise InvalidEvent("invalid_quantity", field, "must not be negative")
    return quantity


def _shown(name: str) -> str:
    """A sender's own name in a message: bounded, and without what a terminal or a table would choke on."""
    return name if _ID.pattern.fullmatch(name) else ascii(name[:64])
