"""Delivery queue -> webhooks and e-mails, all of a batch at once; and, every minute, a sweep for what is due again."""

import logging
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from billing.contracts.delivery_queue import decode
from billing.contracts.times import parse_time
from billing.runtime import aws, mailbox, metrics, settings, wiring
from billing.runtime.delivery_queue import DeliveryQueue
from billing.runtime.webhook_sender import WebhookSender
from billing.services.deliver import DeliveryOffice

_WORKERS = 10

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("deliver")

_settings = settings.from_environment()
_office = DeliveryOffice(
    wiring.store(_settings),
    DeliveryQueue(aws.sqs(), _settings.delivery_queue_url),
    post=WebhookSender(local=_settings.local).post,
    mail=mailbox.sender(aws.sesv2(), _settings.mail_from),
)


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """A schedule's event sweeps as of its own time. Of messages, only what broke on our side goes back to the queue."""
    if "Records" not in event:
        swept = _office.sweep(parse_time(event["time"], "time"))
        metrics.emit("deliver", datetime.now(UTC), counts={"DeliveriesSwept": swept})
        return {"swept": swept}
    now = datetime.now(UTC)
    # Each waits for somebody else's server: one that is slow holds up nobody.
    with ThreadPoolExecutor(_WORKERS) as workers:
        outcomes = list(workers.map(lambda record: _attempt(record, now), event["Records"]))
    counts = Counter(outcome for outcome in outcomes if outcome is not None)
    names = {"delivered": "Delivered", "pending": "DeliveryRetries", "failed": "DeliveriesFailed", "broken": "Broken"}
    metrics.emit("deliver", now, counts={name: counts[outcome] for outcome, name in names.items()})
    broken = [record for record, outcome in zip(event["Records"], outcomes, strict=True) if outcome == "broken"]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in broken]}


def _attempt(record: Mapping[str, Any], now: datetime) -> str | None:
    try:
        wanted = decode(record["body"])
        delivery = _office.attempt(wanted, now)
    except Exception:
        log.exception("a delivery broke", extra={"message_id": record["messageId"]})
        return "broken"
    if delivery is None:
        return None
    if delivery.status == "failed":
        log.error(
            "a delivery is given up",
            extra={
                "destination": delivery.destination,
                "event_id": delivery.event_id,
                "account_id": delivery.account_id,
                "reason": delivery.last_error,
            },
        )
    return delivery.status
