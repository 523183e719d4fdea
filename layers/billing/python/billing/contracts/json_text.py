"""JSON as it comes from outside: read strictly, in time linear in its length, with the text of each value kept."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from billing.domain.errors import BillingError

_MAX_EXACT_DIGITS = 20
_WHITESPACE = re.compile(r"[ \t\n\r]*")


class MalformedJson(BillingError):
    code = "malformed_json"


class TooManyEvents(BillingError):
    code = "too_many_events"


class AmbiguousObject(dict[str, object]):
    """An object in which a name stands twice. Readers of JSON differ on what it says, so it must not be charged."""


@dataclass(frozen=True, slots=True)
class JsonValue:
    """A value and the very text that said it."""

    value: object
    text: str


def loads(text: str) -> object:
    """Read one JSON value. Raises MalformedJson.

    NaN, Infinity and long numbers are read as floats, which no field of the contract takes: they are refused where they
    stand, by name, and not with everything around them.
    """
    value, end = _read(text, _skip(text, 0))
    _expect_end(text, end)
    return value


def read_events(text: str, *, limit: int) -> list[JsonValue]:
    """Read one value or the elements of an array. Raises MalformedJson, or TooManyEvents beyond `limit` elements."""
    start = _skip(text, 0)
    if text.startswith("[", start):
        values: list[JsonValue] = []
        for element in _elements(text, start):
            if len(values) == limit:
                raise TooManyEvents(f"a batch holds at most {limit} events")
            values.append(element)
        return values
    value, end = _read(text, start)
    _expect_end(text, end)
    return [JsonValue(value, text[start:end])]


def compact(value: object) -> str:
    """The shortest JSON text of `value`, in ASCII, which every queue and table takes."""
    return json.dumps(value, separators=(",", ":"))


def _elements(text: str, start: int) -> Iterator[JsonValue]:
    position = _skip(text, start + 1)
    if text.startswith("]", position):
        _expect_end(text, position + 1)
        return
    while True:
        value, end = _read(text, position)
        yield JsonValue(value, text[position:end])
        position = _skip(text, end)
        separator = text[position : position + 1]
        position = _skip(text, position + 1)
        if separator == "]":
            _expect_end(text, position)
            return
        if separator != ",":
            raise MalformedJson(f"expected a comma or the end of the array at character {position}")


def _read(text: str, position: int) -> tuple[object, int]:
    try:
        value: tuple[object, int] = _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise MalformedJson(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise MalformedJson("nested too deeply") from error
    return value


def _skip(text: str, position: int) -> int:
    blank = _WHITESPACE.match(text, position)
    return blank.end() if blank else position


def _expect_end(text: str, position: int) -> None:
    if _skip(text, position) != len(text):
        raise MalformedJson(f"expected nothing more at character {position}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    return value if len(value) == len(pairs) else AmbiguousObject(value)


def _integer(digits: str) -> int | float:
    # int() takes quadratic time and refuses thousands of digits; no number in the contract is this long.
    return int(digits) if len(digits) <= _MAX_EXACT_DIGITS else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)
