"""Dunning: when a renewal that could not be paid is tried again, and when that ends."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.stored import ByPosition

RETRY_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""After the first failure of a renewal; the try after the last of them locks the account."""

GRACE = timedelta(days=7)
"""What an administrator's unlock gives an account that could not pay."""


@dataclass(frozen=True, slots=True)
class FailedTry(ByPosition):
    """What a try asked for, and of which card where that is known; `code` says why it got nothing (see `declines`).

    Stored by position: a new field goes last, with a default.
    """

    transaction_id: str
    amount_micros: int
    code: str | None
    brand: str | None = None
    last4: str | None = None


@dataclass(frozen=True, slots=True)
class Dunning(ByPosition):
    """A renewal that is not paid. `failed_at` is its first failure, `attempts` counts them all, `last` is the last one.

    A day on which no card could be asked counts as a failure, too.

    `next_attempt_at` is None once the tries are used up; `locked` says that no call may start until it is paid.
    `grace_until` is the last try that an administrator's unlock gave.

    Stored by position: a new field goes last, with a default.
    """

    failed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    last: FailedTry
    locked: bool = False
    grace_until: datetime | None = None


def after_failure(dunning: Dunning | None, failed: FailedTry, now: datetime) -> Dunning:
    """Count a failed try: the next one is the first that is still to come; without one the account is locked.

    What is still to come follows from the clock and not from the count: a try out of turn (a new card) takes no later
    one away, and tries that a standstill delayed do not come one on the heels of the other.
    """
    before = dunning or Dunning(failed_at=now, attempts=0, next_attempt_at=None, last=failed)
    grace = before.grace_until
    tries = [before.failed_at + delay for delay in RETRY_AFTER] + ([] if grace is None else [grace])
    coming = [moment for moment in tries if moment > now]
    return replace(
        before,
        attempts=before.attempts + 1,
        next_attempt_at=min(coming, default=None),
        last=failed,
        locked=not coming,
    )
