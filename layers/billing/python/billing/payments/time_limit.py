"""How long an invocation may wait for Stripe: its time limits add up to what Lambda gives it, and not to more."""

import time
from collections.abc import Callable
from typing import Any

import requests

REQUEST_SECONDS = 12.0
"""How long one request may take. Stripe answers a charge in a few seconds; a bank may take ten."""


class TimeLimit:
    """The moment after which nothing is asked any more. Without one, each request has its REQUEST_SECONDS.

    Whoever gets a slice of the time (`slice`) leaves the rest to others. One limit is shared by the threads of an
    invocation.
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

    @property
    def left(self) -> float | None:
        """Seconds; below zero once it is over. None without an end."""
        return None if self._until is None else self._until - self._seconds()

    @property
    def has_time(self) -> bool:
        """Whether a request that may take its whole time can still be heard."""
        left = self.left
        return left is None or left >= self._request_seconds

    def for_request(self, *, changes: bool) -> float:
        """Seconds that a request may take now. Raises requests.Timeout where there is no time for it.

        One that `changes` something at Stripe has its whole time or is not made: an answer that nobody waits for would
        be a charge of which nobody knows yet.
        """
        left = self.left
        if left is None or left >= self._request_seconds:
            return self._request_seconds
        if changes or left <= 0:
            raise requests.Timeout("no time is left to ask Stripe")
        return left


class TimedSession(requests.Session):
    """What Stripe's SDK sends its requests with: each has what is left of the time limit."""

    def __init__(self, limit: TimeLimit) -> None:
        super().__init__()
        self._limit = limit

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = self._limit.for_request(changes=method.lower() != "get")
        return super().request(method, url, *args, **kwargs)
