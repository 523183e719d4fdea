"""The event bus: events in batches, and the truth about which of them arrived."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.contracts.bus_events import BUS_SOURCE, BusEvent
from billing.runtime.backoff import pause

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_MAX_BATCH_ENTRIES = 10
_MAX_BATCH_BYTES = 256_000
_ATTEMPTS = 4

log = logging.getLogger(__name__)


class EventBus:
    """Puts events on one bus."""

    def __init__(self, client: "EventBridgeClient", name: str, wait: Callable[[int], None] = pause) -> None:
        self._client = client
        self._name = name
        self._wait = wait

    def put(self, events: Sequence[BusEvent]) -> set[int]:
        """Returns the positions of those that the bus did not take, after bounded retries of those alone."""
        pending = list(enumerate(events))
        try:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    self._wait(attempt - 1)
                taken = {position for batch in _batches(pending) for position in self._put_batch(batch)}
                pending = [each for each in pending if each[0] not in taken]
                if not pending:
                    break
        except (BotoCoreError, ClientError):
            log.warning("the event bus is out of reach", exc_info=True)
        return {position for position, _ in pending}

    def _put_batch(self, batch: Sequence[tuple[int, BusEvent]]) -> list[int]:
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": BUS_SOURCE,
                    "DetailType": event.type,
                    "Detail": event.payload,
                }
                for _, event in batch
            ]
        )
        results = zip(batch, answer["Entries"], strict=True)
        return [position for (position, _), result in results if not result.get("ErrorCode")]


def _batches(events: Sequence[tuple[int, BusEvent]]) -> Iterator[list[tuple[int, BusEvent]]]:
    batch: list[tuple[int, BusEvent]] = []
    size_bytes = 0
    for each in events:
        length_bytes = len(each[1].payload)  # in ASCII
        if batch and (len(batch) == _MAX_BATCH_ENTRIES or size_bytes + length_bytes > _MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(each)
        size_bytes += length_bytes
    if batch:
        yield batch
