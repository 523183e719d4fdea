"""Usage queue -> settlement: rate ended calls and deduct them, in batches. Hot: imports only what it uses."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from billing.contracts.usage_queue import decode
from billing.domain.rejection import RejectedEvent
from billing.runtime import metrics, settings, wiring
from billing.services.settle_usage import Outcome, Received, UsageSettlement

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("settle_usage")

_settlement = UsageSettlement(wiring.bare_store(settings.from_environment()))


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be settled now goes back to the queue (ReportBatchItemFailures)."""
    now = datetime.now(UTC)
    received, broken = _read(event["Records"], now)
    outcome = _settlement.settle_batch(received, now)
    _settlement.keep_broken(broken, outcome)
    _report(outcome, now)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(outcome.failed)]}


def _read(records: Sequence[dict[str, Any]], now: datetime) -> tuple[list[Received], dict[str, RejectedEvent]]:
    received: list[Received] = []
    broken: dict[str, RejectedEvent] = {}
    for record in records:
        attributes = record["attributes"]
        sent_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
        message = decode(record["body"], sent_at=sent_at, now=now)
        if isinstance(message, RejectedEvent):
            broken[record["messageId"]] = message
        else:
            redelivered = int(attributes["ApproximateReceiveCount"]) > 1
            received.append(Received(record["messageId"], message, redelivered=redelivered))
    return received, broken


def _report(outcome: Outcome, now: datetime) -> None:
    for account_id in sorted(outcome.paused_accounts):
        log.info("account paused", extra={"account_id": account_id})
    metrics.emit(
        "settle_usage",
        now,
        counts={
            "EventsSettled": len(outcome.settled),
            "DuplicateEvents": outcome.duplicates,
            "RejectedEvents": outcome.rejected,
            "FailedEvents": len(outcome.failed),
            "AccountsPaused": len(outcome.paused_accounts),
        },
        milliseconds={"SettlementLag": [(now - usage.occurred_at).total_seconds() * 1000 for usage in outcome.settled]},
    )
