"""A secret that may be replaced while the process lives: it holds without a deployment."""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from billing.payments.settings import StripeNotConfigured

KEPT_SECONDS: Final = 300
REFUSED_SECONDS: Final = 60
"""Whoever is refused again and again reads no oftener than this."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class KeptSecret(Generic[T]):
    """What `read` reads, read again every KEPT_SECONDS, and when it is refused. Threads may share it.

    Raises what `read` raises when it is made; later, what was read last stays where it cannot be read.
    """

    def __init__(self, read: Callable[[], T], seconds: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._seconds = seconds
        self._reading = Lock()
        self._kept = read()
        self._read_at = seconds()
        self._refused_at: float | None = None

    def current(self) -> T:
        if self._is_old():
            with self._reading:
                if self._is_old():  # else another thread has read it meanwhile
                    self._read_again()
        return self._kept

    def instead_of(self, refused: T) -> T | None:
        """What it is now, where that is not what was refused: it may have been replaced a moment ago."""
        with self._reading:
            if self._kept == refused and self._may_ask():
                self._refused_at = self._seconds()
                self._read_again()
            return None if self._kept == refused else self._kept

    def _is_old(self) -> bool:
        return self._seconds() - self._read_at > KEPT_SECONDS

    def _may_ask(self) -> bool:
        return self._refused_at is None or self._seconds() - self._refused_at >= REFUSED_SECONDS

    def _read_again(self) -> None:
        self._read_at = self._seconds()
        try:
            self._kept = self._read()
        except (StripeNotConfigured, BotoCoreError, ClientError):
            log.exception("a secret cannot be read again")
