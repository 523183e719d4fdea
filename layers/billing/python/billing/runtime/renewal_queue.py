"""The renewal queue's SQS side."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.contracts.renewal_queue import encode
from billing.domain.renewal_order import RenewalOrder

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MAX_BATCH_ENTRIES = 10

log = logging.getLogger(__name__)


class RenewalQueue:
    """Sends orders, as a service's OrderQueue: what SQS does not take, the next sweep finds again."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, orders: Sequence[RenewalOrder]) -> int:
        sent = 0
        for start in range(0, len(orders), _MAX_BATCH_ENTRIES):
            batch = orders[start : start + _MAX_BATCH_ENTRIES]
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._url,
                    Entries=[{"Id": str(number), "MessageBody": encode(each)} for number, each in enumerate(batch)],
                )
            except (BotoCoreError, ClientError):
                log.warning("the renewal queue is out of reach: the next sweep goes on", exc_info=True)
                break
            sent += len(answer.get("Successful", ()))
        return sent
