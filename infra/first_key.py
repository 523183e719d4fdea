"""The first API key of a deployment; all others are made over HTTP, which needs a key.

.venv/bin/python -m infra.first_key --stage production
"""

import argparse
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from billing.domain.api_key import SCOPES, format_key
from billing.runtime.backoff import pause
from billing.services.api_keys import create_api_key
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.store import Store
from infra.naming import pascal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_first_key(client: "DynamoDBClient", tables: Mapping[str, str], now: datetime) -> str:
    """Makes a key that may do everything, and returns it. It cannot be read again."""
    store = Store(Database(client, tables, pause))
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    create_api_key(
        store,
        name="Administrator",
        scopes=SCOPES,
        account_id=None,
        key_id=key_id,
        secret=secret,
        now=now,
    )
    return format_key(key_id, secret)


def deployed_tables(stage: str) -> dict[str, str]:
    """Physical table names by logical ones, as the data stack of `stage` states them."""
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=f"talktime-{stage}-data")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {name: outputs[f"{pascal(name)}TableName"] for name in (model.Meta.table_name for model in ALL_TABLES)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the first API key of a deployment. It is shown once.")
    parser.add_argument("--stage", required=True, help="such as production")
    stage = parser.parse_args().stage
    key = create_first_key(boto3.client("dynamodb"), deployed_tables(stage), datetime.now(UTC))
    sys.stdout.write(f"{key}\n")


if __name__ == "__main__":
    main()
