"""Stripe's events from the queue -> transactions, ledger, cards."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.contracts.stripe_queue import decode
from billing.domain.payment_report import Applied
from billing.payments.errors import PaymentsUnavailable
from billing.runtime import metrics, settings, wiring
from billing.runtime.stripe_access import gateway
from billing.services.stripe_events import handle_event
from billing.store.database import StoreBusy

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("apply_payments")

_settings = settings.from_environment()
_store = wiring.store(_settings)
_gateway = gateway(_settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be handled now goes back to the queue (ReportBatchItemFailures)."""
    now = datetime.now(UTC)
    failed: list[str] = []
    applied: list[Applied] = []
    for record in event["Records"]:
        try:
            message = decode(record["body"])
            done = handle_event(_store, _gateway, message, now)
            _store.stripe_inbox.done(message.event_id)
            applied += [] if done is None else [done]
        except (PaymentsUnavailable, StoreBusy) as trouble:
            log.warning("left for later", extra={"body": record["body"], "reason": str(trouble)})
            failed.append(record["messageId"])
        except Exception:
            log.exception("an event cannot be handled", extra={"body": record["body"]})
            failed.append(record["messageId"])
    metrics.emit("apply_payments", now, counts=_counts(applied, len(failed)))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _counts(applied: list[Applied], failed: int) -> dict[str, int]:
    return {
        "PaymentsCredited": sum(each.effect == "paid" for each in applied),
        "PaymentsDeclined": sum(each.effect == "failed" for each in applied),
        "PaymentsNotCredited": sum(each.needs_operator for each in applied),
        "FailedEvents": failed,
    }
