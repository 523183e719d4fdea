"""The usage queue's SQS side: events in batches, and the truth about which of them arrived."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.contracts.usage_queue import encode
from billing.domain.queued_event import QueuedEvent
from billing.runtime.backoff import pause

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MAX_BATCH_ENTRIES = 10
_MAX_BATCH_BYTES = 1_048_576
_ATTEMPTS = 4

log = logging.getLogger(__name__)


class UsageQueue:
    """Sends events, as a service's Queue."""

    def __init__(self, client: "SQSClient", url: str, wait: Callable[[int], None] = pause) -> None:
        self._client = client
        self._url = url
        self._wait = wait

    def send(self, events: Sequence[QueuedEvent]) -> list[int]:
        """Returns the positions of the events that SQS did not confirm, after bounded retries of those it failed."""
        pending = [(position, encode(event)) for position, event in enumerate(events)]
        sent: set[int] = set()
        try:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    self._wait(attempt - 1)
                for batch in _batches(pending):
                    sent |= self._send_batch(batch)
                pending = [message for message in pending if message[0] not in sent]
                if not pending:
                    break
        except (BotoCoreError, ClientError):
            # The client has tried again within its own limits; going on would outlast the caller's patience.
            log.warning("the usage queue is out of reach", exc_info=True)
        return [position for position in range(len(events)) if position not in sent]

    def _send_batch(self, batch: list[tuple[int, str]]) -> set[int]:
        answer = self._client.send_message_batch(
            QueueUrl=self._url, Entries=[{"Id": str(position), "MessageBody": body} for position, body in batch]
        )
        return {int(entry["Id"]) for entry in answer.get("Successful", ())}


def _batches(messages: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    size_bytes = 0
    for message in messages:
        length_bytes = len(message[1])  # bodies are ASCII
        if batch and (len(batch) == _MAX_BATCH_ENTRIES or size_bytes + length_bytes > _MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += length_bytes
    if batch:
        yield batch
