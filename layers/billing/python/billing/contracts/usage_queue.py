"""The messages of the usage queue: a CloudEvent, when it first arrived, and for which account its sender may speak.

    {"arrived_at": "2026-11-23T09:15:03.120Z", "account_id": "acme", "event": {...}}

A replay also says of which rejection it is (`replay`, see `domain.usage.Replay`). The rule of the event bus makes the
same shape with an input transformer (`arrived_at` is the bus's ingestion time, `account_id` is absent). An arrival in
the body outlives what SentTimestamp does not: a redrive from the dead-letter queue and a replay.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from billing.contracts.json_text import JsonValue, MalformedJson, compact, loads
from billing.contracts.times import parse_time
from billing.contracts.usage_events import InvalidEvent, cause_of, event_id_of, parse_usage_event
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent, reject
from billing.domain.usage import Replay


def receive(
    sent: JsonValue,
    *,
    now: datetime,
    arrived_at: datetime | None = None,
    account_id: str | None = None,
    replay: Replay | None = None,
) -> QueuedEvent | RejectedEvent:
    """Take in one event as sent; `account_id` is the account that the sender's key is bound to."""
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
            rejection_id=None if replay is None else replay.rejection_id,
            cause=cause_of(sent.value) if replay is None else replay.sent,
        )
    return QueuedEvent(replace(event, replay=replay), compact(sent.value), account_id)


def encode(queued: QueuedEvent) -> str:
    """The body of the SQS message, in ASCII."""
    arrived_at = format_instant(queued.event.arrived_at)
    replay = queued.event.replay
    replayed = "" if replay is None else f'"replay":{compact(asdict(replay))},'
    return (
        f'{{"arrived_at":"{arrived_at}","account_id":{compact(queued.account_id)},{replayed}"event":{queued.payload}}}'
    )


def decode(body: str, *, sent_at: datetime, now: datetime) -> QueuedEvent | RejectedEvent:
    """Read a message, whoever put it there; `sent_at` (SentTimestamp) is its arrival where the body states none."""
    try:
        message = loads(body)
    except MalformedJson as error:
        return reject(body, error.code, error.detail, rejected_at=now, arrived_at=sent_at)
    arrived_at, account_id, replayed = sent_at, None, None
    if isinstance(message, Mapping) and "event" in message and "specversion" not in message:
        arrived_at = _arrival(message.get("arrived_at"), sent_at)
        account_id, replayed = _text(message.get("account_id")), _replay(message)
        message = message["event"]
    else:
        message = unwrap(message)
    return receive(
        JsonValue(message, compact(message)),
        now=now,
        arrived_at=arrived_at,
        account_id=account_id,
        replay=replayed,
    )


def judge_again(
    rejected: RejectedEvent,
    *,
    now: datetime,
    corrected: Mapping[str, object] | None = None,
    confirmed: bool = False,
) -> QueuedEvent | RejectedEvent:
    """Judge a rejected event again, as of its first arrival and for the account of its first sender.

    `corrected` is the event to be judged in its place; None is the event as it was kept. `confirmed` passes the guards
    that ask for a person (see `Replay`).
    """
    if corrected is not None:
        sent = JsonValue(corrected, compact(corrected))
    else:
        try:
            sent = JsonValue(loads(rejected.payload), rejected.payload)
        except MalformedJson as error:
            return replace(rejected, code=error.code, detail=error.detail, field=None, rejected_at=now)
    # A row of an earlier release does not say under which cause it was sent: then what is kept says it. Not of a sender
    # who may speak for one account: it may name a call of another's.
    cause = rejected.cause or (_kept_cause(rejected) if rejected.account_id is None else None)
    replay = Replay(rejected.rejection_id, cause, rejected.content, confirmed)
    return receive(sent, now=now, arrived_at=rejected.arrived_at, account_id=rejected.account_id, replay=replay)


def unwrap(message: object) -> object:
    """The CloudEvent inside an EventBridge envelope, where it is the whole `detail`; anything else as it is."""
    if isinstance(message, Mapping) and "detail-type" in message and "detail" in message:
        detail: object = message["detail"]
        return detail
    return message


def _kept_cause(rejected: RejectedEvent) -> str | None:
    try:
        return cause_of(loads(rejected.payload))
    except MalformedJson:
        return None


def _replay(message: Mapping[str, object]) -> Replay | None:
    """A message of an earlier release names the rejection alone."""
    stated = message.get("replay")
    of_message = stated if isinstance(stated, Mapping) else message
    rejection_id = _text(of_message.get("rejection_id"))
    if rejection_id is None:
        return None
    sent, content = _text(of_message.get("sent")), _text(of_message.get("content"))
    return Replay(rejection_id, sent, content, of_message.get("confirmed") is True)


def _text(stated: object) -> str | None:
    return stated if isinstance(stated, str) else None


def _arrival(stated: object, sent_at: datetime) -> datetime:
    try:
        return parse_time(stated, "arrived_at")
    except InvalidValue:
        return sent_at
