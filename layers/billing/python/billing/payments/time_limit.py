"""How long an invocation may wait for Stripe: its time limits add up to what Lambda gives it, and not to more."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REQUEST_SECONDS = 12.0
"""How long one request may take. Stripe answers a charge in a few seconds; a bank may take ten."""


class TimeLimit:
    """The moment after which nothing is asked any more. Without one, each request has its REQUEST_SECONDS.

    One limit is shared by the threads of an invocation, and set anew at the beginning of each.
    """

    def __init__(
        self, *, request_seconds: float = REQUEST_SECONDS, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._request_seconds = request_seconds
        self._seconds = seconds
        self._until: float | None = None

    def set(self, seconds_left: float | None) -> None:
        """So long from now on; None is without an end."""
        self._until = None if seconds_left is None else self._seconds() + seconds_left

    @contextmanager
    def share(self, part: float) -> Iterator[None]:
        """Within the block only this part of what is left may be used: of 120 s and 0.25 that is 30 s."""
        before, left = self._until, self._left()
        if before is not None and left is not None:
            self._until = min(before, self._seconds() + part * left)
        try:
            yield
        finally:
            self._until = before

    def has_time(self) -> bool:
        """Whether a request that may take its whole time can still be heard."""
        left = self._left()
        return left is None or left >= self._request_seconds

    def for_request(self, *, changes: bool) -> float:
        """Seconds that a request may take now. Raises TimeoutError where there is no time for it.

        One that `changes` something at Stripe has its whole time or is not made: else a card might be charged, and
        nobody there to hear of it.
        """
        left = self._left()
        if left is None or left >= self._request_seconds:
            return self._request_seconds
        if changes or left <= 0:
            raise TimeoutError("no time is left to ask Stripe")
        return left

    def _left(self) -> float | None:
        return None if self._until is None else self._until - self._seconds()
