"""The delivery queue's SQS side."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.contracts.delivery_queue import encode
from billing.domain.delivery import Delivery

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MAX_BATCH_ENTRIES = 10

log = logging.getLogger(__name__)


class DeliveryQueue:
    """Asks for attempts, as a service's DeliveryQueue: what SQS does not take, the sweep takes up later."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, deliveries: Sequence[Delivery]) -> None:
        for start in range(0, len(deliveries), _MAX_BATCH_ENTRIES):
            batch = deliveries[start : start + _MAX_BATCH_ENTRIES]
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._url,
                    Entries=[{"Id": str(number), "MessageBody": encode(each)} for number, each in enumerate(batch)],
                )
            except (BotoCoreError, ClientError):
                log.warning("deliveries were not queued: the sweep will", exc_info=True)
                return
            if answer.get("Failed"):
                log.warning("deliveries were not queued: the sweep will", extra={"failed": len(answer["Failed"])})
