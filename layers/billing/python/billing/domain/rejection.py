"""An event that cannot be charged: kept with its reason, so that an operator can see, fix and replay it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.domain.queued_event import QueuedEvent

MAX_PAYLOAD_BYTES = 200_000

RejectionStatus = Literal["open", "replayed"]


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """`payload` is the event as JSON text; `field` the path of what is wrong, such as "data.usage[0].quantity".

    `rejection_id` follows from the payload as it first came and `account_id`, the account of the sender's key where it
    is bound to one: the same bad event twice is one rejection, and no sender touches another's. `arrived_at` is the
    first arrival, which a replay keeps. `replay_event_id` is the id of the event that its first replay sent, `contents`
    are the fingerprints of what came and of what was replayed.
    """

    rejection_id: str
    event_id: str | None
    code: str
    detail: str
    field: str | None
    payload: str
    rejected_at: datetime
    arrived_at: datetime
    account_id: str | None = None
    replay_event_id: str | None = None
    contents: frozenset[str] = frozenset()

    @property
    def charged_as(self) -> str | None:
        """The id under which it may be charged, or may have been: the sender can send it again, too. None for any."""
        return self.replay_event_id or self.event_id


def reject(
    payload: str,
    code: str,
    detail: str,
    *,
    rejected_at: datetime,
    arrived_at: datetime,
    event_id: str | None = None,
    field: str | None = None,
    account_id: str | None = None,
    rejection_id: str | None = None,
    contents: frozenset[str] = frozenset(),
) -> RejectedEvent:
    """A payload beyond 200 KB is kept cut off, enough to see who sent it; its id still tells it from any other.

    `rejection_id` is that of the rejection which was replayed, None where the event was not rejected before.
    """
    raw = payload.encode()
    sender = b"" if account_id is None else f"{account_id}\0".encode()
    return RejectedEvent(
        rejection_id=rejection_id or hashlib.sha256(sender + raw).hexdigest()[:32],
        event_id=event_id,
        code=code,
        detail=detail,
        field=field,
        payload=payload if len(raw) <= MAX_PAYLOAD_BYTES else raw[:MAX_PAYLOAD_BYTES].decode(errors="ignore"),
        rejected_at=rejected_at,
        arrived_at=arrived_at,
        account_id=account_id,
        contents=contents,
    )


def reject_queued(
    queued: QueuedEvent, code: str, detail: str, *, rejected_at: datetime, field: str | None = None
) -> RejectedEvent:
    """A well-formed event that cannot be charged: unknown workspace or feature, no plan, a conflict."""
    return reject(
        queued.payload,
        code,
        detail,
        rejected_at=rejected_at,
        arrived_at=queued.event.arrived_at,
        event_id=queued.event.event_id,
        field=field,
        account_id=queued.account_id,
        rejection_id=queued.rejection_id,
        contents=frozenset({queued.event.fingerprint}),
    )
