"""Cursors: where a list goes on, as opaque text for the caller."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

from billing.domain.errors import InvalidValue
from billing.store.database import Item, Page

T = TypeVar("T")

MAX_CURSOR_CHARACTERS = 2048
_MAX_KEY_BYTES = 1024
_PLACE = ("at", "name")
"""The names in cursors of what `page_of` orders by; earlier releases made cursors of them, too."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Some of a list's items and the cursor for the next ones; None at the end."""

    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page, read: Callable[[Item], T]) -> "Listing[T]":
        return cls([read(item) for item in page.items], cursor_to(page.next_key))


def page_of(items: Iterable[T], place: Callable[[T], tuple[str, str]], limit: int, cursor: str | None) -> Listing[T]:
    """A page of a list that is short enough to be read whole, in the order of `place`, which no two items share.

    What is added or removed between two pages moves nothing else. Raises InvalidValue for a cursor not made here.
    """
    start = start_key(cursor, _PLACE)
    after = ["", ""] if start is None else [start[name].get("S") for name in _PLACE]
    if None in after:
        raise InvalidValue("is not a cursor of this list", field="cursor")
    placed = [(list(place(item)), item) for item in items]
    left = sorted((each for each in placed if each[0] > after), key=itemgetter(0))
    page = left[:limit]
    last = {name: {"S": text} for name, text in zip(_PLACE, page[-1][0], strict=True)} if len(left) > limit else None
    return Listing([item for _, item in page], cursor_to(last))


def cursor_at(query: str, place: str) -> str | None:
    """The cursor of a query, by a digest of what it asks for, that goes on behind a place."""
    return cursor_to({"of": {"S": query}, "at": {"S": place}})


def place_at(cursor: str | None, query: str) -> str | None:
    """The place that a cursor goes on behind. Raises InvalidValue where it is not one of this query."""
    key = start_key(cursor, ("of", "at"))
    if key is None:
        return None
    if key["of"] != {"S": query} or "S" not in key["at"]:
        raise InvalidValue("is not a cursor of this list", field="cursor")
    place: str = key["at"]["S"]
    return place


def cursor_to(key: Item | None) -> str | None:
    """The cursor that goes on behind a key; None at the end."""
    if key is None:
        return None
    # Letters of any script as they are: escaped they would take three times the room.
    text = json.dumps(key, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def start_key(cursor: str | None, key: Sequence[str], fixed: Mapping[str, Any] | None = None) -> Item | None:
    """The key a cursor stands for, whose attributes must be `key`. Raises InvalidValue for a cursor not made here.

    `fixed` overwrites the attributes that the caller may not choose, such as the account.
    """
    if cursor is None:
        return None
    item = _decode(cursor)
    if not isinstance(item, dict) or set(item) != set(key) or not all(map(_is_typed_scalar, item.values())):
        raise InvalidValue("is not a cursor of this list", field="cursor")
    return {**item, **(fixed or {})}


def _decode(cursor: str) -> object:
    if len(cursor) > MAX_CURSOR_CHARACTERS:
        return None
    try:
        return json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _is_typed_scalar(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and all(kind in {"S", "N"} and isinstance(text, str) and _is_key(text) for kind, text in value.items())
    )


def _is_key(text: str) -> bool:
    """Whether DynamoDB takes it as a sort key: JSON can state half a surrogate pair, which is no text."""
    try:
        return 0 < len(text.encode()) <= _MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False
