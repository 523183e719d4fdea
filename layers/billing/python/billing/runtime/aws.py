"""AWS clients: each with a time limit and a bounded retry, made once per process.

They come from botocore itself: boto3 adds an import to a cold start and nothing to a client. Parameter validation is
off, since every request is built by code that the tests run; the service validates all the same.
"""

from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config

from billing.store.wire import read_items_as_sent, send_transactions_as_held

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient

_CONNECT_TIMEOUT_SECONDS = 1
_DYNAMODB_READ_TIMEOUT_SECONDS = 3
_HASTY_READ_TIMEOUT_SECONDS = 1
_SQS_READ_TIMEOUT_SECONDS = 5
_EVENTS_READ_TIMEOUT_SECONDS = 5
_SES_READ_TIMEOUT_SECONDS = 10
_SECRETS_READ_TIMEOUT_SECONDS = 3
_ATTEMPTS = 4
_HASTY_ATTEMPTS = 2
_SECRETS_ATTEMPTS = 2
_CONNECTIONS = 16


def dynamodb() -> "DynamoDBClient":
    return _dynamodb(_DYNAMODB_READ_TIMEOUT_SECONDS, _ATTEMPTS)


def hasty_dynamodb() -> "DynamoDBClient":
    """For who has five seconds in all: two attempts of a second."""
    return _dynamodb(_HASTY_READ_TIMEOUT_SECONDS, _HASTY_ATTEMPTS)


def _dynamodb(read_timeout_seconds: int, attempts: int) -> "DynamoDBClient":
    client = cast("DynamoDBClient", _client("dynamodb", read_timeout_seconds, attempts))
    send_transactions_as_held(client)
    read_items_as_sent(client)
    return client


def sqs() -> "SQSClient":
    return cast("SQSClient", _client("sqs", _SQS_READ_TIMEOUT_SECONDS))


def events() -> "EventBridgeClient":
    return cast("EventBridgeClient", _client("events", _EVENTS_READ_TIMEOUT_SECONDS))


def sesv2() -> "SESV2Client":
    """Asks once: SES has no idempotency, and a mail whose answer was lost may have gone."""
    return cast("SESV2Client", _client("sesv2", _SES_READ_TIMEOUT_SECONDS, attempts=1))


def secret(secret_id: str) -> str:
    """The current text of a secret in Secrets Manager.

    It is also read within an invocation, of which most of the time must be left for what that is there for.
    """
    client: Any = _client("secretsmanager", _SECRETS_READ_TIMEOUT_SECONDS, attempts=_SECRETS_ATTEMPTS)
    text: str = client.get_secret_value(SecretId=secret_id)["SecretString"]
    return text


def _client(service: str, read_timeout_seconds: int, attempts: int = _ATTEMPTS) -> object:
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=_CONNECTIONS,
        parameter_validation=False,
        tcp_keepalive=True,
    )
    return botocore.session.get_session().create_client(service, config=config)
