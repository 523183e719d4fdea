"""Many items are read as DynamoDB sent them: what botocore would have made of them, at less cost."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from billing.store.database import Database
from tests.builders import NOW, call, plan
from tests.integration.test_transactions_as_held import EVERY_TYPE, TABLES
from tests.platform_of_one import World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BYTES = ("leases", "pages")


def answers(client: Any, limit: int) -> list[Any]:
    """Of each way of reading many items, without what differs between two requests."""
    query = client.query(
        TableName="ledger_entries",
        KeyConditionExpression="cause = :cause",
        ExpressionAttributeValues={":cause": EVERY_TYPE["cause"]},
    )
    scan = client.scan(TableName="ledger_entries", Limit=limit)
    keys = {"Keys": [{"cause": EVERY_TYPE["cause"]}, {"cause": {"S": "none"}}], "ConsistentRead": True}
    batch = client.batch_get_item(RequestItems={"ledger_entries": keys})
    return [
        {name: value for name, value in each.items() if name != "ResponseMetadata"} for each in (query, scan, batch)
    ]


def _sorted(item: Any) -> list[bytes]:
    return sorted(item.get("pages", {}).get("BS", ()))


@pytest.mark.parametrize("with_bytes", [False, True])
def test_items_of_every_type_are_read_as_botocore_reads_them(
    lean: "DynamoDBClient", dynamodb: "DynamoDBClient", with_bytes: bool
) -> None:
    """With bytes anywhere, which JSON has in base64, all of the answer is botocore's."""
    deep = {"liability:paid_credit": {"N": "-120000"}, "deep": {"L": [{"S": '"B": in text'}]}}
    item = {**EVERY_TYPE, "postings": {"M": deep}}
    for name in () if with_bytes else BYTES:
        del item[name]
    dynamodb.put_item(TableName="ledger_entries", Item=item)  # type: ignore[arg-type]
    dynamodb.put_item(TableName="ledger_entries", Item={"cause": {"S": "other"}})
    for limit in (1, 10):
        found = answers(lean, limit)
        assert found == answers(dynamodb, limit)
        (read,) = found[0]["Items"]
        assert {**read, "pages": _sorted(read)} == {**item, "pages": _sorted(item)}, "a set has no order"
    assert ("LastEvaluatedKey" in answers(lean, 1)[1], "LastEvaluatedKey" in answers(lean, 10)[1]) == (True, False)


def test_an_error_is_the_same_error(lean: "DynamoDBClient", dynamodb: "DynamoDBClient") -> None:
    codes = []
    for client in (lean, dynamodb):
        with pytest.raises(ClientError) as refused:
            client.query(
                TableName="nowhere", KeyConditionExpression="cause = :c", ExpressionAttributeValues={":c": {"S": "x"}}
            )
        codes.append(refused.value.response["Error"]["Code"])
    assert codes == ["ResourceNotFoundException"] * 2


def test_lists_and_leases_are_read_by_the_client_that_the_functions_use(lean: "DynamoDBClient") -> None:
    store = World(Database(lean, TABLES, lambda _: None))
    store.open_account(plan(), paid="1")
    store.settle(call("a"), call("b"), now=NOW)
    assert [entry.sequence for entry in store.entries()] == [1, 2, 3]
    assert store.books.entries({"call:42:call-of-a"}).keys() == {"call:42:call-of-a"}
