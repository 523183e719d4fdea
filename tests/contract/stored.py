"""A row as the store writes and reads it, for the golden rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from billing.store.database import Database

Write = Callable[[Database], object]
Read = Callable[[Database], object]


@dataclass(frozen=True)
class Stored:
    """`write` brings `value` into an empty table as the store does, where it still does; `read` brings it back."""

    table: str
    key: Mapping[str, Any]
    value: object
    write: Write | None
    read: Read
