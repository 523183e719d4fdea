"""The messages of the usage queue, as SQS hands them to the function that settles them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from billing.contracts.usage_queue import decode
from billing.domain.rejection import RejectedEvent
from billing.runtime.batch import Record
from billing.services.settle_usage import Received


def read_messages(records: Sequence[Record], now: datetime) -> tuple[list[Received], dict[str, RejectedEvent]]:
    """The events; and, by the id of their message, the rejections of what is none."""
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
