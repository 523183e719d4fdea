"""A table that must be complete says so itself, and names what it lacks."""

import pytest

from billing.domain.complete import complete


def test_a_complete_table_is_itself() -> None:
    table = {"a": 1, "b": 2}
    assert complete(table, ("b", "a")) is table


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("abcd", r"missing are \['c', 'd'\], too many are \[\]"),
        ("a", r"missing are \[\], too many are \['b'\]"),
    ],
)
def test_a_table_that_is_not_complete_names_what_is_missing_and_what_is_too_many(keys: str, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        complete({"a": 1, "b": 2}, keys)
