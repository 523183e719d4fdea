"""Event bus -> deliveries: each notice is given to each destination that concerns it, once."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.contracts.bus_events import read_bus_event
from billing.runtime import aws, metrics, settings, wiring
from billing.runtime.delivery_queue import DeliveryQueue
from billing.services.notify import Notifier

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("notify")

_settings = settings.from_environment()
_notifier = Notifier(wiring.store(_settings), DeliveryQueue(aws.sqs(), _settings.delivery_queue_url))


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be spread now goes back to the queue (ReportBatchItemFailures)."""
    now = datetime.now(UTC)
    failed: list[str] = []
    made = 0
    for record in event["Records"]:
        try:
            told = read_bus_event(record["body"])
            made += len(_notifier.spread(told.event_id, told.type, told.account_id, told.payload, now))
        except Exception:
            log.exception("a notice was not spread", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
    counts = {"DeliveriesMade": made, "NoticesNotSpread": len(failed)}
    metrics.emit("notify", now, counts=counts)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
