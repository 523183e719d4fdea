"""What the store relies on when it reads: consistent reads, batches, indexes with their projections, order, paging.

| what | who relies on it |
|---|---|
| a read after a write sees it, by key and in a batch | every decision |
| a batch leaves out what is not there | `Database.get_many`, `get_together` |
| an index has only rows with its key; removing the key removes the row | what is due, open, waiting, listed |
| an index shows what is projected, and no more | plans on offer, due rows by key |
| text sorts by its bytes in UTF-8 | the directory of names in any script |
| a filter passes over rows without ending the list | the history, usage records |
| a page goes on behind any row, also one that was removed since | every cursor |
| a start outside of what is asked for is refused | cursors of another span |
"""

from datetime import timedelta
from typing import Any

import pytest

from billing.domain.api_key import ApiKey
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.store.api_keys import ApiKeyItem, ListedApiKeys
from billing.store.books import LedgerEntryItem, UsageFilter
from billing.store.database import Database
from billing.store.directory import DirectoryItem
from billing.store.leases import LeasePageItem
from billing.store.plans import CurrentPlans, PlanVersionItem
from billing.store.transactions import OpenTransactions, TransactionItem
from billing.store.wallets import WalletItem
from tests.builders import NOW, call, plan
from tests.platform_of_one import World

# Each beside the next in UTF-8; in UTF-16 the emoji would stand before the ligature.
SCRIPTS = ("Zürich", "zürich", "Łódź", "مقهى", "電話", "ﬁnance", "😀 calls")


@pytest.fixture
def store(database: Database) -> World:
    return World(database)


def an_api_key(number: int) -> ApiKey:
    moment = NOW + timedelta(seconds=number)
    return ApiKey(f"{number:016d}", "hash", f"key {number}", frozenset({"admin"}), None, moment)


def test_a_batch_has_all_that_is_there_beyond_a_hundred_keys_and_nothing_else(store: World) -> None:
    for number in range(0, 210, 2):
        store.api_keys.add(an_api_key(number))
    keys = [{"key_id": f"{number:016d}"} for number in range(210)]
    found = [item["key_id"]["S"] for item in store.database.get_many(ApiKeyItem, keys)]
    assert sorted(found) == [f"{number:016d}" for number in range(0, 210, 2)]


def test_items_of_two_tables_come_in_one_request(store: World) -> None:
    store.open_account(plan(), paid="1")
    key = {"account_id": "acme"}
    found = store.database.get_together({WalletItem: key, LeasePageItem: {**key, "page_number": 0}})
    assert set(found) == {WalletItem}


def test_text_sorts_by_its_bytes_in_utf_8(database: Database) -> None:
    for name in reversed(SCRIPTS):
        row = {"found_by": {"S": "name"}, "place": {"S": name}, "account_id": {"S": name}}
        database.client.put_item(TableName="directory", Item=row)
    (page,) = database.pages(
        "query",
        DirectoryItem,
        KeyConditionExpression="found_by = :by",
        ExpressionAttributeValues={":by": {"S": "name"}},
    )
    assert [item["place"]["S"] for item in page] == sorted(SCRIPTS, key=str.encode)


@pytest.mark.parametrize("beginning", ["مق", "電", "😀", "Z"])
def test_a_beginning_in_any_script_finds_what_begins_with_it(database: Database, beginning: str) -> None:
    for name in SCRIPTS:
        row = {"found_by": {"S": "name"}, "place": {"S": name}, "account_id": {"S": name}}
        database.client.put_item(TableName="directory", Item=row)
    (page,) = database.pages(
        "query",
        DirectoryItem,
        KeyConditionExpression="found_by = :by AND begins_with(place, :beginning)",
        ExpressionAttributeValues={":by": {"S": "name"}, ":beginning": {"S": beginning}},
    )
    assert [item["place"]["S"] for item in page] == [name for name in SCRIPTS if name.startswith(beginning)]


def test_an_index_of_keys_shows_keys_alone(store: World) -> None:
    store.api_keys.add(an_api_key(1))
    (page,) = store.database.pages(
        "query",
        ApiKeyItem,
        IndexName=ListedApiKeys.Meta.index_name,
        KeyConditionExpression="listed = :all",
        ExpressionAttributeValues={":all": {"S": "all"}},
    )
    assert [set(item) for item in page] == [{"key_id", "listed", "created_at"}]


def test_an_index_shows_what_it_includes_and_no_more(store: World) -> None:
    store.current_version(plan())
    (page,) = store.database.pages(
        "query",
        PlanVersionItem,
        IndexName=CurrentPlans.Meta.index_name,
        KeyConditionExpression="version = :current",
        ExpressionAttributeValues={":current": {"N": "0"}},
    )
    (item,) = page
    assert "usage_features" not in item
    assert {"plan_id", "version", "current_version"} <= set(item)


def open_rows(database: Database) -> list[str]:
    pages = database.pages(
        "query",
        TransactionItem,
        IndexName=OpenTransactions.Meta.index_name,
        KeyConditionExpression="#open = :open AND check_at <= :now",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":open": {"S": "open"}, ":now": {"S": format_instant(NOW)}},
    )
    return [item["transaction_id"]["S"] for page in pages for item in page]


def test_a_row_is_in_a_sparse_index_while_it_has_its_key_and_only_when_it_is_due(database: Database) -> None:
    for number in (3, 1, 2, -5):
        item: dict[str, Any] = {
            "transaction_id": {"S": f"tx_{number}"},
            "open": {"S": "open"},
            "check_at": {"S": format_instant(NOW - timedelta(hours=number))},
        }
        database.client.put_item(TableName="transactions", Item=item)
    assert open_rows(database) == ["tx_3", "tx_2", "tx_1"], "the longest waiting first"
    database.client.update_item(
        TableName="transactions",
        Key={"transaction_id": {"S": "tx_2"}},
        UpdateExpression="REMOVE #open",
        ExpressionAttributeNames={"#open": "open"},
    )
    assert open_rows(database) == ["tx_3", "tx_1"]


@pytest.fixture
def history(store: World) -> World:
    """Nine calls, every other one of another workspace, and two adjustments."""
    store.open_account(plan(), paid="100", workspaces=("42", "43"))
    for number in range(9):
        store.settle(call(f"e{number}", workspace_id=("42", "43")[number % 2]), now=NOW + timedelta(seconds=number))
    store.adjust("1", "last", now=NOW + timedelta(minutes=1))
    return store


def read_all(store: World, limit: int, usage: UsageFilter | None) -> list[str]:
    causes: list[str] = []
    cursor = None
    while True:
        page = store.books.page("acme", limit, cursor, usage=usage)
        assert len(page.items) <= limit
        causes += [entry.cause for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return causes


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("usage", [None, UsageFilter(), UsageFilter(workspace_id="43")])
def test_a_list_in_pages_of_any_length_is_the_list_newest_first(
    history: World, limit: int, usage: UsageFilter | None
) -> None:
    all_entries = history.entries()[::-1]
    wanted = [
        entry.cause
        for entry in all_entries
        if usage is None or (entry.usage is not None and usage.workspace_id in {None, entry.usage.workspace_id})
    ]
    assert read_all(history, limit, usage) == wanted


def test_a_filter_that_lets_nothing_through_ends_the_list(history: World) -> None:
    assert read_all(history, 1, UsageFilter(workspace_id="absent")) == []


def test_a_page_goes_on_behind_a_row_that_was_removed_since(history: World) -> None:
    first = history.books.page("acme", 2, None)
    history.database.delete(LedgerEntryItem, {"cause": first.items[-1].cause})
    rest = history.books.page("acme", 100, first.next_cursor)
    assert [entry.sequence for entry in [*first.items, *rest.items]] == list(range(11, 0, -1))


def test_a_start_outside_of_what_is_asked_for_is_refused_by_its_field(history: World) -> None:
    oldest = history.books.page("acme", 10, None).next_cursor
    with pytest.raises(InvalidValue) as refused:
        history.books.page("acme", 10, oldest, usage=UsageFilter(occurred_from=NOW + timedelta(hours=1)))
    assert refused.value.field == "cursor"


def test_a_scan_reads_each_row_once_whatever_a_page_holds(store: World) -> None:
    for number in range(7):
        store.api_keys.add(an_api_key(number))
    pages = list(store.database.pages("scan", ApiKeyItem, limit=3))
    assert sorted(item["key_id"]["S"] for page in pages for item in page) == [f"{number:016d}" for number in range(7)]
    assert max(map(len, pages)) <= 3


def test_bytes_come_back_as_bytes_and_an_expiry_is_a_number(database: Database) -> None:
    written: dict[str, Any] = {
        "account_id": {"S": "acme"}, "page_number": {"N": "0"}, "version": {"N": "1"}, "pages": {"N": "1"},
        "leases": {"B": bytes(range(256))}, "delete_after": {"N": "1795425302"},
    }  # fmt: skip
    database.client.put_item(TableName="leases", Item=written)
    found = database.get(LeasePageItem, {"account_id": "acme", "page_number": 0})
    assert found is not None
    assert found.leases == bytes(range(256))
    assert int(found.delete_after.timestamp()) == 1795425302
