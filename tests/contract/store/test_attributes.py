"""Attributes: every type that the store writes comes back as it was written, however it is sent and however large."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.models import Model

from billing.domain.lease import LeasePage
from billing.store.accounts import AccountItem
from billing.store.all_tables import ALL_TABLES
from billing.store.books import LedgerEntryItem
from billing.store.daily_usage import DailyUsageItem
from billing.store.database import Database, Item
from billing.store.leases import LeasePageItem
from billing.store.rejected_events import RejectedEventItem
from billing.store.tables import expiry_attribute
from tests.contract.samples import ADJUSTMENT, DELIVERY, NOW, UNREADABLE_EVENT
from tests.contract.store.items import EVERY_TYPE, page_key, put, row_of
from tests.contract.stored_values import VALUES
from tests.contract.test_stored_rows import golden
from tests.platform_of_one import World

MODELS = {model.Meta.table_name: model for model in ALL_TABLES}
KILOBYTES_400 = 400 * 1024


@pytest.mark.parametrize("name", VALUES)
def test_a_golden_row_of_every_table_comes_back_as_it_was_put(database: Database, name: str) -> None:
    stored, row = VALUES[name], golden(name)
    model = MODELS[stored.table]
    put(database, model, row)
    keys: Any = model.get_attributes()
    key = {each: row[each] for each in keys if keys[each].is_hash_key or keys[each].is_range_key}
    assert row_of(database, model, key) == row
    assert stored.read(database) == stored.value


@pytest.mark.parametrize("attribute", EVERY_TYPE)
def test_a_value_comes_back_by_each_way_of_writing_and_reading_it(database: Database, attribute: str) -> None:
    value = EVERY_TYPE[attribute]
    row = {**page_key(0), attribute: value}
    put(database, LeasePageItem, row)
    expected: Item = {"TableName": database.table(LeasePageItem), "Key": page_key(1), "UpdateExpression": "SET #a = :a"}
    named: Item = {"ExpressionAttributeNames": {"#a": attribute}, "ExpressionAttributeValues": {":a": value}}
    database.client.update_item(**expected, **named)
    assert (
        database.transact(
            [
                {"Put": {"TableName": "leases", "Item": {**row, **page_key(2)}}},
                {"Update": {**expected, **named, "Key": page_key(3)}},
            ]
        )
        is None
    )
    rows = [row_of(database, LeasePageItem, page_key(number)) for number in range(4)]
    assert [each[attribute] for each in rows] == [value] * 4
    keys = [{"account_id": "acme", "page_number": number} for number in range(4)]
    assert [each[attribute] for each in database.get_many(LeasePageItem, keys)] == [value] * 4
    assert [each[attribute] for page in database.pages("scan", LeasePageItem) for each in page] == [value] * 4


@pytest.mark.parametrize("digits", [15, 17, 28, 31, 38])
def test_a_whole_number_is_exact_to_its_last_digit(database: Database, digits: int) -> None:
    number = -int(("1234567890" * 4)[:digits])
    key = {"account_id": {"S": "acme"}, "day_workspace": {"S": "2026-11-23#42"}}
    for added in (number, 1):
        change: Item = {
            "TableName": database.table(DailyUsageItem),
            "Key": key,
            "UpdateExpression": "ADD #0 :0",
            "ExpressionAttributeNames": {"#0": "call_minutes|a"},
            "ExpressionAttributeValues": {":0": {"N": str(added)}},
        }
        assert database.transact([{"Update": change}]) is None
    assert row_of(database, DailyUsageItem, key)["call_minutes|a"] == {"N": str(number + 1)}


def test_an_entry_is_the_same_in_whatever_order_its_map_is_answered(store: World) -> None:
    """DynamoDB keeps no order of a map. An emulator that keeps one would hide who relies on it."""
    row = golden("0.1.0/ledger_entries.adjustment")
    postings = row["postings"]["M"]
    for names in (sorted(postings), sorted(postings, reverse=True)):
        put(store.database, LedgerEntryItem, {**row, "postings": {"M": {name: postings[name] for name in names}}})
        assert store.books.entry(ADJUSTMENT.cause) == ADJUSTMENT


def test_a_page_without_leases_is_empty_bytes(store: World) -> None:
    """What is left of a page when its last lease is given back: a value, and no lack of one."""
    page = LeasePage(0, {b"twelve bytes": 1_795_425_302}, version=0)
    assert store.leases.write("acme", [page], NOW)
    assert store.leases.write("acme", [replace(page, leases={}, version=1)], NOW)
    assert row_of(store.database, LeasePageItem, page_key(0))["leases"] == {"B": b""}
    assert store.leases.of_account("acme") == [LeasePage(0, {}, version=2)]


def test_a_set_of_an_earlier_release_is_kept_whatever_its_order(store: World) -> None:
    row = {**golden("0.1.0/rejected_events.unreadable"), "contents": {"SS": ["b", "a", "é"]}}
    put(store.database, RejectedEventItem, row)
    found = store.rejected_events.get(UNREADABLE_EVENT.rejection_id)
    assert found is not None
    assert sorted(row_of(store.database, RejectedEventItem, _id(row))["contents"]["SS"]) == ["a", "b", "é"]


def _id(row: Item) -> Item:
    return {"rejection_id": row["rejection_id"]}


EXPIRING = [model for model in ALL_TABLES if expiry_attribute(model)]


@pytest.mark.parametrize("model", EXPIRING, ids=lambda model: model.Meta.table_name)
def test_a_moment_of_expiry_is_a_number_of_seconds_and_removes_nothing_by_itself(
    database: Database, model: type[Model]
) -> None:
    """DynamoDB deletes an expired row within days. Until then it is there, and may be read, written and listed."""
    attribute = expiry_attribute(model)
    assert attribute is not None
    name = next(
        name for name, stored in VALUES.items() if stored.table == model.Meta.table_name and attribute in golden(name)
    )
    row = golden(name)
    assert row[attribute]["N"].isdecimal()
    assert len(row[attribute]["N"]) == len("1795425302")
    database.client.update_time_to_live(
        TableName=database.table(model), TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute}
    )
    put(database, model, {**row, attribute: {"N": "1000000000"}})
    assert len([item for page in database.pages("scan", model) for item in page]) == 1


def test_a_row_of_almost_400_kilobytes_is_written_and_read(store: World) -> None:
    payload = json.dumps({"ملاحظة": "م" * 100_000}, ensure_ascii=False) + "x" * 203_000
    assert KILOBYTES_400 - 8_000 < len(payload.encode()) < KILOBYTES_400 - 1000
    delivery = replace(DELIVERY, payload=payload)
    assert store.deliveries.add(delivery)
    assert store.deliveries.get("we_1", "evt_1") == delivery
    assert store.deliveries.page("we_1", 10, None).items == [delivery]


@pytest.mark.parametrize("way", ["put", "update", "transaction"])
def test_a_row_of_more_than_400_kilobytes_is_refused_and_none_is_cut(database: Database, way: str) -> None:
    key: Item = {"account_id": {"S": "acme"}}
    large = {"S": "م" * (KILOBYTES_400 // 2)}
    table = database.table(AccountItem)
    update: Item = {"UpdateExpression": "SET #n = :n", "ExpressionAttributeNames": {"#n": "name"}}
    update |= {"ExpressionAttributeValues": {":n": large}}
    ways: dict[str, Callable[[], object]] = {
        "put": lambda: database.add(AccountItem, {**key, "name": large}, "account_id"),
        "update": lambda: database.update(AccountItem, {"account_id": "acme"}, **update),
        "transaction": lambda: database.transact([{"Put": {"TableName": table, "Item": {**key, "name": large}}}]),
    }
    with pytest.raises(ClientError, match=r"exceeded|ValidationE"):
        ways[way]()
    assert row_of(database, AccountItem, key) is None
