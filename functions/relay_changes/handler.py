"""Table streams -> event bus: what was committed is told, at least once. Readers deduplicate, and order by sequence."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.runtime import aws, logs, metrics, settings
from billing.runtime.batch import BatchLoop, come_again
from billing.runtime.event_bus import EventBus
from billing.runtime.table_streams import TableStreams, UnreadableChanges
from billing.services.tell_changes import news_of, tell

_settings = settings.from_environment()
log = logs.logger("relay_changes", _settings.log_level)
_bus = EventBus(aws.events(), _settings.event_bus_name)
_unreadable = UnreadableChanges(aws.sqs(), _settings.unreadable_changes_queue_url)
_streams = TableStreams(_settings.tables)
wiring.end_start()
_loop = BatchLoop(log, "a change cannot be read", _streams.facts)


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """From the first change that the bus did not take, all come again. One that cannot be read is set aside."""
    read = _loop.try_all(
        event["Records"], lambda each: news_of(_streams.change(each), each["dynamodb"]["SequenceNumber"])
    )
    for record in read.broken:
        _unreadable.keep(record)
    told = tell(read.results, _bus.put)
    metrics.emit(
        "relay_changes",
        datetime.now(UTC),
        counts={"NoticesTold": told.told, "NoticesUntold": told.untold},
        verdicts={"CardDeclined": told.declines},
    )
    return come_again([] if told.again is None else [told.again])
