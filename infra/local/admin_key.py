"""The first API key of a deployment: all others are made over HTTP, which needs a key."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from billing.domain.api_key import SCOPES, format_key
from billing.runtime.backoff import pause
from billing.services.api_keys import create_api_key
from billing.store.accounts import Accounts
from billing.store.api_keys import ApiKeys
from billing.store.database import Database

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_admin_key(client: "DynamoDBClient", tables: Mapping[str, str], now: datetime) -> str:
    """Makes a key that may do everything, and returns it. It cannot be read again."""
    database = Database(client, tables, pause)
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    create_api_key(
        ApiKeys(database),
        Accounts(database),
        name="Administrator",
        scopes=SCOPES,
        account_id=None,
        key_id=key_id,
        secret=secret,
        now=now,
    )
    return format_key(key_id, secret)
