"""What the store relies on when it writes: transactions, conditions, and the reasons of a cancellation.

| what | who relies on it |
|---|---|
| all of a transaction or none, up to 100 items | `Books.commit`, `Accounts.create`, `Workspaces.put` |
| a reason for each item, in their order, with the item as it is | `Books.commit`: duplicates, a lost race |
| one token is one transaction, however often it comes | botocore's retries |
| a condition that fails writes nothing and says so | `Database.add`, `move`, `update`, `write_all` |
| `ADD` makes and adds | the daily counters |
| `SET` and `REMOVE` leave other attributes alone | rows that a newer release has written |
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from billing.domain.api_key import USE_KEPT_EVERY, ApiKey
from billing.domain.card import Card, Verification
from billing.domain.ledger import LedgerEntry
from billing.domain.rejection import reject
from billing.domain.wallet import Posted, Wallet, adjust
from billing.store.api_keys import ApiKeyItem
from billing.store.books import LedgerEntryItem, Refused
from billing.store.cards import card_update
from billing.store.database import Database, Reason
from billing.store.tables import raw_item
from tests.builders import ADMINISTRATOR, NOW, WIRE, call, micros, plan
from tests.platform_of_one import World

KEY = ApiKey("0123456789abcdef", "hash", "Πλατφόρμα", frozenset({"usage:write"}), None, NOW)


@pytest.fixture
def store(database: Database) -> World:
    world = World(database)
    world.open_account(plan(), paid="100")
    return world


def posted(wallet: Wallet, *amounts: str) -> Posted:
    """An adjustment for each amount, one after the other."""
    entries: list[LedgerEntry] = []
    for amount in amounts:
        by = {"reason": WIRE, "by": ADMINISTRATOR, "fingerprint": "f", "now": NOW}
        made = adjust(wallet, micros(amount), adjustment_id=f"{amount}", **by)  # type: ignore[arg-type]
        wallet, entries = made.wallet, [*entries, *made.entries]
    return Posted(wallet, tuple(entries))


def put(item: dict[str, Any], condition: str | None = None) -> dict[str, Any]:
    conditional = {} if condition is None else {"ConditionExpression": condition}
    return {"Put": {"TableName": "api_keys", "Item": item, **conditional}}


def key_item(key_id: str, **more: str) -> dict[str, Any]:
    known = {"secret_hash": "h", "name": "شركة", "scopes": "admin", **more}
    return raw_item(ApiKeyItem, key_id=key_id, created_at=NOW, **known)


def key_ids(database: Database) -> list[str]:
    return sorted(item["key_id"]["S"] for page in database.pages("scan", ApiKeyItem) for item in page)


def test_a_wallet_and_its_entries_are_written_together(store: World) -> None:
    before = store.wallet()
    after = store.books.commit(before, posted(before, "1", "2"))
    assert isinstance(after, Wallet)
    assert store.wallet() == after
    assert [entry.amount_micros for entry in store.entries()[-2:]] == [micros("1"), micros("2")]


def test_entries_that_exist_are_named_with_what_they_are_and_nothing_is_written(store: World) -> None:
    store.books.commit(store.wallet(), posted(store.wallet(), "2"))
    before = store.wallet()
    refused = store.books.commit(before, posted(before, "1", "2", "3"))
    assert isinstance(refused, Refused)
    (existing,) = refused.existing.values()
    assert (existing.amount_micros, existing.description, refused.wallet) == (micros("2"), WIRE, None)
    assert store.wallet() == before
    assert len(store.entries()) == 2


def test_a_wallet_that_moved_on_comes_back_as_it_is_now(store: World) -> None:
    stale = store.wallet()
    store.books.commit(stale, posted(stale, "1"))
    refused = store.books.commit(stale, posted(stale, "2"))
    assert isinstance(refused, Refused)
    assert (refused.wallet, refused.existing) == (store.wallet(), {})


def test_a_wallet_that_moved_on_and_an_entry_that_exists_are_both_named(store: World) -> None:
    stale = store.wallet()
    store.books.commit(stale, posted(stale, "1"))
    refused = store.books.commit(stale, posted(stale, "2", "1"))
    assert isinstance(refused, Refused)
    assert refused.wallet == store.wallet()
    assert [entry.amount_micros for entry in refused.existing.values()] == [micros("1")]


def test_a_hundred_items_are_one_transaction_and_each_has_its_own_reason(database: Database) -> None:
    for number in (17, 99):
        assert database.add(ApiKeyItem, key_item(f"{number:016d}", name=f"there before {number}"), "key_id")
    items = [database.put_new(ApiKeyItem, key_item(f"{number:016d}"), "key_id") for number in range(100)]
    canceled = database.transact(items)
    assert canceled is not None
    found = {place: reason for place, reason in enumerate(canceled.reasons) if reason is not None}
    assert list(found) == [17, 99]
    assert all(reason.condition_failed and reason.item is not None for reason in found.values())
    assert [reason.item["name"] for reason in found.values() if reason.item] == [
        {"S": "there before 17"},
        {"S": "there before 99"},
    ]
    assert len(key_ids(database)) == 2
    free = [item for place, item in enumerate(items) if place not in found]
    assert database.transact(free) is None
    assert len(key_ids(database)) == 100


def test_a_hundred_and_one_items_are_no_transaction(database: Database) -> None:
    with pytest.raises(ClientError):
        database.transact([put(key_item(f"{number:016d}")) for number in range(101)])
    assert key_ids(database) == []


def test_a_reason_without_the_wish_for_the_item_has_none(database: Database) -> None:
    database.add(ApiKeyItem, key_item("there"), "key_id")
    canceled = database.transact([put(key_item("new")), put(key_item("there"), "attribute_not_exists(key_id)")])
    assert canceled is not None
    assert canceled.reasons == (None, Reason("ConditionalCheckFailed", None))
    assert canceled.refused
    assert key_ids(database) == ["there"]


def test_a_condition_on_a_row_that_is_only_looked_at_stops_the_others(database: Database) -> None:
    check = {
        "ConditionCheck": {
            "TableName": "api_keys", "Key": {"key_id": {"S": "absent"}},
            "ConditionExpression": "attribute_exists(key_id)",
        }
    }  # fmt: skip
    assert database.write_all([put(key_item("new")), check]) is False
    assert key_ids(database) == []


def test_the_same_item_twice_is_no_transaction(database: Database) -> None:
    with pytest.raises(ClientError):
        database.transact([put(key_item("same")), put(key_item("same", name="other"))])
    assert key_ids(database) == []


def test_one_token_is_one_transaction_however_often_it_comes(database: Database) -> None:
    def add_one(token: str) -> None:
        database.client.transact_write_items(
            ClientRequestToken=token,
            TransactItems=[
                {
                    "Update": {
                        "TableName": "daily_usage",
                        "Key": {"account_id": {"S": "acme"}, "day_workspace": {"S": "2026-11-23#42"}},
                        "UpdateExpression": "ADD calls :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                }
            ],
        )

    for token in ("once", "once", "twice"):
        add_one(token)
    assert World(database).daily_counters()["calls"] == 2


def test_counters_are_made_and_added_to(store: World) -> None:
    store.settle(call("e1"), call("e2"))
    store.settle(call("e3"))
    counters = store.daily_counters()
    assert counters["call_minutes.lines" if "call_minutes.lines" in counters else next(iter(counters))] > 0
    assert sum(counters.values()) > 0


def test_of_many_that_decide_by_the_same_wallet_one_writes(store: World) -> None:
    before = store.wallet()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: store.books.commit(before, posted(before, f"{number}")), range(1, 17)))
    won = [outcome for outcome in outcomes if isinstance(outcome, Wallet)]
    assert len(won) == 1
    assert store.wallet() == won[0]
    assert len(store.entries()) == 2


def test_a_row_is_added_once(database: Database) -> None:
    assert database.add(ApiKeyItem, key_item("k", name="first"), "key_id")
    assert not database.add(ApiKeyItem, key_item("k", name="second"), "key_id")
    found = database.get(ApiKeyItem, {"key_id": "k"})
    assert found is not None
    assert found.name == "first"


def test_a_row_is_deleted_once_and_whoever_did_it_knows(database: Database) -> None:
    database.add(ApiKeyItem, key_item("k"), "key_id")
    assert [database.delete(ApiKeyItem, {"key_id": "k"}) for _ in range(2)] == [True, False]


def test_a_row_that_moves_keeps_what_this_release_does_not_know(database: Database) -> None:
    database.client.put_item(TableName="api_keys", Item={**key_item("k", account_id="acme"), "newer": {"S": "kept"}})
    assert database.move(ApiKeyItem, key_item("k", name="moved"), condition="attribute_exists(key_id)")
    row = database.client.get_item(TableName="api_keys", Key={"key_id": {"S": "k"}})["Item"]
    assert (row["name"], row["newer"]) == ({"S": "moved"}, {"S": "kept"})
    assert "account_id" not in row, "what has no value any more is removed"


def test_a_row_that_is_not_there_is_made_by_a_move(database: Database) -> None:
    assert database.move(ApiKeyItem, key_item("k"), condition="attribute_not_exists(key_id)")
    assert not database.move(ApiKeyItem, key_item("k"), condition="attribute_not_exists(key_id)")
    assert key_ids(database) == ["k"]


def test_a_condition_on_an_attribute_that_is_absent_does_not_hold(database: Database) -> None:
    database.add(ApiKeyItem, key_item("k"), "key_id")
    compared = {"before": {"S": "acme"}}
    assert not database.move(ApiKeyItem, key_item("k"), condition="#account_id = :before", **compared)


def test_moments_are_compared_as_the_text_that_they_are(store: World) -> None:
    store.api_keys.add(KEY)
    later = (NOW, NOW + USE_KEPT_EVERY - timedelta(milliseconds=1), NOW + USE_KEPT_EVERY)
    kept = []
    for moment in later:
        store.api_keys.mark_used(KEY.key_id, moment)
        found = store.api_keys.get(KEY.key_id)
        kept.append(None if found is None else found.last_used_at)
    assert kept == [NOW, NOW, NOW + USE_KEPT_EVERY]


def test_a_use_makes_no_key_that_was_removed(store: World) -> None:
    store.api_keys.mark_used("absent", NOW)
    assert store.api_keys.get("absent") is None


def a_card(**more: Any) -> Card:
    known = Card("acme", "number-1", "pm_1", "visa", "4242", 12, 2030, "pending", NOW)
    return replace(known, **more)


def test_a_card_takes_the_place_of_one_that_failed_or_is_gone_and_of_no_other(store: World) -> None:
    def kept(verification: Verification, method: str) -> str:
        return store.cards.add(a_card(verification=verification, payment_method_id=method)).payment_method_id

    assert [kept("verified", "pm_1"), kept("pending", "pm_2"), kept("failed", "pm_3")] == ["pm_1"] * 3
    states: tuple[Verification, ...] = ("failed", "gone")
    for state in states:
        before = store.cards.of_account("acme")[0]
        store.database.write_all([card_update(store.database, before, replace(before, verification=state))])
        assert kept("verified", f"pm_{state}") == f"pm_{state}"


@pytest.mark.parametrize("number", [0, -1, 10**18 + 1, 10**37 + 1, -(10**37) - 1])
def test_a_number_of_38_digits_is_exact(database: Database, number: int) -> None:
    item = {"cause": {"S": "c"}, "amount_micros": {"N": str(number)}}
    database.client.put_item(TableName="ledger_entries", Item=item)
    read = database.client.get_item(TableName="ledger_entries", Key={"cause": {"S": "c"}})["Item"]
    assert read["amount_micros"] == {"N": str(number)}


def test_an_entry_reads_as_it_was_written_whatever_the_order_of_its_map(store: World) -> None:
    before = store.wallet()
    made = posted(before, "1")
    store.books.commit(before, made)
    assert store.books.entry(made.entries[0].cause) == made.entries[0]


def test_a_transaction_is_none_while_one_of_its_items_is_not_valid(database: Database) -> None:
    broken = {"cause": {"S": ""}}
    items: Sequence[dict[str, Any]] = [
        put(key_item("new")),
        {"Put": {"TableName": database.table(LedgerEntryItem), "Item": broken}},
    ]
    with pytest.raises(ClientError):
        database.transact(items)
    assert key_ids(database) == []


@pytest.mark.parametrize("field", [None, "", "data.usage[0].quantity"])
def test_a_rejection_is_kept_whatever_its_field_is(store: World, field: str | None) -> None:
    """The event as a whole is at fault where the field is empty: one path may not be both set and removed."""
    for seconds in (0, 1):
        at = NOW + timedelta(seconds=seconds)
        kept = reject("{}", "duplicate_field", "is there twice", rejected_at=at, arrived_at=NOW, field=field)
        store.rejected_events.keep(kept)
        assert store.rejected_events.get(kept.rejection_id) == (kept, "open")
