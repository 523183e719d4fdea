"""Table streams -> event bus: what was committed is told, at least once. Readers deduplicate, and order by sequence."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.contracts.bus_events import BusEvent, bus_event
from billing.runtime import aws, metrics, settings
from billing.runtime.event_bus import EventBus
from billing.services.relay_changes import Change, card_declined, notices_of

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("relay_changes")

_settings = settings.from_environment()
_bus = EventBus(aws.events(), _settings.event_bus_name)
_sqs = aws.sqs()
_table_of = {physical: logical for logical, physical in _settings.tables.items()}


@dataclass(frozen=True, slots=True)
class News:
    """What a change makes known: its events, and whether it is a card's decline or its payment."""

    events: Sequence[BusEvent] = ()
    declined: bool | None = None


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """From the first change that the bus did not take on, Lambda delivers the batch again (ReportBatchItemFailures).

    An event that several changes of a batch make is put on the bus once, as the first of them made it.
    """
    records: Sequence[dict[str, Any]] = event["Records"]
    news = [_news(record) for record in records]
    first: dict[str, tuple[BusEvent, int]] = {}
    for position, each in enumerate(news):
        for made in each.events:
            first.setdefault(made.event_id, (made, position))
    events, origins = [made for made, _ in first.values()], [position for _, position in first.values()]
    untold = _bus.put(events)
    told = min((origins[index] for index in untold), default=len(records))
    metrics.emit(
        "relay_changes",
        datetime.now(UTC),
        counts={"NoticesTold": len(events) - len(untold), "NoticesUntold": len(untold)},
        verdicts={"CardDeclined": [each.declined for each in news[:told] if each.declined is not None]},
    )
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in records[told : told + 1]
        ]
    }


def _news(record: dict[str, Any]) -> News:
    row = record["dynamodb"]
    change = Change(
        table=_table_of[record["eventSourceARN"].split("/")[1]],
        before=row.get("OldImage"),
        after=row.get("NewImage"),
        at=datetime.fromtimestamp(row["ApproximateCreationDateTime"], UTC),
    )
    try:
        return News([bus_event(notice) for notice in notices_of(change)], card_declined(change))
    except Exception:
        # A row that cannot be read must not hold up all others of its shard. It is kept whole, with an alarm; invoking
        # this function with it, once it can be read, tells what it says.
        log.exception("a change cannot be read", extra={"table": change.table, "event_id": record["eventID"]})
        _sqs.send_message(
            QueueUrl=_settings.unreadable_changes_queue_url, MessageBody=json.dumps({"Records": [record]})
        )
        return News()
