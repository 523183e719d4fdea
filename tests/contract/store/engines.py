"""The three DynamoDBs that are asked, and the store over each."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import boto3
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber
from moto.dynamodb.models import dynamodb_backends
from pynamodb.models import Model

from billing.store.database import Database
from billing.store.tables import table_definition
from infra.local.emulator import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EngineName = Literal["ministack", "moto", "dynamodb_local"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

OpenClient = Callable[[str], Any]
"""Opens a client of a service, `dynamodb` or `dynamodbstreams`."""

_session = boto3.Session(region_name=REGION)  # shared: it keeps the service models, which take most of a client's time


def client_of(url: str | None, account: str, service: str) -> Any:
    """A client that tries once: what happens is what the test sees. Each account is a DynamoDB of its own."""
    return cast("Any", _session).client(
        service,
        endpoint_url=url,
        aws_access_key_id=account,
        aws_secret_access_key="unused",
        config=Config(
            account_id_endpoint_mode="disabled",  # moto does not know the addresses that hold an account's number
            max_pool_connections=32,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )


def moto_client(account: str, service: str) -> Any:
    """A client that moto answers in this process, and the only one that it answers.

    `mock_aws` would answer every client of the process, and change its environment. Moto's server needs Flask, which
    nothing else here does. So moto's own hook is registered with this one client.
    """
    moto = BotocoreStubber()
    moto.enabled = True

    def answer(event_name: str, request: Any, **_: Any) -> Any:
        request.headers["x-moto-account-id"] = account
        return moto(event_name, request)

    client = client_of(None, account, service)
    client.meta.events.register("before-send", answer)
    return client


def forget_moto(account: str) -> None:
    """Remove what moto holds for an account: it would stay for the life of the process."""
    dynamodb_backends.pop(account, None)


class TablesOnDemand(Database):
    """A store whose tables are made, empty, when they are first named: all seventeen take longer than a test does."""

    def __init__(self, client: "DynamoDBClient") -> None:
        super().__init__(client, {}, pause=lambda attempt: time.sleep(0.002 * 2 ** min(attempt, 6)))
        self._made: set[str] = set()

    def table(self, model: type[Model]) -> str:
        name: str = model.Meta.table_name
        if name not in self._made:
            self.client.create_table(**table_definition(model))
            self._made.add(name)
        return name
