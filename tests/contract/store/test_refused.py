"""What DynamoDB refuses, so that a mistake shows before it is deployed: an emulator that takes it would hide it."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from billing.store.accounts import AccountItem
from billing.store.database import Database, Item
from billing.store.leases import LeasePageItem
from billing.store.transactions import TransactionItem
from billing.store.workspaces import WorkspaceItem
from tests.contract.store.items import leased, page_key, put, row_of

KEY = {"account_id": "acme", "page_number": 0}
SET: Item = {"UpdateExpression": "SET version = :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
LONG = "x" * 2049


@pytest.mark.parametrize(
    "arguments",
    [
        {**SET, "ExpressionAttributeNames": {"#unused": "pages"}},
        {**SET, "ExpressionAttributeValues": {":one": {"N": "1"}, ":unused": {"N": "2"}}},
        {**SET, "ConditionExpression": "version = :undefined"},
        {**SET, "ConditionExpression": "#undefined = :one"},
        {**SET, "UpdateExpression": "SET name = :one"},
        {**SET, "UpdateExpression": "SET version = :one", "ConditionExpression": "status = :one"},
        {**SET, "UpdateExpression": "SET version = :one REMOVE version"},
        {**SET, "UpdateExpression": "SET account_id = :one"},
        {**SET, "UpdateExpression": "SET version = :one,"},
        {**SET, "UpdateExpression": "SET "},
    ],
    ids=[
        "unused_name",
        "unused_value",
        "undefined_value",
        "undefined_name",
        "reserved_word_in_update",
        "reserved_word_in_condition",
        "one_attribute_twice",
        "key_attribute",
        "comma_at_the_end",
        "empty_clause",
    ],
)
@pytest.mark.parametrize("way", ["single", "transaction"])
def test_an_expression_that_is_not_whole(database: Database, way: str, arguments: Item) -> None:
    put(database, LeasePageItem, leased(0))
    update = {"TableName": "leases", "Key": page_key(0), **arguments}
    ways: dict[str, Callable[[], object]] = {
        "single": lambda: database.update(LeasePageItem, KEY, **arguments),
        "transaction": lambda: database.transact([{"Update": update}]),
    }
    with pytest.raises(ClientError, match="ValidationE"):
        ways[way]()
    assert row_of(database, LeasePageItem, page_key(0)) == leased(0)


def test_two_writes_of_one_row_in_a_transaction(database: Database) -> None:
    look: Item = {"ConditionExpression": "attribute_exists(account_id)", "Key": page_key(0)}
    put(database, LeasePageItem, leased(0))
    with pytest.raises(ClientError, match="ValidationE"):
        database.transact(
            [
                {"Update": {"TableName": "leases", "Key": page_key(0), **SET}},
                {"ConditionCheck": {"TableName": "leases", **look}},
            ]
        )


@pytest.mark.parametrize(
    "key",
    [
        {"account_id": {"S": ""}, "page_number": {"N": "0"}},
        {"account_id": {"S": "acme"}, "page_number": {"S": "0"}},
        {"account_id": {"S": LONG}, "page_number": {"N": "0"}},
        {"account_id": {"S": "acme"}},
    ],
    ids=["empty_text", "wrong_type", "too_long", "no_sort_key"],
)
@pytest.mark.parametrize("way", ["put", "get", "transaction", "batch"])
def test_a_key_that_can_be_none(database: Database, way: str, key: Item) -> None:
    table = database.table(LeasePageItem)
    ways: dict[str, Callable[[], object]] = {
        "put": lambda: put(database, LeasePageItem, key),
        "get": lambda: row_of(database, LeasePageItem, key),
        "batch": lambda: database.client.batch_get_item(RequestItems={table: {"Keys": [key]}}),
        "transaction": lambda: database.transact([{"Put": {"TableName": table, "Item": key}}]),
    }
    with pytest.raises(ClientError, match="ValidationE"):
        ways[way]()


@pytest.mark.parametrize(
    "position",
    [{"S": ""}, {"N": "1"}, {"S": "x" * 1025}],
    ids=["empty_text", "wrong_type", "too_long"],
)
def test_a_key_of_an_index_that_can_be_none(database: Database, position: Item) -> None:
    row = {"transaction_id": {"S": "tx"}, "account_id": {"S": "acme"}, "position": position}
    with pytest.raises(ClientError, match="ValidationE"):
        put(database, TransactionItem, row)


@pytest.mark.parametrize(
    ("condition", "more"),
    [
        ("position = :acme", {}),
        ("account_id = :acme AND kind = :acme", {}),
        ("account_id = :acme OR account_id = :z", {}),
        ("account_id = :acme AND #position BETWEEN :z AND :acme", {}),
        ("account_id = :acme AND #position >= :acme AND #position < :z", {}),
        ("account_id = :acme", {"FilterExpression": "#position = :z"}),
        ("account_id = :acme", {"ConsistentRead": True}),
        ("account_id = :acme", {"IndexName": "unknown"}),
    ],
    ids=[
        "no_hash_key",
        "no_key",
        "or",
        "between_backwards",
        "sort_key_twice",
        "filter_on_a_key",
        "consistent_index",
        "unknown_index",
    ],
)
def test_a_query_that_an_index_cannot_answer(database: Database, condition: str, more: Any) -> None:
    asked: Any = {"IndexName": "by_account", "KeyConditionExpression": condition, **more}
    text = condition + str(more)
    asked["ExpressionAttributeValues"] = {name: {"S": name[1:]} for name in (":acme", ":z") if name in text}
    if "#position" in text:
        asked["ExpressionAttributeNames"] = {"#position": "position"}
    with pytest.raises(ClientError, match="ValidationE"):
        database.client.query(TableName=database.table(TransactionItem), **asked)


@pytest.mark.parametrize(
    "number", ["1" * 39, "1e126", "text", "", "NaN"], ids=["39_digits", "too_large", "text", "empty", "nan"]
)
def test_a_number_that_is_none(database: Database, number: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationE|SerializationE"):
        put(database, AccountItem, {"account_id": {"S": "acme"}, "paid_micros": {"N": number}})


def test_an_empty_set(database: Database) -> None:
    with pytest.raises(ClientError, match="ValidationE"):
        put(database, WorkspaceItem, {"workspace_id": {"S": "42"}, "names": {"SS": []}})


def test_a_table_that_is_not_there_is_an_error_of_its_own(database: Database) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        database.client.get_item(TableName="nowhere", Key={"account_id": {"S": "acme"}})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        database.transact([{"Put": {"TableName": "nowhere", "Item": leased(0)}}])
