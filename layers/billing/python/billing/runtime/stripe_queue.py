"""The queue between Stripe's webhook and what follows from its events."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing.contracts.stripe_queue import encode
from billing.domain.stripe_event import StripeEvent
from billing.services.take_stripe_event import StripeQueueUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class StripeQueue:
    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, event: StripeEvent) -> None:
        """Raises StripeQueueUnavailable, once the client has tried again within its own limits."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=encode(event))
        except (BotoCoreError, ClientError) as error:
            raise StripeQueueUnavailable(str(error)) from error
