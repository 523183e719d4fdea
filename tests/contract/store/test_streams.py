"""A table's stream shows each change with the whole row before and after it, as `row_changes` reads them."""

from dataclasses import replace
from typing import Any

import pytest

from billing.store.all_tables import ALL_TABLES, STREAMED_TABLES
from billing.store.database import Item
from billing.store.row_changes import READERS, read_change
from billing.store.webhook_endpoints import WebhookEndpointItem
from tests.contract.samples import ENDPOINT, NOW
from tests.contract.store.engines import OpenClient
from tests.contract.store.items import EVERY_TYPE, put
from tests.platform_of_one import World


def told(streams: Any, table: str) -> list[tuple[Item | None, Item | None]]:
    """The rows before and after each change of a table, in order."""
    (stream,) = streams.list_streams(TableName=table)["Streams"]
    changes: list[tuple[Item | None, Item | None]] = []
    for shard in streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]:
        begin = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]
        rows = (record["dynamodb"] for record in records)
        changes += [(row.get("OldImage"), row.get("NewImage")) for row in rows]
    return changes


def test_each_change_is_told_with_the_whole_row_before_and_after_it(store: World, open_client: OpenClient) -> None:
    changed = replace(ENDPOINT, enabled=True, disabled_reason=None)
    store.webhook_endpoints.add(ENDPOINT, "whsec_1")  # in a transaction
    assert store.webhook_endpoints.change(ENDPOINT, changed)
    assert store.webhook_endpoints.remove(ENDPOINT.endpoint_id)
    changes = [
        read_change("webhook_endpoints", before, after, NOW)
        for before, after in told(open_client("dynamodbstreams"), store.database.table(WebhookEndpointItem))
    ]
    rows = [(change.before, change.after) for change in changes]
    assert rows == [(None, ENDPOINT), (ENDPOINT, changed), (changed, None)]


@pytest.mark.parametrize("attribute", EVERY_TYPE)
def test_an_image_holds_a_value_as_the_row_does(store: World, open_client: OpenClient, attribute: str) -> None:
    row = {"endpoint_id": {"S": "we_1"}, attribute: EVERY_TYPE[attribute]}
    put(store.database, WebhookEndpointItem, row)
    assert store.database.delete(WebhookEndpointItem, {"endpoint_id": "we_1"})
    images = told(open_client("dynamodbstreams"), store.database.table(WebhookEndpointItem))
    assert images == [(None, row), (row, None)]


@pytest.mark.parametrize("table", STREAMED_TABLES)
def test_a_table_whose_changes_are_told_shows_both_images(store: World, table: str) -> None:
    assert table in READERS
    (model,) = (model for model in ALL_TABLES if model.Meta.table_name == table)
    answer = store.database.client.describe_table(TableName=store.database.table(model))
    assert answer["Table"]["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert answer["Table"]["LatestStreamArn"]


def test_what_changes_nothing_is_not_told(store: World, open_client: OpenClient) -> None:
    store.webhook_endpoints.add(ENDPOINT, "whsec_1")
    store.webhook_endpoints.add(ENDPOINT, "whsec_2")  # refused
    assert not store.webhook_endpoints.remove("we_2")
    table = store.database.table(WebhookEndpointItem)
    same: Item = {"ExpressionAttributeNames": {"#e": "enabled"}, "ExpressionAttributeValues": {":e": {"BOOL": False}}}
    assert store.database.update(WebhookEndpointItem, {"endpoint_id": "we_1"}, UpdateExpression="SET #e = :e", **same)
    assert len(told(open_client("dynamodbstreams"), table)) == 1
