"""Transactions on the wire. DynamoDB reads the very JSON that an item is held in, so it is written in one go.

botocore walks each value along the service's description to arrive at the same text, and once more in search of ARNs
among the tables' names: a third of what settling a call costs, with nothing to show for it.
"""

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OPERATION = "dynamodb.TransactWriteItems"
_ITEMS = "items_as_held"


def send_transactions_as_held(client: "DynamoDBClient") -> None:
    """Have the client send a transaction's items as they are; token, signature, retries and errors stay botocore's.

    By botocore's own events (https://docs.aws.amazon.com/boto3/latest/guide/events.html). Tables go by name, not by
    ARN, and parameter validation must be off: it would miss the items.
    """
    client.meta.events.register(f"before-parameter-build.{_OPERATION}", _set_items_aside)
    client.meta.events.register(f"before-call.{_OPERATION}", _write_items)


def _set_items_aside(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_ITEMS] = params.pop("TransactItems")


def _write_items(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    request = json.loads(params["body"])
    params["body"] = _ENCODER.encode({**request, "TransactItems": context.pop(_ITEMS)}).encode()


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_base64)
