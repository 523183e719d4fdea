"""Take in usage events: queue what can be charged, keep what cannot, and lose nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from billing.domain.queued_event import QueuedEvent, may_charge
from billing.domain.rejection import RejectedEvent, reject_queued
from billing.domain.usage import workspace_of
from billing.store.store import Store


class Queue(Protocol):
    def send(self, events: Sequence[QueuedEvent]) -> Collection[int]:
        """Queue the events. Returns the positions of those that are not known to be in the queue."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of each event, by its position in the request. `not_queued` must be sent again."""

    accepted: int
    rejected: tuple[tuple[int, RejectedEvent], ...]
    not_queued: tuple[int, ...]

    @property
    def counts(self) -> dict[str, int]:
        """By the names of the metrics."""
        return {
            "EventsAccepted": self.accepted,
            "RejectedEvents": len(self.rejected),
            "EventsNotQueued": len(self.not_queued),
        }


def ingest(store: Store, queue: Queue, received: Sequence[QueuedEvent | RejectedEvent], now: datetime) -> IngestResult:
    """Queue the good events, keep the bad ones. Doing it again is safe: a duplicate is charged once, kept once.

    A sender whose key is bound to an account hears of another account's workspace what it hears of one that does not
    exist. What is kept of it has no cause of another account's, which a replay would take from that account. A key of
    the platform is trusted with every workspace: settlement finds the unknown ones.
    """
    judged = _refuse_foreign_workspaces(store, received, now)
    good = [(index, event) for index, event in enumerate(judged) if isinstance(event, QueuedEvent)]
    bad = [(index, event) for index, event in enumerate(judged) if isinstance(event, RejectedEvent)]
    unsent = queue.send([event for _, event in good]) if good else ()
    for _, rejection in bad:
        store.rejected_events.keep(rejection)
    return IngestResult(
        accepted=len(good) - len(unsent),
        rejected=tuple(bad),
        not_queued=tuple(good[position][0] for position in sorted(unsent)),
    )


def _refuse_foreign_workspaces(
    store: Store, received: Sequence[QueuedEvent | RejectedEvent], now: datetime
) -> list[QueuedEvent | RejectedEvent]:
    # Read as they are now, known or not: what is kept would answer sooner, and so tell that a workspace exists.
    bound = {workspace_id for event in received if event.account_id and (workspace_id := _workspace_of(event))}
    workspaces = store.workspaces.get_many(bound) if bound else {}

    def judge(event: QueuedEvent | RejectedEvent) -> QueuedEvent | RejectedEvent:
        workspace_id = _workspace_of(event)
        if event.account_id is None or workspace_id is None:
            return event
        workspace = workspaces.get(workspace_id)
        if isinstance(event, RejectedEvent):
            is_own = workspace is not None and workspace.owner_at(now) == event.account_id
            return event if is_own else replace(event, cause=None)
        if workspace is not None and may_charge(event, workspace):
            return event
        detail = f'there is no workspace "{workspace_id}"'
        return reject_queued(event, "unknown_workspace", detail, rejected_at=now, field="data.workspace_id")

    return [judge(event) for event in received]


def _workspace_of(event: QueuedEvent | RejectedEvent) -> str | None:
    if isinstance(event, QueuedEvent):
        return event.event.workspace_id
    return None if event.cause is None else workspace_of(event.cause)
