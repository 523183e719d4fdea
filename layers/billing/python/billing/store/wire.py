"""Items on the wire. DynamoDB writes and reads the very JSON that an item is held in, so it is taken in one go.

botocore walks each value along the service's description to arrive at the same, and once more in search of ARNs among
the tables' names: a third of what settling a call costs, and most of what reading many rows costs.
"""

import json
from base64 import b64encode
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_OPERATION = "dynamodb.TransactWriteItems"
_ITEMS = "items_as_held"
_ANSWERS = {"Query": "Items", "Scan": "Items", "BatchGetItem": "Responses"}
_BYTES = (b'"B":', b'"BS":', b'"B" :', b'"BS" :')


def send_transactions_as_held(client: "DynamoDBClient") -> None:
    """Have the client send a transaction's items as they are; token, signature, retries and errors stay botocore's.

    By botocore's own events (https://docs.aws.amazon.com/boto3/latest/guide/events.html). Tables go by name, not by
    ARN, and parameter validation must be off: it would miss the items.
    """
    client.meta.events.register(f"before-parameter-build.{_OPERATION}", _set_items_aside)
    client.meta.events.register(f"before-call.{_OPERATION}", _write_items)


def read_items_as_sent(client: "DynamoDBClient") -> None:
    """Have the client answer many items as they were sent. Those with bytes, which JSON has in base64, are botocore's.

    By an event that lets a part of the answer be read by other means (`before-parse`, botocore's endpoint.py).
    """
    for operation, member in _ANSWERS.items():
        client.meta.events.register(f"before-parse.dynamodb.{operation}", partial(_read_items, member))


def _read_items(member: str, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    body = response_dict["body"]
    if response_dict["status_code"] != HTTPStatus.OK or any(kind in body for kind in _BYTES):
        return
    answer = json.loads(body)
    if member in answer:
        customized_response_dict[member] = answer.pop(member)
        response_dict["body"] = json.dumps(answer).encode()


def _set_items_aside(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_ITEMS] = params.pop("TransactItems")


def _write_items(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    request = json.loads(params["body"])
    params["body"] = _ENCODER.encode({**request, "TransactItems": context.pop(_ITEMS)}).encode()


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_base64)
