"""The transactions table's stream -> charge: each refill as soon as it was decided."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.runtime import metrics, settings, wiring
from billing.runtime.stripe_access import gateway
from billing.services.charge_card import charge_card, find_charge

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("auto_refill")

_settings = settings.from_environment()
_store = wiring.store(_settings)
_gateway = gateway(_settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Charge new refills. Only what broke comes again.

    Where Stripe does not answer, a refill stays Processing and reconciliation goes on with it: it holds up no other.
    """
    now = datetime.now(UTC)
    failed: list[str] = []
    statuses: list[str] = []
    for record in event["Records"]:
        transaction_id = record["dynamodb"]["NewImage"]["transaction_id"]["S"]
        try:
            charged = charge_card(
                _store, _gateway, find_charge(_store, transaction_id), return_url=_settings.return_url, now=now
            )
            statuses.append(charged.status)
        except Exception:
            log.exception("a refill broke", extra={"transaction_id": transaction_id})
            failed.append(record["dynamodb"]["SequenceNumber"])
            break  # a stream goes on from its first failure
    counts = {
        "RefillsPaid": statuses.count("Paid"),
        "RefillsDeclined": statuses.count("Failed"),
        "RefillsUnanswered": statuses.count("Processing"),
    }
    metrics.emit("auto_refill", now, counts=counts)
    return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in failed]}
