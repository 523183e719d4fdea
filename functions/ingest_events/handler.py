"""POST /v1/events: take in usage events and queue them for settlement."""

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from billing.api.event_requests import events_of
from billing.contracts.usage_queue import receive
from billing.domain.errors import BillingError
from billing.domain.rejection import RejectedEvent
from billing.runtime import aws, metrics, settings, wiring
from billing.runtime.usage_queue import UsageQueue
from billing.services.ingest_events import IngestResult, Queue, RejectedEvents, Workspaces, ingest
from billing.store.database import StoreBusy
from billing.web.http import Request, RequestRefused, Response, authorized, json_response, problem

_RETRY_AFTER = {"retry-after": "2"}

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("ingest_events")

_settings = settings.from_environment()
_store = wiring.store(_settings)
_queue = UsageQueue(aws.sqs(), _settings.usage_queue_url or "")


def handler(event: dict[str, Any], _: object) -> Response:
    return respond(
        event, queue=_queue, rejected=_store.rejected_events, workspaces=_store.workspaces, now=datetime.now(UTC)
    )


def respond(
    request: Request, *, queue: Queue, rejected: RejectedEvents, workspaces: Workspaces, now: datetime
) -> Response:
    """202 says that every event is either queued or kept as rejected. Anything less is an error, and safe to repeat."""
    try:
        caller = authorized(request, "usage:write")
        received = [receive(sent, now=now, account_id=caller.account_id) for sent in events_of(request)]
    except BillingError as refusal:
        log.info("request refused", extra={"code": refusal.code, "detail": refusal.detail})
        return problem(refusal)
    try:
        result = ingest(received, queue=queue, rejected=rejected, workspaces=workspaces, now=now)
    except StoreBusy as busy:
        log.warning("store busy", extra={"reason": str(busy)})
        return problem(RequestRefused("store_unavailable", "send the request again"), headers=_RETRY_AFTER)
    _report(caller.key_id, result, now)
    rejections = [_rejection(index, rejection) for index, rejection in result.rejected]
    if result.not_queued:
        unavailable = RequestRefused(
            "queue_unavailable",
            "some events could not be queued; send the request again, what was queued is not charged twice",
            accepted=result.accepted,
            rejected=rejections,
            not_queued=list(result.not_queued),
        )
        return problem(unavailable, headers=_RETRY_AFTER)
    return json_response(202, {"accepted": result.accepted, "rejected": rejections})


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


def _report(key_id: str, result: IngestResult, now: datetime) -> None:
    counts = {
        "EventsAccepted": result.accepted,
        "RejectedEvents": len(result.rejected),
        "EventsNotQueued": len(result.not_queued),
    }
    metrics.emit("ingest_events", now, counts=counts)
    if result.rejected or result.not_queued:
        codes = Counter(rejection.code for _, rejection in result.rejected)
        log.warning("not all events were accepted", extra={"key_id": key_id, "codes": codes, **counts})
