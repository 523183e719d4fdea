"""Renewal queue -> charge, and what follows from it: a new month, another try later, a lock, an end."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.contracts.renewal_queue import decode
from billing.runtime import metrics, settings, wiring
from billing.runtime.stripe_access import gateway
from billing.services.renew_subscription import Renewed, renew_subscription

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("renew_subscriptions")

_settings = settings.from_environment()
_store = wiring.store(_settings)
_gateway = gateway(_settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what broke goes back to the queue (ReportBatchItemFailures).

    Where Stripe does not answer, the subscription stays due: the next sweep orders it again, and the same try goes on.
    """
    outcomes: list[Renewed] = []
    failed: list[str] = []
    for record in event["Records"]:
        try:
            order = decode(record["body"])
            outcomes.append(renew_subscription(_store, _gateway, order, datetime.now(UTC)))
        except Exception:
            log.exception("a renewal broke", extra={"body": record["body"]})
            failed.append(record["messageId"])
    counts = {
        "RenewalsPaid": outcomes.count("paid"),
        "RenewalsDeclined": outcomes.count("declined"),
        "RenewalsUnanswered": outcomes.count("unknown"),
        "RenewalsWithoutCharge": outcomes.count("moved"),
        "RenewalsVoid": outcomes.count("void"),
        "FailedRenewals": len(failed),
    }
    metrics.emit("renew_subscriptions", datetime.now(UTC), counts=counts)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
