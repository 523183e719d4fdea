"""Where an engine is known to differ from AWS. Each difference is proved: its test must fail there, and that way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.contract.store.engines import EngineName

TAKEN = pytest.fail.Exception
"""How a test fails of which the engine took what is to be refused."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`raises` is how the test fails there. If it passes, or fails in another way, this table is wrong."""

    why: str
    raises: type[BaseException] = AssertionError


def _of(test: str, difference: Difference, *cases: str) -> Iterator[tuple[str, Difference]]:
    """A difference by its test, or by those of its cases in which it shows."""
    return ((f"{test}[{case}]", difference) for case in cases) if cases else iter([(test, difference)])


_MINISTACK = (
    _of(
        "test_a_start_key_of_other_attributes_is_refused",
        Difference("goes on from any key that names the partition", TAKEN),
        "too_many",
        "wrong_type",
    ),
    _of(
        "test_a_whole_number_is_exact_to_its_last_digit",
        Difference("adds with Python's decimals, which round past 28 digits"),
        "31",
        "38",
    ),
    _of("test_an_answer_ends_at_sixteen_megabytes", Difference("answers a batch read of any size at once")),
    _of(
        "test_an_expression_that_is_not_whole",
        Difference("reads update expressions leniently", TAKEN),
        "single-one_attribute_twice",
        "single-comma_at_the_end",
        "transaction-one_attribute_twice",
        "transaction-comma_at_the_end",
        "transaction-key_attribute",
    ),
    _of(
        "test_a_key_that_can_be_none",
        Difference("does not look for the sort key of a transaction's Put", TAKEN),
        "transaction-no_sort_key",
    ),
    _of(
        "test_a_key_of_an_index_that_can_be_none",
        Difference("has no limit for the keys of indexes", TAKEN),
        "too_long",
    ),
    _of(
        "test_a_query_that_an_index_cannot_answer",
        Difference("evaluates any condition on any attribute", TAKEN),
        "or",
        "filter_on_a_key",
    ),
)
_MOTO = (
    _of("test_the_same_token_writes_once", Difference("ignores ClientRequestToken")),
    _of("test_a_token_stands_for_one_transaction", Difference("ignores ClientRequestToken", TAKEN)),
    _of(
        "test_of_many_writers_at_once_one_wins_and_nothing_of_the_others_is_written",
        Difference("takes a canceled transaction back by putting whole tables back, with what others wrote", Exception),
    ),
    _of(
        "test_the_key_behind_a_page_names_the_index_and_the_table",
        Difference("says of a full page that nothing follows", KeyError),
    ),
    _of(
        "test_a_start_key_of_other_attributes_is_refused",
        Difference("goes on from any key", TAKEN),
        "too_few",
        "too_many",
        "wrong_type",
    ),
    _of("test_a_start_key_of_another_partition_is_refused", Difference("goes on from any key", TAKEN)),
    _of(
        "test_a_row_of_more_than_400_kilobytes_is_refused_and_none_is_cut",
        Difference("has made the row of an update before it finds it too large"),
        "update",
    ),
    _of(
        "test_an_answer_ends_at_sixteen_megabytes",
        Difference("forgets that the keys it left were to be read consistently", KeyError),
    ),
    _of(
        "test_an_expression_that_is_not_whole",
        Difference("fails at a name or value that is not defined", KeyError),
        "single-undefined_value",
        "single-undefined_name",
        "transaction-undefined_value",
        "transaction-undefined_name",
    ),
    _of(
        "test_an_expression_that_is_not_whole",
        Difference("does not look for unused values in transactions", TAKEN),
        "transaction-unused_value",
    ),
    _of(
        "test_a_key_that_can_be_none",
        Difference("checks keys only where a row is put by itself", TAKEN),
        "get-wrong_type",
        "get-too_long",
        "batch-empty_text",
        "batch-wrong_type",
        "batch-too_long",
        "transaction-no_sort_key",
    ),
    _of(
        "test_a_key_of_an_index_that_can_be_none",
        Difference("does not check the types of indexes' keys", TAKEN),
        "wrong_type",
    ),
    _of(
        "test_a_query_that_an_index_cannot_answer",
        Difference("evaluates any condition on any attribute", TAKEN),
        "filter_on_a_key",
        "sort_key_twice",
        "between_backwards",
    ),
    _of("test_a_query_that_an_index_cannot_answer", Difference("fails at an OR between keys"), "or"),
    _of(
        "test_a_query_that_an_index_cannot_answer",
        Difference("says of an unknown index that a resource is missing"),
        "unknown_index",
    ),
    _of("test_what_changes_nothing_is_not_told", Difference("tells of updates that changed nothing")),
    _of(
        "test_a_number_that_is_none",
        Difference("has no limit for numbers", TAKEN),
        "39_digits",
        "too_large",
    ),
)
_DYNAMODB_LOCAL = (
    _of(
        "test_an_image_holds_a_value_as_the_row_does",
        Difference("leaves out in its streams that an empty map is a map"),
        "empty_map",
    ),
)

DIFFERENCES: Mapping[EngineName, Mapping[str, Difference]] = {
    "ministack": {name: difference for each in _MINISTACK for name, difference in each},
    "moto": {name: difference for each in _MOTO for name, difference in each},
    "dynamodb_local": {name: difference for each in _DYNAMODB_LOCAL for name, difference in each},
}
"""By a test's name; with `[case]` behind it for one of its cases."""
