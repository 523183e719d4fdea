"""Deliveries: one notice on its way to one destination, tried again for three days and kept for thirty."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

DeliveryStatus = Literal["pending", "delivered", "failed", "held"]

EMAIL = "email"
KEPT = timedelta(days=30)
# How long an attempt may take before another worker may try: far beyond all time limits of one.
ATTEMPT_LEASE = timedelta(minutes=3)
# From one attempt to the next. They add up to three days.
BACKOFF_SECONDS = (60, 300, 1800, 7200, 21_600, 43_200, 86_400, 98_640)
MAX_ATTEMPTS = 1 + len(BACKOFF_SECONDS)
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice for one destination: the id of a webhook endpoint, or `EMAIL`. `payload` is the event as JSON text.

    `due_at` is when the sweep queues it unless an attempt records its outcome first; only a pending one has it. `held`
    ones wait for their endpoint to be enabled and for a replay. `attempts` counts those begun.
    """

    destination: str
    event_id: str
    event_type: str
    account_id: str | None
    payload: str
    created_at: datetime
    status: DeliveryStatus = "pending"
    attempts: int = 0
    due_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None

    def begin(self, now: datetime) -> "Delivery":
        """An attempt is under way. If its process dies, the next one follows when the lease is over."""
        return replace(self, attempts=self.attempts + 1, last_attempt_at=now, due_at=now + ATTEMPT_LEASE)

    def end(self, answer: "Answer", now: datetime) -> "Delivery":
        """What the attempt came to: delivered, due again later, or given up."""
        told = replace(self, last_status=answer.status, last_error=answer.error)
        if answer.accepted:
            return replace(told, status="delivered", due_at=None)
        if answer.final or self.attempts >= MAX_ATTEMPTS:
            return replace(told, status="failed", due_at=None)
        return replace(told, due_at=now + retry_after(self.event_id, self.attempts))

    def told_otherwise(self, how: str) -> "Delivery":
        """Nothing is sent: another notice has told the same."""
        return replace(self, status="delivered", due_at=None, last_error=how)

    def held(self, reason: str) -> "Delivery":
        return replace(self, status="held", due_at=None, last_error=reason)

    def again(self, now: datetime) -> "Delivery":
        """As new, whatever came of it before: all attempts are ahead."""
        return replace(self, status="pending", attempts=0, due_at=now, last_error=None, last_status=None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message of the delivery queue: the attempt after `attempts` others. It is made once, however often it comes."""

    destination: str
    event_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said: an HTTP status, or why there is none. `final` where asking again cannot help."""

    status: int | None = None
    error: str | None = None
    final: bool = False

    @property
    def accepted(self) -> bool:
        return self.error is None


def retry_after(event_id: str, attempts: int) -> timedelta:
    """How long to wait after `attempts` failed ones: up to a tenth longer, so that those that failed together part."""
    digest = hashlib.sha256(f"{event_id}:{attempts}".encode()).digest()
    return timedelta(seconds=BACKOFF_SECONDS[attempts - 1] * (1 + _JITTER * digest[0] / 255))
