"""POST /v1/events: the answers. Hot: imports only what it uses."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

from billing.api.event_requests import events_of
from billing.contracts.usage_queue import receive
from billing.domain.errors import BillingError
from billing.domain.rejection import RejectedEvent
from billing.services.ingest_events import IngestResult, Queue, ingest
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.web.http import Request, RequestRefused, Response, authorize, json_response, problem

_RETRY_AFTER = {"retry-after": "2"}

log = logging.getLogger(__name__)


class EventsApi:
    """The route over a store and a queue. `count` hears how many events of a request were accepted and were not."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        count: Callable[[Mapping[str, int], datetime], None],
    ) -> None:
        self._store = store
        self._queue = queue
        self._count = count

    def respond(self, request: Request, now: datetime) -> Response:
        """A 202 says that every event is queued, or kept as rejected. Anything less is an error, and safe to repeat."""
        try:
            caller = authorize(request, "usage:write")
            received = [receive(sent, now=now, account_id=caller.account_id) for sent in events_of(request)]
        except BillingError as refusal:
            log.info("request refused", extra={"code": refusal.code, "detail": refusal.detail})
            return problem(refusal)
        try:
            result = ingest(self._store, self._queue, received, now)
        except StoreBusy as busy:
            log.warning("store busy", extra={"reason": str(busy)})
            return problem(RequestRefused("store_unavailable", "send the request again"), headers=_RETRY_AFTER)
        self._count(result.counts, now)
        _tell_what_is_missing(caller.key_id, result)
        return _answer(result)


def _tell_what_is_missing(key_id: str, result: IngestResult) -> None:
    if result.rejected or result.not_queued:
        codes = Counter(rejection.code for _, rejection in result.rejected)
        log.warning("not all events were accepted", extra={"key_id": key_id, "codes": codes, **result.counts})


def _answer(result: IngestResult) -> Response:
    rejections = [_rejection(index, rejection) for index, rejection in result.rejected]
    if not result.not_queued:
        return json_response(202, {"accepted": result.accepted, "rejected": rejections})
    unavailable = RequestRefused(
        "queue_unavailable",
        "some events could not be queued; send the request again, what was queued is not charged twice",
        accepted=result.accepted,
        rejected=rejections,
        not_queued=list(result.not_queued),
    )
    return problem(unavailable, headers=_RETRY_AFTER)


def _rejection(index: int, rejection: RejectedEvent) -> dict[str, object]:
    stated: dict[str, object] = {
        "index": index,
        "id": rejection.event_id,
        "code": rejection.code,
        "detail": rejection.detail,
    }
    if rejection.field is not None:
        stated["field"] = rejection.field
    return stated
