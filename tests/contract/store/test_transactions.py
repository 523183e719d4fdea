"""Transactions: all of their items are written or none, each shape that the store writes, once for a token."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from billing.domain.change import Added, Moved, Unmoved
from billing.domain.ledger import LedgerEntry
from billing.domain.wallet import Posted, Wallet
from billing.domain.workspace import new_workspace
from billing.store.books import Refused
from billing.store.daily_usage import DailyUsageItem
from billing.store.database import MAX_TRANSACTION_ITEMS, Database, Item
from billing.store.directory import Directory
from billing.store.leases import LeasePageItem
from billing.store.tables import item_update
from tests.contract.samples import ACCOUNT, ADJUSTED, ADJUSTMENT, CALL, CARD, LISTED_AT, NOW, WALLET, WORKSPACE
from tests.contract.store.items import leased, page_key, put, row_of
from tests.platform_of_one import World

NEW = Wallet("acme", "USD")
"""An account's wallet before anything was written to it."""


@pytest.fixture
def books(store: World) -> World:
    store.accounts.create(ACCOUNT)
    return store


DAY: Item = {"account_id": {"S": "acme"}, "day_workspace": {"S": "2026-11-23#42"}}
WRITERS, ROUNDS = 6, 30


def entry(number: int) -> LedgerEntry:
    return replace(ADJUSTMENT, cause=f"adjustment:acme:{number}", sequence=number)


def calls(*numbers: int) -> tuple[LedgerEntry, ...]:
    return tuple(replace(CALL, cause=f"call:{number}", sequence=number) for number in numbers)


def committed(books: World, before: Wallet, *entries: LedgerEntry) -> Wallet:
    answer = books.books.commit(before, Posted(replace(WALLET, sequence=len(entries)), entries))
    assert isinstance(answer, Wallet)
    return answer


def listed_by_name(store: World) -> list[str]:
    return [place for page in Directory(store.database).pages("name", "", None, 10) for place, _ in page]


def test_an_account_is_written_with_its_wallet_and_both_its_places_or_not_at_all(store: World) -> None:
    assert store.accounts.create(ACCOUNT)
    assert not store.accounts.create(replace(ACCOUNT, name="Another", email="other@acme.example"))
    assert store.accounts.get("acme") == ACCOUNT
    assert store.wallet() == NEW
    assert listed_by_name(store) == [LISTED_AT]


def test_a_renamed_account_leaves_its_old_place_also_if_that_is_gone_already(store: World) -> None:
    store.accounts.create(ACCOUNT)
    renamed = replace(ACCOUNT, name="Zażółć")
    store.directory.remove("name", LISTED_AT)
    assert store.accounts.change(ACCOUNT, renamed)
    assert not store.accounts.change(ACCOUNT, renamed)
    assert store.accounts.get("acme") == renamed
    (place,) = listed_by_name(store)
    assert place.startswith("za")


def test_a_lost_race_hands_back_the_wallet_and_the_entries_that_exist(books: World) -> None:
    after = committed(books, NEW, entry(1), entry(2))
    late = books.books.commit(NEW, Posted(WALLET, (entry(2), entry(3))), (Added(ADJUSTED),))
    assert late == Refused(after, {entry(2).cause: entry(2)})
    assert books.books.entry(entry(3).cause) is None
    assert books.transactions.get(ADJUSTED.transaction_id) is None
    again = books.books.commit(after, Posted(after, (entry(2), entry(3))), (Added(ADJUSTED),))
    assert again == Refused(None, {entry(2).cause: entry(2)})
    assert books.wallet() == after


def test_a_transaction_has_a_hundred_items_and_no_more(books: World) -> None:
    full = tuple(entry(number) for number in range(1, MAX_TRANSACTION_ITEMS))
    after = committed(books, NEW, *full)
    assert books.books.entries(each.cause for each in full) == {each.cause: each for each in full}
    assert books.wallet() == after
    items: list[Item] = [{"Put": {"TableName": "leases", "Item": leased(n)}} for n in range(MAX_TRANSACTION_ITEMS + 1)]
    assert books.database.table(LeasePageItem) == "leases"
    with pytest.raises(ClientError, match="ValidationException"):
        books.database.transact(items)
    assert row_of(books.database, LeasePageItem, page_key(0)) is None


def test_other_rows_are_written_with_the_wallet_while_they_are_as_they_were_read(books: World) -> None:
    books.cards.add(CARD)
    other = replace(CARD, payment_method_id="pm_2")
    refused = books.books.commit(NEW, Posted(NEW, (entry(1),)), (Unmoved(other),))
    assert refused == Refused(None, {})
    after = books.books.commit(NEW, Posted(NEW, (entry(1),)), (Unmoved(CARD), Added(ADJUSTED)))
    assert after == replace(NEW, version=1)
    moved = (Moved(CARD, replace(CARD, verification="removing")), Moved(ADJUSTED, replace(ADJUSTED, status="Failed")))
    assert books.books.commit(after, Posted(after), moved) == replace(after, version=2)
    assert books.books.commit(replace(after, version=2), Posted(after), moved) == Refused(None, {})
    removing = books.cards.get("acme", CARD.fingerprint)
    assert removing is not None
    assert removing.verification == "removing"
    found = books.transactions.get(ADJUSTED.transaction_id)
    assert found is not None
    assert (found.status, found.version) == ("Failed", 1)


def test_a_card_is_deleted_while_it_is_the_one_that_was_read(store: World) -> None:
    store.cards.add(CARD)
    store.cards.forget(replace(CARD, payment_method_id="pm_2"))
    assert store.cards.get("acme", CARD.fingerprint) == CARD
    store.cards.forget(CARD)
    assert store.cards.get("acme", CARD.fingerprint) is None
    store.cards.forget(CARD)


def test_an_item_that_is_only_looked_at_stops_the_others(store: World) -> None:
    workspace = new_workspace("42", "acme", None, NOW)
    assert store.workspaces.put(None, workspace, store.accounts.must_exist("acme")) is False
    assert store.workspaces.get("42") is None
    store.accounts.create(ACCOUNT)
    assert store.workspaces.put(None, workspace, store.accounts.must_exist("acme")) is True
    assert store.workspaces.put(None, workspace, store.accounts.must_exist("acme")) is None
    assert store.workspaces.put(None, workspace, store.accounts.must_exist("nobody")) is False
    named = replace(workspace, name="عيادة")
    assert store.workspaces.put(workspace, named, store.accounts.must_exist("acme")) is True
    assert store.workspaces.put(workspace, WORKSPACE, store.accounts.must_exist("acme")) is None
    assert store.workspaces.get("42") == named


def test_counters_of_any_name_begin_at_nothing_and_add_up(books: World) -> None:
    first = committed(books, NEW, *calls(1, 2))
    committed(books, first, *calls(3))
    row = row_of(books.database, DailyUsageItem, DAY)
    numbers = {name: int(value["N"]) for name, value in row.items() if "N" in value}
    assert numbers["calls"] == numbers["events"] == numbers["call_minutes|n"] == 3
    assert numbers["call_minutes|a"] == 3 * 614_000


def add_one(counter: str = "calls|آ") -> Item:
    """An item that shows each time that it is written, and needs no row to be there."""
    return {
        "Update": {
            "TableName": "daily_usage",
            "Key": DAY,
            "UpdateExpression": "ADD #0 :0",
            "ExpressionAttributeNames": {"#0": counter},
            "ExpressionAttributeValues": {":0": {"N": "1"}},
        }
    }


def send(database: Database, token: str, *items: Item) -> None:
    client: Any = database.client
    client.transact_write_items(TransactItems=items, ClientRequestToken=token)


def test_the_same_token_writes_once(database: Database) -> None:
    assert database.table(DailyUsageItem) == "daily_usage"
    for _ in range(3):
        send(database, "a-token", add_one())
    send(database, "another", add_one())
    assert row_of(database, DailyUsageItem, DAY)["calls|آ"] == {"N": "2"}


def test_a_token_stands_for_one_transaction(database: Database) -> None:
    assert database.table(DailyUsageItem) == "daily_usage"
    send(database, "a-token", add_one())
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        send(database, "a-token", add_one("other"))
    assert "other" not in row_of(database, DailyUsageItem, DAY)


def test_a_canceled_transaction_may_be_sent_again_under_another_token(database: Database) -> None:
    assert database.table(DailyUsageItem) == "daily_usage"
    put(database, LeasePageItem, leased(0))
    taken = database.put_new(LeasePageItem, leased(0), "account_id")
    assert not database.write_all([add_one(), taken])
    database.delete(LeasePageItem, {"account_id": "acme", "page_number": 0})
    assert database.write_all([add_one(), taken])
    assert row_of(database, DailyUsageItem, DAY)["calls|آ"] == {"N": "1"}


def test_of_many_writers_at_once_one_wins_and_nothing_of_the_others_is_written(database: Database) -> None:
    """Each winner counts in two tables; each loser would count in one of them if it were written in part."""
    assert database.table(DailyUsageItem) == "daily_usage"
    put(database, LeasePageItem, leased(0))
    start = threading.Barrier(WRITERS)

    def write(_: int) -> int:
        start.wait()
        wins = 0
        for version in range(1, ROUNDS + 1):
            step = item_update(
                LeasePageItem, leased(0, version=version + 1), condition="#version = :read", read={"N": str(version)}
            )
            canceled = database.transact([add_one(), {"Update": {"TableName": "leases", **step}}])
            wins += canceled is None
        return wins

    with ThreadPoolExecutor(WRITERS) as writers:
        wins = sum(writers.map(write, range(WRITERS)))
    assert row_of(database, DailyUsageItem, DAY)["calls|آ"] == {"N": str(wins)}
    assert row_of(database, LeasePageItem, page_key(0))["version"] == {"N": str(wins + 1)}
