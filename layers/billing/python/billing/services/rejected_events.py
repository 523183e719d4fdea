"""Rejected events: an operator sends one to settlement again, as it is or corrected."""

from collections.abc import Callable

from billing.domain.errors import BillingError, NotFound
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.services.ingest_events import Queue
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


def replay(rejected_events: RejectedEvents, queue: Queue, rejection_id: str, judge: Judge) -> QueuedEvent:
    """Queue the event for settlement and, once the queue has it, take it from the open ones.

    Doing it again is safe: an event is charged once. What settlement cannot charge stays or is open again. Raises
    RejectionNotFound, StillRejected, QueueUnavailable.
    """
    found = rejected_events.get(rejection_id)
    if found is None:
        raise RejectionNotFound(f'there is no rejected event "{rejection_id}"')
    judged = judge(found[0])
    if isinstance(judged, RejectedEvent):
        raise StillRejected(judged.detail, field="event" if judged.field is None else f"event.{judged.field}")
    if queue.send([judged]):
        raise QueueUnavailable("the event could not be queued; it stays open")
    rejected_events.mark_replayed(found[0])
    return judged
