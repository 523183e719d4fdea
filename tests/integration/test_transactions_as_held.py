"""A transaction's items go to DynamoDB as they are held: word for word what botocore would have sent, at less cost."""

import json
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from billing.domain.wallet import Wallet, adjust
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from tests.builders import NOW, call, calls_feature, detection_feature, micros, plan
from tests.platform_of_one import World, assert_books_balance

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLES = {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES}
EVERY_TYPE = {
    "cause": {"S": 'call:"مكالمة" \\ 7'},
    "amount_micros": {"N": "-120000"},
    "paused": {"BOOL": False},
    "nothing": {"NULL": True},
    "leases": {"B": bytes(range(256))},
    "pages": {"BS": [b"\x00", b"\xff"]},
    "names": {"SS": ["a", "b"]},
    "postings": {"M": {"liability:paid_credit": {"N": "-120000"}, "deep": {"L": [{"B": b"x"}, {"S": "y"}]}}},
}
ITEMS: list[dict[str, Any]] = [
    {"Put": {"TableName": "ledger_entries", "Item": EVERY_TYPE, "ConditionExpression": "attribute_not_exists(cause)"}},
    {
        "Update": {
            "TableName": "wallets",
            "Key": {"account_id": {"S": "acme"}},
            "UpdateExpression": "SET #0 = :0",
            "ExpressionAttributeNames": {"#0": "paid_micros"},
            "ExpressionAttributeValues": {":0": {"N": "1"}, ":1": {"B": b"\x01"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    },
    {"ConditionCheck": {"TableName": "t", "Key": {"k": {"S": "v"}}, "ConditionExpression": "attribute_exists(k)"}},
    {"Delete": {"TableName": "t", "Key": {"k": {"B": b"key"}}}},
]


class Unsent:
    """Answers a client's transactions in DynamoDB's place, the first `failures` of them with an error of its own."""

    def __init__(self, client: Any, *, failures: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self._failures = failures
        client.meta.events.register("before-send.dynamodb.TransactWriteItems", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.requests.append(json.loads(request.body))
        status, headers = 500 if len(self.requests) <= self._failures else 200, HTTPHeaders()
        return AWSResponse(request.url, status, headers, _Body(b"{}"))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> list[bytes]:
        return [self._content]


def test_items_of_every_type_are_sent_as_botocore_sends_them(
    lean: "DynamoDBClient", dynamodb: "DynamoDBClient"
) -> None:
    bodies = []
    for client in (lean, dynamodb):
        unsent = Unsent(client)
        client.transact_write_items(TransactItems=ITEMS, ClientRequestToken="t")  # type: ignore[arg-type]
        bodies += unsent.requests
    assert bodies[0] == bodies[1]
    assert bodies[0]["TransactItems"][0]["Put"]["Item"]["pages"] == {"BS": ["AA==", "/w=="]}


def test_what_is_tried_again_is_the_same_transaction_under_the_same_token(lean: "DynamoDBClient") -> None:
    unsent = Unsent(lean, failures=1)
    lean.transact_write_items(TransactItems=ITEMS)  # type: ignore[arg-type]
    first, second = unsent.requests
    assert first == second
    assert len(first["ClientRequestToken"]) == 36
    lean.transact_write_items(TransactItems=ITEMS)  # type: ignore[arg-type]
    assert unsent.requests[2]["ClientRequestToken"] != first["ClientRequestToken"]


def test_settling_is_right_and_a_refusal_still_says_what_stood_in_the_way(lean: "DynamoDBClient") -> None:
    store = World(Database(lean, TABLES, lambda _: None))
    store.open_account(plan(calls_feature(included_minutes=1), detection_feature()), paid="1")
    before = store.wallet()
    outcome = store.settle(call("a", seconds="90"), call("b", detections=1), call("a", seconds="90"))
    assert (len(outcome.settled), outcome.duplicates, outcome.failed) == (2, 1, set())
    assert len(store.settle(call("c"), call("b", detections=1)).settled) == 1
    assert_books_balance(store)
    posted = adjust(before, 1, adjustment_id="late", reason="wire", by="ops", now=NOW, fingerprint="f")
    refused = store.books.commit(before, posted)
    assert not isinstance(refused, Wallet)
    assert refused.wallet == store.wallet()
    spent = micros("0.06") + micros("0.12") + micros("0.01") + micros("0.12")
    assert store.wallet().balance_micros == micros("1") - spent
