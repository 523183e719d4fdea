"""The indexes: what each shows of a row, that a row without its key is not in it, and in which order it lists."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.models import Model

from billing.store.all_tables import ALL_TABLES
from billing.store.api_keys import ApiKeyItem
from billing.store.cards import PaymentMethodItem
from billing.store.database import Database, Item
from billing.store.due import due_pages
from billing.store.tables import table_definition
from billing.store.wallets import WalletItem
from tests.contract.samples import ASKED, CARD, DELIVERY, END, NOW, REFUND_EVENT, START
from tests.contract.store.items import put
from tests.platform_of_one import World

INDEXES: dict[str, tuple[type[Model], Any]] = {
    f"{model.Meta.table_name}.{index['IndexName']}": (model, index)
    for model in ALL_TABLES
    for index in table_definition(model).get("GlobalSecondaryIndexes", ())
}
OF_TYPE: Item = {
    "S": "text",
    "N": "1",
    "B": b"bytes",
    "BOOL": True,
    "M": {"deep": {"L": [{"N": "1"}]}},
    "L": [{"S": "text"}],
    "SS": ["text"],
}


def row_with_all(model: type[Model]) -> Item:
    """A row that has every attribute of its model."""
    return {name: {each.attr_type: OF_TYPE[each.attr_type]} for name, each in model.get_attributes().items()}


def keys_of(model: type[Model], index: Any = None) -> list[str]:
    return [each["AttributeName"] for each in (index or table_definition(model))["KeySchema"]]


def shown(model: type[Model], index: Any) -> set[str]:
    """What an index shows of a row, by DynamoDB's rules: its keys, the table's keys, and what it names beside."""
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return set(row_with_all(model))
    return {*keys_of(model), *keys_of(model, index), *projection.get("NonKeyAttributes", ())}


def query(database: Database, model: type[Model], index: Any, row: Item) -> list[Item]:
    hash_key = keys_of(model, index)[0]
    answer: Any = database.client.query(
        TableName=database.table(model),
        IndexName=index["IndexName"],
        KeyConditionExpression="#hash = :hash",
        ExpressionAttributeNames={"#hash": hash_key},
        ExpressionAttributeValues={":hash": row[hash_key]},
    )
    items: list[Item] = answer["Items"]
    return items


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_shows_what_it_projects_and_no_more(database: Database, name: str) -> None:
    model, index = INDEXES[name]
    row = row_with_all(model)
    put(database, model, row)
    assert query(database, model, index, row) == [{each: row[each] for each in shown(model, index)}]


@pytest.mark.parametrize("name", [name for name, (model, index) in INDEXES.items()])
def test_a_row_without_a_key_of_an_index_is_not_in_it(database: Database, name: str) -> None:
    model, index = INDEXES[name]
    row = row_with_all(model)
    own = [key for key in keys_of(model, index) if key not in keys_of(model)]
    for key in own:
        put(database, model, {each: value for each, value in row.items() if each != key})
        assert query(database, model, index, row) == []
    put(database, model, row)
    assert len(query(database, model, index, row)) == 1


def test_a_row_comes_into_an_index_and_leaves_it_by_updates_and_by_transactions(store: World) -> None:
    assert store.stripe_inbox.take(REFUND_EVENT, NOW)
    assert list(store.stripe_inbox.undone(NOW)) == [[]]
    assert list(store.stripe_inbox.undone(END)) == [[REFUND_EVENT]]
    store.stripe_inbox.done(REFUND_EVENT.event_id)
    assert list(store.stripe_inbox.undone(END)) == [[]]
    store.transactions.create(ASKED)
    assert list(store.transactions.to_check(END)) == [[ASKED.transaction_id]]
    assert store.transactions.move(ASKED, replace(ASKED, status="Failed", check_at=None))
    assert list(store.transactions.to_check(END)) == [[]]


def test_a_row_moves_within_an_index(store: World) -> None:
    put(store.database, WalletItem, _stands("a", "paused"), _stands("b", "paused"), _stands("c", "locked"))
    assert list(store.wallets.in_standing("paused", None, 10)) == [["a", "b"]]
    put(store.database, WalletItem, _stands("a", "locked"))
    assert list(store.wallets.in_standing("paused", None, 10)) == [["b"]]
    assert list(store.wallets.in_standing("locked", None, 10)) == [["a", "c"]]
    assert list(store.wallets.in_standing("locked", "a", 10)) == [["c"]]


def _stands(account_id: str, group: str) -> Item:
    return {"account_id": {"S": account_id}, "standing": {"S": group}}


def test_what_is_due_comes_by_its_moment_to_the_millisecond(store: World) -> None:
    moments = [NOW + timedelta(milliseconds=number) for number in (5, 1, 3, 2, 4)]
    for number, moment in enumerate(moments):
        store.transactions.create(replace(ASKED, transaction_id=f"tx_{number}", check_at=moment))
    assert list(store.transactions.to_check(NOW + timedelta(milliseconds=3))) == [["tx_1", "tx_3", "tx_2"]]
    assert list(store.transactions.to_check(NOW)) == [[]]


def test_open_cards_come_whatever_their_moment_the_first_added_first(store: World) -> None:
    for number, added in enumerate((END, START, NOW)):
        store.cards.add(replace(CARD, fingerprint=f"f{number}", verification="pending", added_at=added))
    store.cards.add(replace(CARD, fingerprint="verified"))
    assert list(store.cards.open()) == [[("acme", "f1"), ("acme", "f2"), ("acme", "f0")]]
    (keys,) = due_pages(store.database, PaymentMethodItem, "open", ("open", "open"))
    assert {name for key in keys for name in key} == {"open", "added_at", "account_id", "card_fingerprint"}


def test_deliveries_that_are_due_come_of_every_shard(store: World) -> None:
    events = [f"evt_{number}" for number in range(12)]
    for event_id in events:
        assert store.deliveries.add(replace(DELIVERY, event_id=event_id))
    due = [each.event_id for each in store.deliveries.due(END, 10)]
    assert sorted(due) == sorted(events)
    assert list(store.deliveries.due(NOW, 10)) == []
    assert len(list(store.deliveries.due(END, 1))) < len(events)


def test_a_filled_index_lists_what_an_earlier_release_wrote(store: World) -> None:
    old = {"key_id": {"S": "old"}, "created_at": {"S": "2026-11-01T00:00:00.000Z"}, "secret_hash": {"S": "h"}}
    rest = {"name": {"S": "n"}, "scopes": {"S": "admin"}}
    put(store.database, ApiKeyItem, {**old, **rest}, {**old, **rest, "key_id": {"S": "new"}, "listed": {"S": "all"}})
    assert [key.key_id for key in store.api_keys.page(10, None).items] == ["new"]
    assert store.api_keys.fill_list() == 1
    assert sorted(key.key_id for key in store.api_keys.page(10, None).items) == ["new", "old"]
    assert store.api_keys.fill_list() == 0
