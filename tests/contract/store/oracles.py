"""Three opinions on what DynamoDB does: two emulators, and AWS's own for a developer's machine where one has it."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from moto import mock_aws

from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.tables import table_definition
from infra.local.emulator import LOOPBACK, REGION, free_port
from tests.patience import WITHIN_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MINISTACK, MOTO, DYNAMODB_LOCAL = "MiniStack", "moto", "DynamoDB Local"

FOLDER_OF_DYNAMODB_LOCAL = os.environ.get("TALKTIME_DYNAMODB_LOCAL")
"""Holds DynamoDBLocal.jar and DynamoDBLocal_lib. AWS's licence lets nobody ship it: whoever wants it downloads it."""

ORACLES = (MINISTACK, MOTO, *([DYNAMODB_LOCAL] if FOLDER_OF_DYNAMODB_LOCAL else []))


def database_over(client: "DynamoDBClient") -> Database:
    """All tables, empty, under their logical names."""
    for model in ALL_TABLES:
        client.create_table(**table_definition(model))
    tables = {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES}
    return Database(client, tables, pause=lambda attempt: time.sleep(0.002 * 2 ** min(attempt, 6)))


@contextmanager
def moto_database() -> Iterator[Database]:
    """In this process, for one thread, until the block ends. Clients that were made before go on unmocked."""
    with mock_aws():
        client = boto3.client(
            "dynamodb", region_name=REGION, aws_access_key_id="unused", aws_secret_access_key="unused"
        )
        yield database_over(client)


@contextmanager
def running_dynamodb_local() -> Iterator[str]:
    """Its address, until the block ends. Each access key has tables of its own."""
    folder, port = Path(str(FOLDER_OF_DYNAMODB_LOCAL)), free_port()
    command = [
        "java", f"-Djava.library.path={folder / 'DynamoDBLocal_lib'}", "-jar", str(folder / "DynamoDBLocal.jar"),
        "-inMemory", "-disableTelemetry", "-port", str(port),
    ]  # fmt: skip
    url = f"http://{LOOPBACK}:{port}"
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_it_answers(url, process)
            yield url
        finally:
            process.kill()


def _wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310  http, on loopback
        except urllib.error.HTTPError:
            return  # it wants a signature
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"DynamoDB Local did not start in {FOLDER_OF_DYNAMODB_LOCAL}")


def dynamodb_local_database(url: str, access_key: str) -> Database:
    client = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key="unused",
    )
    return database_over(client)
