"""A copy of JSON, a good deal faster than `deepcopy`, which looks for what JSON cannot hold."""

from typing import Any


def copied(value: Any) -> Any:
    """The value with dictionaries and lists of its own, all the way down."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value
