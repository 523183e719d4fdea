"""Table streams -> event bus: what was committed is told, at least once. Readers deduplicate, and order by sequence."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from billing.contracts.bus_events import BusEvent, bus_event
from billing.runtime import aws, metrics, settings
from billing.runtime.event_bus import EventBus
from billing.services.relay_changes import Change, notices_of

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("relay_changes")

_settings = settings.from_environment()
_bus = EventBus(aws.events(), _settings.event_bus_name)
_sqs = aws.sqs()
_table_of = {physical: logical for logical, physical in _settings.tables.items()}


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """From the first change that the bus did not take on, Lambda delivers the batch again (ReportBatchItemFailures)."""
    records: Sequence[dict[str, Any]] = event["Records"]
    events: list[BusEvent] = []
    origins: list[str] = []
    for record in records:
        told = _events_of(record)
        events += told
        origins += [record["dynamodb"]["SequenceNumber"]] * len(told)
    untold = _bus.put(events)
    failed = [origins[position] for position in sorted(untold)]
    counts = {"NoticesTold": len(events) - len(untold), "NoticesUntold": len(untold)}
    metrics.emit("relay_changes", datetime.now(UTC), counts=counts)
    return {"batchItemFailures": [{"itemIdentifier": failed[0]}] if failed else []}


def _events_of(record: dict[str, Any]) -> list[BusEvent]:
    row = record["dynamodb"]
    change = Change(
        table=_table_of[record["eventSourceARN"].split("/")[1]],
        before=row.get("OldImage"),
        after=row.get("NewImage"),
        at=datetime.fromtimestamp(row["ApproximateCreationDateTime"], UTC),
    )
    try:
        return [bus_event(notice) for notice in notices_of(change)]
    except Exception:
        # A row that cannot be read must not hold up all others of its shard. It is kept whole, with an alarm; invoking
        # this function with it, once it can be read, tells what it says.
        log.exception("a change cannot be read", extra={"table": change.table, "event_id": record["eventID"]})
        _sqs.send_message(
            QueueUrl=_settings.unreadable_changes_queue_url, MessageBody=json.dumps({"Records": [record]})
        )
        return []
