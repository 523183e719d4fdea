"""The messages of the usage queue: a CloudEvent, when it first arrived, and for which account its sender may speak.

    {"arrived_at": "2026-11-23T09:15:03.120Z", "account_id": "acme", "event": {...}}

A replay also has the `rejection_id` that it is of. The rule of the event bus makes the same shape with an input
transformer (`arrived_at` is the bus's ingestion time, `account_id` is absent). An arrival in the body outlives what
SentTimestamp does not: a redrive from the dead-letter queue and a replay.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing.contracts.json_text import JsonValue, MalformedJson, compact, loads
from billing.contracts.times import parse_time
from billing.contracts.usage_events import InvalidEvent, event_id_of, parse_usage_event
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent, reject


def receive(
    sent: JsonValue,
    *,
    now: datetime,
    arrived_at: datetime | None = None,
    account_id: str | None = None,
    rejection_id: str | None = None,
) -> QueuedEvent | RejectedEvent:
    """Take in one event as sent; `account_id` is the account that the sender's key is bound to.

    `rejection_id` is that of the rejection which it replays.
    """
    try:
        event = parse_usage_event(sent.value, now=now, arrived_at=arrived_at)
    except InvalidEvent as error:
        return reject(
            sent.text,
            error.code,
            error.detail,
            rejected_at=now,
            arrived_at=arrived_at or now,
            event_id=event_id_of(sent.value),
            field=error.field,
            account_id=account_id,
            rejection_id=rejection_id,
        )
    return QueuedEvent(event, compact(sent.value), account_id, rejection_id)


def encode(queued: QueuedEvent) -> str:
    """The body of the SQS message, in ASCII."""
    arrived_at = format_instant(queued.event.arrived_at)
    replayed = "" if queued.rejection_id is None else f'"rejection_id":"{queued.rejection_id}",'
    return (
        f'{{"arrived_at":"{arrived_at}","account_id":{compact(queued.account_id)},{replayed}"event":{queued.payload}}}'
    )


def decode(body: str, *, sent_at: datetime, now: datetime) -> QueuedEvent | RejectedEvent:
    """Read a message, whoever put it there; `sent_at` (SentTimestamp) is its arrival where the body states none."""
    try:
        message = loads(body)
    except MalformedJson as error:
        return reject(body, error.code, error.detail, rejected_at=now, arrived_at=sent_at)
    arrived_at, account_id, rejection_id = sent_at, None, None
    if isinstance(message, Mapping) and "event" in message and "specversion" not in message:
        arrived_at = _arrival(message.get("arrived_at"), sent_at)
        account_id, rejection_id = _text(message.get("account_id")), _text(message.get("rejection_id"))
        message = message["event"]
    else:
        message = unwrap(message)
    return receive(
        JsonValue(message, compact(message)),
        now=now,
        arrived_at=arrived_at,
        account_id=account_id,
        rejection_id=rejection_id,
    )


def replay(
    rejected: RejectedEvent, *, now: datetime, corrected: Mapping[str, object] | None = None
) -> QueuedEvent | RejectedEvent:
    """Judge a rejected event again, as of its first arrival and for the account of its first sender.

    `corrected` is the event to be judged in its place; None is the event as it was kept.
    """
    if corrected is not None:
        sent = JsonValue(corrected, compact(corrected))
    else:
        try:
            sent = JsonValue(loads(rejected.payload), rejected.payload)
        except MalformedJson as error:
            return replace(rejected, code=error.code, detail=error.detail, field=None, rejected_at=now)
    return receive(sent, now=now, arrived_at=rejected.arrived_at, account_id=rejected.account_id)


def unwrap(message: object) -> object:
    """The CloudEvent inside an EventBridge envelope, where it is the whole `detail`; anything else as it is."""
    if isinstance(message, Mapping) and "detail-type" in message and "detail" in message:
        detail: object = message["detail"]
        return detail
    return message


def _text(stated: object) -> str | None:
    return stated if isinstance(stated, str) else None


def _arrival(stated: object, sent_at: datetime) -> datetime:
    try:
        return parse_time(stated, "arrived_at")
    except InvalidValue:
        return sent_at
