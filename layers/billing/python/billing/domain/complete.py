"""Tables that must be complete are checked where they stand, so that a gap is found at import and not by a caller."""

from collections.abc import Collection, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def complete(table: Mapping[K, V], keys: Collection[K]) -> Mapping[K, V]:
    """The table, which has exactly these keys. Raises TypeError naming those that are missing or too many."""
    wanted = frozenset(keys)
    missing, unknown = sorted(map(str, wanted - table.keys())), sorted(map(str, table.keys() - wanted))
    if missing or unknown:
        raise TypeError(f"a table is not complete: missing are {missing}, too many are {unknown}")
    return table
