"""Rejected events: an operator sends one to settlement again, as it is or corrected."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from billing.contracts import usage_queue
from billing.domain.errors import BillingError, Conflict, NotFound
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.domain.usage import usage_cause
from billing.services.ingest_events import Queue
from billing.store.books import Books
from billing.store.store import Store


class RejectionNotFound(NotFound):
    code = "rejected_event_not_found"


class StillRejected(BillingError):
    """The event breaks the contract as it did before, or in another way."""

    code = "event_rejected"


class QueueUnavailable(BillingError):
    code = "queue_unavailable"


def replay(
    store: Store, queue: Queue, rejection_id: str, corrected: Mapping[str, object] | None, now: datetime
) -> QueuedEvent:
    """Queue the event, as it is or `corrected`, for settlement and, once the queue has it, take it from the open ones.

    A replay carries the event's own id, or where that cannot be read the one that the first replay gave, which is fixed
    before the queue is asked: a later one is a duplicate, or finishes a replay that died on its way. So a rejection is
    charged once, and stays open until the queue has it. What settlement cannot charge stays or is open again.

    Raises RejectionNotFound, StillRejected, Conflict (`event_conflict` where the id was charged with other content,
    `replayed_under_another_id`), QueueUnavailable.
    """
    found = store.rejected_events.get(rejection_id)
    if found is None:
        raise RejectionNotFound(f'there is no rejected event "{rejection_id}"')
    judged = usage_queue.replay(found[0], now=now, corrected=corrected)
    if isinstance(judged, RejectedEvent):
        raise StillRejected(judged.detail, field="event" if judged.field is None else f"event.{judged.field}")
    _fix_id(store, found[0], judged)
    if queue.send([replace(judged, rejection_id=rejection_id)]):
        raise QueueUnavailable("the event could not be queued; it stays open")
    store.rejected_events.mark_replayed(found[0])
    return judged


def _fix_id(store: Store, rejected: RejectedEvent, replayed: QueuedEvent) -> None:
    """Raises Conflict. An id that can never be charged with this content is not fixed.

    Another id than its own is free only once another event was charged under that: else the same event could come
    again, from its sender or from the queue, and be charged twice.
    """
    books, event, own = store.books, replayed.event, rejected.charged_as
    charged = books.entry(event.cause)
    if charged is not None and charged.fingerprint != event.fingerprint:
        raise Conflict(
            f'event "{event.event_id}" was settled before with other content: another event has an id of its own',
            code="event_conflict",
            field="event.id",
        )
    is_free = (
        own is None or own == event.event_id or _is_of_another(books, own, {*rejected.contents, event.fingerprint})
    )
    if not is_free or not store.rejected_events.fix_replay(rejected, event.event_id, event.fingerprint):
        raise Conflict(
            f'the event may be charged under its id "{own}" alone: under another one it could be charged twice',
            code="replayed_under_another_id",
            field="event.id",
        )


def _is_of_another(books: Books, event_id: str, contents: Collection[str]) -> bool:
    charged = books.entry(usage_cause(event_id))
    return charged is not None and charged.fingerprint not in contents
