"""Attributes that keep what PynamoDB's own would lose: it reads a non-integer number as a float, and a map's too."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.constants import MAP, NUMBER, STRING

from billing.domain.instants import format_instant, parse_stored_instant


class IntegerAttribute(Attribute[int]):
    """A whole number: micro-units, millionths, counters. Anything else is a TypeError on writing and on reading."""

    attr_type = NUMBER

    def serialize(self, value: Any) -> str:
        if type(value) is not int:
            raise TypeError(f"{self.attr_name} is a whole number, not {type(value).__name__}")
        return str(value)

    def deserialize(self, value: Any) -> int:
        return int(value)


class IntegerMapAttribute(Attribute[Mapping[str, int]]):
    """Whole numbers by name."""

    attr_type = MAP

    def serialize(self, value: Any) -> dict[str, dict[str, str]]:
        if any(type(number) is not int for number in value.values()):
            raise TypeError(f"{self.attr_name} holds whole numbers")
        return {name: {NUMBER: str(number)} for name, number in value.items()}

    def deserialize(self, value: Any) -> dict[str, int]:
        return {name: int(number[NUMBER]) for name, number in value.items()}


class InstantAttribute(Attribute[datetime]):
    """A moment in UTC, to the millisecond, in a form that sorts as text."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return format_instant(value)

    def deserialize(self, value: Any) -> datetime:
        return parse_stored_instant(value)


class JsonAttribute(Attribute[Any]):
    """Compact JSON text, without floats: a third of the size of DynamoDB's lists of maps, and readable all the same."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return _COMPACT.encode(value)

    def deserialize(self, value: Any) -> Any:
        return json.loads(value, parse_float=_no_floats)


# Made once: json.dumps makes one for each text that is not written its usual way.
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _no_floats(text: str) -> float:
    raise TypeError(f"stored JSON holds {text}, which is not a whole number")
