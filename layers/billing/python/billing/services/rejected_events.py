"""Rejected events: an operator sends one to settlement again, as it is or corrected."""

from collections.abc import Callable
from dataclasses import replace

from billing.domain.errors import BillingError, Conflict, NotFound
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.services.ingest_events import Queue
from billing.store.books import Books
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents

Judge = Callable[[RejectedEvent], QueuedEvent | RejectedEvent]
"""Reads the event again, corrected or not, keeping its first arrival and the account of its first sender."""


class RejectionNotFound(NotFound):
    code = "rejected_event_not_found"


class StillRejected(BillingError):
    """The event breaks the contract as it did before, or in another way."""

    code = "event_rejected"


class QueueUnavailable(BillingError):
    code = "queue_unavailable"


def replay(database: Database, queue: Queue, rejection_id: str, judge: Judge) -> QueuedEvent:
    """Queue the event for settlement and, once the queue has it, take it from the open ones.

    The first replay fixes the event's id before the queue is asked: a later one carries the same, and is a duplicate,
    or finishes a replay that died on its way. So a rejection is charged once, and stays open until the queue has it.
    What settlement cannot charge stays or is open again, under the id that was fixed.

    Raises RejectionNotFound, StillRejected, Conflict (`event_conflict` where the id was charged with other content,
    `replayed_under_another_id`), QueueUnavailable.
    """
    rejected_events = RejectedEvents(database)
    found = rejected_events.get(rejection_id)
    if found is None:
        raise RejectionNotFound(f'there is no rejected event "{rejection_id}"')
    judged = judge(found[0])
    if isinstance(judged, RejectedEvent):
        raise StillRejected(judged.detail, field="event" if judged.field is None else f"event.{judged.field}")
    _fix_id(database, rejected_events, found[0], judged)
    if queue.send([replace(judged, rejection_id=rejection_id)]):
        raise QueueUnavailable("the event could not be queued; it stays open")
    rejected_events.mark_replayed(found[0])
    return judged


def _fix_id(
    database: Database, rejected_events: RejectedEvents, rejected: RejectedEvent, replayed: QueuedEvent
) -> None:
    """Raises Conflict. An id that can never be charged with this content is not fixed."""
    event = replayed.event
    if rejected.replay_event_id in {None, event.event_id}:
        charged = Books(database).entries([event.cause]).get(event.cause)
        if charged is not None and charged.fingerprint != event.fingerprint:
            raise Conflict(
                f'event "{event.event_id}" was settled before with other content: another event has an id of its own',
                code="event_conflict",
                field="event.id",
            )
    if not rejected_events.fix_replay(rejected.rejection_id, event.event_id):
        raise Conflict(
            "the event was replayed under another id, its replay_event_id, and may be charged under that one alone",
            code="replayed_under_another_id",
            field="event.id",
        )
