"""A stage's log level: it is for our own loggers, and opens no one else's."""

import logging
from collections.abc import Iterator

import pytest

from billing.runtime import logs
from billing.runtime.settings import load

OURS = ("a_function", "billing", "billing.services.settle_usage")
OTHERS = (None, "botocore.endpoint", "urllib3.connectionpool", "stripe")


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Each test leaves the levels as it found them."""
    found = {name: logging.getLogger(name).level for name in (None, "a_function", "billing")}
    yield
    for name, level in found.items():
        logging.getLogger(name).setLevel(level)


def enabled(level: int, names: tuple[str | None, ...]) -> set[bool]:
    return {logging.getLogger(name).isEnabledFor(level) for name in names}


def test_debug_is_for_our_own_loggers_alone() -> None:
    assert logs.logger("a_function", "DEBUG").name == "a_function"
    assert enabled(logging.DEBUG, OURS) == {True}
    assert enabled(logging.DEBUG, OTHERS) == {False}
    assert enabled(logging.INFO, OTHERS) == {True}


def test_info_is_for_all() -> None:
    logs.logger("a_function", "INFO")
    assert enabled(logging.INFO, OURS + OTHERS) == {True}
    assert enabled(logging.DEBUG, OURS + OTHERS) == {False}


def test_a_quieter_stage_is_quieter_in_all() -> None:
    logs.logger("a_function", "WARN")
    assert enabled(logging.WARNING, OURS + OTHERS) == {True}
    assert enabled(logging.INFO, OURS + OTHERS) == {False}


def test_the_level_is_the_environment_s_and_info_where_it_says_nothing() -> None:
    assert load({"LOG_LEVEL": "DEBUG"}).log_level == "DEBUG"
    assert load({}).log_level == "INFO"


def test_a_level_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        logs.logger("a_function", "LOUD")
