"""Payments and refunds -> receipts and credit notes, numbered. And once a day the proof that none is missing."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.bus_events import event_of, read_bus_event
from billing.runtime import batch, logs, metrics, settings
from billing.services.issue_documents import issue_documents
from billing.services.prove_documents import prove_documents

_settings = settings.from_environment()
log = logs.logger("issue_receipts", _settings.log_level)
_loop = batch.BatchLoop(log, "a receipt was not issued", batch.body)
_store = wiring.store(_settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be issued now goes back to the queue. The daily clock sends no records."""
    if "Records" not in event:
        proven = prove_documents(_store, _now)
        metrics.emit("issue_receipts", _now(), counts=proven.counts)
        return proven.counts
    worked = _loop.try_together(event["Records"], lambda records: issue_documents(_store, map(_paid, records), _now))
    issued = sum(map(len, worked.results))
    metrics.emit("issue_receipts", _now(), counts={"ReceiptsIssued": issued, "ReceiptsNotIssued": len(worked.broken)})
    return worked.answer


def _paid(record: batch.Record) -> str:
    return str(event_of(read_bus_event(record["body"]).payload)["data"]["transaction_id"])


def _now() -> datetime:
    return datetime.now(UTC)
