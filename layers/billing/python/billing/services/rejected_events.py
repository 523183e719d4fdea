"""Rejected events: an operator sends one to settlement again, as it is or corrected."""

from collections.abc import Mapping
from datetime import datetime

from billing.contracts import usage_queue
from billing.domain.charged_once import causes_after_a_void, entry_of, judge, judge_after_a_void
from billing.domain.errors import BillingError, Conflict, NotFound
from billing.domain.plan import Plan, PlanKey
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.domain.usage import UsageEvent, describe, rejection_cause
from billing.services.ingest_events import Queue
from billing.store.store import Store


class RejectionNotFound(NotFound):
    code = "rejected_event_not_found"


class StillRejected(BillingError):
    """The event breaks the contract as it did before, or in another way."""

    code = "event_rejected"


class QueueUnavailable(BillingError):
    code = "queue_unavailable"


def replay(
    store: Store,
    queue: Queue,
    rejection_id: str,
    corrected: Mapping[str, object] | None,
    now: datetime,
    *,
    confirmed: bool = False,
) -> QueuedEvent:
    """Queue the event, as it is or `corrected`, for settlement and, once the queue has it, take it from the open ones.

    It is charged once, however often it is replayed and however it is corrected: where workspace or call id are others
    than were sent, settlement takes the cause that was sent, too. It stays open until the queue has it. What settlement
    cannot charge stays or is open again. `confirmed` passes the guards of length and charge.

    Raises RejectionNotFound, StillRejected, Conflict (`event_conflict` where the call was charged with other content,
    `replayed_under_another_id` where another replay of it was charged), QueueUnavailable.
    """
    found = store.rejected_events.get(rejection_id)
    if found is None:
        raise RejectionNotFound(f'there is no rejected event "{rejection_id}"')
    judged = usage_queue.judge_again(found[0], now=now, corrected=corrected, confirmed=confirmed)
    if isinstance(judged, RejectedEvent):
        raise StillRejected(judged.detail, field="event" if judged.field is None else f"event.{judged.field}")
    _require_free(store, rejection_id, judged.event)
    if queue.send([judged]):
        raise QueueUnavailable("the event could not be queued; it stays open")
    store.rejected_events.mark_replayed(found[0], judged.event.event_id)
    return judged


def _require_free(store: Store, rejection_id: str, event: UsageEvent) -> None:
    """Say now what settlement would find later. Raises Conflict."""
    causes = {event.cause, event.former_cause, rejection_cause(rejection_id)}
    existing = store.books.entries(causes | ({event.marker} if event.marker else set()))

    def plan_of(key: PlanKey) -> Plan:
        return store.plans.version(*key)

    verdict, _ = judge(event, existing, rejection_id=rejection_id, plan_of=plan_of)
    charge = entry_of(event, existing)
    if verdict == "conflict" and charge is not None:
        known = store.books.entries(causes_after_a_void(event, charge))
        verdict, _ = judge_after_a_void(event, charge, known, rejection_id=rejection_id, plan_of=plan_of)
    if verdict == "conflict":
        raise Conflict(
            f"{describe(event)} was settled before with other content, and is charged once",
            code="event_conflict",
            field="event",
        )
    if verdict == "duplicate" and event.cause not in existing and event.former_cause not in existing:
        raise Conflict(
            "this rejected event was charged under another id, and is charged once",
            code="replayed_under_another_id",
            field="event",
        )
