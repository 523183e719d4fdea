"""Stripe's events from the queue -> transactions, ledger, cards."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.stripe_queue import decode
from billing.domain.payment_report import Applied
from billing.payments.errors import PaymentsUnavailable
from billing.runtime import batch, logs, metrics, settings
from billing.runtime.stripe_access import gateway
from billing.services.apply_payment import count_applied
from billing.services.stripe_events import handle_event
from billing.store.database import StoreBusy

_settings = settings.from_environment()
log = logs.logger("apply_payments", _settings.log_level)
_loop = batch.BatchLoop(log, "an event cannot be handled", batch.body, expected=(PaymentsUnavailable, StoreBusy))
_store = wiring.store(_settings)
_gateway = gateway(_settings, "apply_payments")


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be handled now goes back to the queue."""
    now = datetime.now(UTC)
    worked = _loop.try_all(event["Records"], lambda record: _handle(record, now))
    applied = [each for each in worked.results if each is not None]
    metrics.emit("apply_payments", now, counts={**count_applied(applied), "FailedEvents": len(worked.broken)})
    return worked.answer


def _handle(record: batch.Record, now: datetime) -> Applied | None:
    message = decode(record["body"])
    done = handle_event(_store, _gateway, message, now)
    _store.stripe_inbox.done(message.event_id)
    return done
