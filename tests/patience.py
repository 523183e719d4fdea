"""Waiting for what must come: for long where a machine is slow, and no longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

WITHIN_SECONDS = 120
"""Far beyond what anything takes: a test that runs into it has found something missing, not something slow."""
_LOOK_EVERY_SECONDS = 0.1

Found = TypeVar("Found")


def until(look: Callable[[], Found | None]) -> Found:
    """What `look` finds once that is true in the sense of `if`; for a list, that it is not empty.

    Ask for what is final: a look that also finds what is under way finds that. Raises TimeoutError with the last find.
    """
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing but {found!r} came within {WITHIN_SECONDS} seconds")
        time.sleep(_LOOK_EVERY_SECONDS)
