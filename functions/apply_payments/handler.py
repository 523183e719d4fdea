"""Stripe's events from the queue -> transactions, ledger, cards."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.stripe_queue import decode
from billing.domain.payment_report import Applied
from billing.payments.errors import PaymentsUnavailable
from billing.runtime import batch, logs, metrics, settings
from billing.runtime.stripe_access import Invocation, gateway, seconds_left
from billing.services.apply_payment import count_applied
from billing.services.stripe_events import handle_event
from billing.store.database import StoreBusy

_settings = settings.from_environment()
log = logs.logger("apply_payments", _settings.log_level)
_loop = batch.BatchLoop(log, "an event cannot be handled", batch.body, expected=(PaymentsUnavailable, StoreBusy))
_store = wiring.store(_settings)
_gateway = gateway(_settings, "apply_payments")


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    """Only what could not be handled now goes back to the queue."""
    _gateway.limit.set(seconds_left(context))
    now = datetime.now(UTC)
    has_time = _gateway.limit.has_time
    worked = _loop.try_all(event["Records"], lambda record: _handle(record, now), has_time=has_time)
    applied = [each for each in worked.results if each is not None]
    metrics.emit("apply_payments", now, counts={**count_applied(applied), "FailedEvents": len(worked.broken)})
    return worked.answer


def _handle(record: batch.Record, now: datetime) -> Applied | None:
    message = decode(record["body"])
    done = handle_event(_store, _gateway, message, now)
    _store.stripe_inbox.done(message.event_id)
    return done
