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
    first arrival, which a replay keeps. `cause` and `content` are of the event as it first came: the cause under which
    it is charged when its sender sends it again, and its fingerprint, None where they cannot be read. `replay_event_id`
    is the id of the event that the last replay sent.
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
    cause: str | None = None
    content: str | None = None


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
    cause: str | None = None,
    content: str | None = None,
) -> RejectedEvent:
    """A payload beyond 200 KB is kept cut off, enough to see who sent it; its id still tells it from any other.

    `rejection_id` is that of the rejection which was replayed, None where the event was not rejected before.
    """
    raw = payload.encode()
    return RejectedEvent(
        rejection_id=rejection_id or rejection_id_of(payload, account_id),
        event_id=event_id,
        code=code,
        detail=detail,
        field=field,
        payload=payload if len(raw) <= MAX_PAYLOAD_BYTES else raw[:MAX_PAYLOAD_BYTES].decode(errors="ignore"),
        rejected_at=rejected_at,
        arrived_at=arrived_at,
        account_id=account_id,
        cause=cause,
        content=content,
    )


def rejection_id_of(payload: str, account_id: str | None) -> str:
    """The id of the rejection of this text, from a sender whose key is bound to the account, or to none."""
    sender = b"" if account_id is None else f"{account_id}\0".encode()
    return hashlib.sha256(sender + payload.encode()).hexdigest()[:32]


def reject_queued(
    queued: QueuedEvent, code: str, detail: str, *, rejected_at: datetime, field: str | None = None
) -> RejectedEvent:
    """A well-formed event that cannot be charged: unknown workspace or feature, no plan, a conflict."""
    event, replay = queued.event, queued.event.replay
    # Of another account's call, as far as a bound key may know, its sender can send nothing that is charged.
    is_foreign = code == "unknown_workspace" and queued.account_id is not None
    cause = None if is_foreign else event.cause
    return reject(
        queued.payload,
        code,
        detail,
        rejected_at=rejected_at,
        arrived_at=event.arrived_at,
        event_id=event.event_id,
        field=field,
        account_id=queued.account_id,
        rejection_id=None if replay is None else replay.rejection_id,
        cause=cause if replay is None else replay.sent,
        content=event.fingerprint if replay is None else replay.content,
    )
