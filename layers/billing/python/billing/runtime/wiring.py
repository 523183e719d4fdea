"""Puts a function's parts together: settings, clients, store. Called once, when a Lambda's process starts.

Looking for garbage while a process starts finds none, and takes a tenth of a cold start: it waits until the client is
made, whose service model stays for the life of the process and is not looked through again.
"""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

gc.disable()

from billing.runtime import aws  # noqa: E402  (after the line above: these imports are what a start consists of)
from billing.runtime.backoff import pause  # noqa: E402
from billing.runtime.settings import Settings  # noqa: E402
from billing.store.database import Database  # noqa: E402
from billing.store.store import Store  # noqa: E402

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def store(settings: Settings, client: "Callable[[], DynamoDBClient]" = aws.dynamodb) -> Store:
    """The store with the parts of all tables that the function may touch: a start bears their imports, no request."""
    made = bare_store(settings, client)
    made.prepare(settings.tables)
    return made


def bare_store(settings: Settings, client: "Callable[[], DynamoDBClient]" = aws.dynamodb) -> Store:
    """The store alone, for who touches a table rarely and must start fast: the use case makes the parts it needs."""
    made = client()
    end_start()
    return Store(Database(made, settings.tables, pause))


def end_start() -> None:
    """The clients are made: from now on garbage is looked for, among what is made from now on."""
    gc.freeze()
    gc.enable()
