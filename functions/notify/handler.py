"""Event bus -> deliveries: each notice is given to each destination that concerns it, once."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.bus_events import read_bus_event
from billing.runtime import aws, batch, logs, metrics, settings
from billing.runtime.delivery_queue import DeliveryQueue
from billing.services.notify import Notifier

_settings = settings.from_environment()
log = logs.logger("notify", _settings.log_level)
_loop = batch.BatchLoop(log, "a notice was not spread", batch.message_id)
_notifier = Notifier(wiring.store(_settings), DeliveryQueue(aws.sqs(), _settings.delivery_queue_url))


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be spread now goes back to the queue."""
    now = datetime.now(UTC)
    worked = _loop.try_all(event["Records"], lambda record: _spread(record, now))
    metrics.emit("notify", now, counts={"DeliveriesMade": sum(worked.results), "NoticesNotSpread": len(worked.broken)})
    return worked.answer


def _spread(record: batch.Record, now: datetime) -> int:
    told = read_bus_event(record["body"])
    return len(_notifier.spread(told.event_id, told.type, told.account_id, told.payload, now))
