"""Events that could not be charged: seen, corrected, replayed."""

from billing.api.rejected_events import (
    RejectedEventPage,
    RejectedEventsQuery,
    RejectedEventView,
    ReplayBody,
    ReplayedEventView,
)
from billing.services.ingest_events import Queue
from billing.services.rejected_events import replay
from billing.store.store import Store
from billing.web.routing import Call, route


class RejectedEventsRoutes:
    def __init__(self, store: Store, queue: Queue) -> None:
        self._store = store
        self._queue = queue

    @route("GET", "/v1/rejected-events", scope="admin")
    def list_rejected_events(self, query: RejectedEventsQuery) -> RejectedEventPage:
        """Newest first: the open ones, or those that were replayed."""
        page = self._store.rejected_events.page(query.status, query.limit, query.cursor)
        items = [RejectedEventView.of(each, query.status) for each in page.items]
        return RejectedEventPage(items=items, next_cursor=page.next_cursor)

    @route(
        "POST",
        "/v1/rejected-events/{rejection_id}/replay",
        scope="admin",
        status=202,
        refusals={
            404: ("rejected_event_not_found",),
            409: ("event_conflict", "replayed_under_another_id"),
            422: ("event_rejected",),
            503: ("queue_unavailable",),
        },
    )
    def replay_rejected_event(self, call: Call, rejection_id: str, body: ReplayBody | None) -> ReplayedEventView:
        """Send the event to settlement again, unchanged or corrected, as of its first arrival.

        It is charged once. If the correction names another workspace or call id, the sender's own retry is still a
        duplicate. A call that was charged with other content is refused: `event_conflict`. So is another correction of
        what a replay has charged: `replayed_under_another_id`. `confirm` lets it pass the guards of length and charge.
        """
        said = body or ReplayBody()
        queued = replay(self._store, self._queue, rejection_id, said.event, call.now, confirmed=said.confirm)
        return ReplayedEventView(rejection_id=rejection_id, event_id=queued.event.event_id)
