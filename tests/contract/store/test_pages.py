"""Pages: where a list goes on, in which order it comes, what a filter passes over, and what a start key may be."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.models import Model

from billing.domain.subscription import renewal_shard
from billing.store.books import LedgerEntryItem
from billing.store.database import Database, Item
from billing.store.directory import DirectoryItem
from billing.store.leases import LeasePageItem
from billing.store.paging import Listing
from billing.store.plans import PlanVersionItem
from billing.store.transactions import HistoryFilter, TransactionItem
from billing.store.usage_records import UsageFilter, UsagePage
from billing.store.wallets import WalletItem, renewals_key
from billing.store.webhook_endpoints import WebhookEndpointItem
from billing.store.workspaces import WorkspaceItem
from tests.contract.samples import ADJUSTED, CALL, CARD, DELIVERY, END, KEY, NOW, REJECTED
from tests.contract.store.items import leased, put
from tests.contract.test_stored_rows import golden
from tests.platform_of_one import World

SAME_MOMENT = 5
"""How many rows of a list have one moment: then the table's key says where a page goes on."""


def walked(page: Callable[[str | None], Listing[Any] | UsagePage]) -> list[Any]:
    """All of a list, page by page."""
    found: list[Any] = []
    cursor = None
    while True:
        listing = page(cursor)
        found += listing.items
        cursor = listing.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_rows_of_one_moment_come_once_each_over_any_pages(store: World, size: int) -> None:
    for number in range(SAME_MOMENT):
        store.deliveries.add(replace(DELIVERY, event_id=f"evt_{number}"))
        store.api_keys.add(replace(KEY, key_id=f"key_{number}"))
        store.rejected_events.keep(replace(REJECTED, rejection_id=f"r_{number}"))
    deliveries = walked(lambda cursor: store.deliveries.page("we_1", size, cursor))
    assert sorted(each.event_id for each in deliveries) == [f"evt_{number}" for number in range(SAME_MOMENT)]
    since = walked(lambda cursor: store.deliveries.since("we_1", NOW, size, cursor))
    assert sorted(each.event_id for each in since) == [f"evt_{number}" for number in range(SAME_MOMENT)]
    keys = walked(lambda cursor: store.api_keys.page(size, cursor))
    assert sorted(each.key_id for each in keys) == [f"key_{number}" for number in range(SAME_MOMENT)]
    rejected = walked(lambda cursor: store.rejected_events.page("open", size, cursor))
    assert sorted(each.rejection_id for each in rejected) == [f"r_{number}" for number in range(SAME_MOMENT)]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_history_is_filtered_by_span_kind_and_status_over_any_pages(store: World, size: int) -> None:
    for number in range(6):
        kind: Any = "top_up" if number % 2 else "adjustment"
        moment = NOW + timedelta(milliseconds=number)
        store.transactions.create(replace(ADJUSTED, transaction_id=f"tx_{number}", kind=kind, created_at=moment))

    def ids(wanted: HistoryFilter) -> list[str]:
        listed = walked(lambda cursor: store.transactions.page("acme", size, cursor, wanted))
        return [each.transaction_id for each in listed]

    assert ids(HistoryFilter()) == ["tx_5", "tx_4", "tx_3", "tx_2", "tx_1", "tx_0"]
    assert ids(HistoryFilter(created_from=NOW + timedelta(milliseconds=4))) == ["tx_5", "tx_4"]
    assert ids(HistoryFilter(created_to=NOW + timedelta(milliseconds=1))) == ["tx_0"]
    assert ids(HistoryFilter(NOW + timedelta(milliseconds=1), NOW + timedelta(milliseconds=5), "top_up")) == [
        "tx_3",
        "tx_1",
    ]
    assert ids(HistoryFilter(kind="renewal")) == []
    assert ids(HistoryFilter(kind="top_up", status="Paid")) == ["tx_5", "tx_3", "tx_1"]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_usage_is_filtered_by_its_end_and_its_workspace_over_any_pages(store: World, size: int) -> None:
    assert CALL.usage is not None
    for number in range(8):
        row = golden("0.2.0/ledger_entries.usage")
        row["cause"] = {"S": f"call:{number}"}
        row["position"] = {"S": f"2026-11-23T09:15:02.{number:03}Z#{number:012}"}
        row["occurred_at"] = {"S": f"2026-11-23T09:15:02.{number:03}Z"}
        row["workspace_id"] = {"S": "42" if number % 2 else "43"}
        put(store.database, LedgerEntryItem, row)
    put(store.database, LedgerEntryItem, golden("0.1.0/ledger_entries.adjustment"))

    def sequences(wanted: UsageFilter) -> list[int]:
        listed = walked(lambda cursor: store.usage_records.page("acme", size, cursor, wanted))
        return [each.sequence for each in listed]

    second = NOW.replace(microsecond=0)
    assert sequences(UsageFilter()) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert sequences(UsageFilter(workspaces=("42",))) == [7, 5, 3, 1]
    span = UsageFilter(second + timedelta(milliseconds=2), second + timedelta(milliseconds=5))
    assert sequences(span) == [4, 3, 2]


def test_a_list_goes_on_behind_a_row_that_is_gone_meanwhile(store: World) -> None:
    for name in ("a", "b", "c", "d"):
        put(store.database, WorkspaceItem, {"workspace_id": {"S": name}, "account_id": {"S": "acme"}})
    first = store.workspaces.page("acme", 2, None)
    store.database.delete(WorkspaceItem, {"workspace_id": "b"})
    assert [each.workspace_id for each in store.workspaces.page("acme", 2, first.next_cursor).items] == ["c", "d"]


def test_texts_are_ordered_by_their_bytes(store: World) -> None:
    """In UTF-16 an emoji, which is a pair of surrogates, would come before the full-width letter."""
    names = ["Z", "a", "é", "ш", "ي", "中", "\uff21", "😀"]
    for name in reversed(names):
        put(store.database, WorkspaceItem, {"workspace_id": {"S": name}, "account_id": {"S": "acme"}})
    assert [each.workspace_id for each in walked(lambda at: store.workspaces.page("acme", 3, at))] == names


def test_numbers_are_ordered_as_numbers(store: World) -> None:
    numbers = [0, 1, 2, 9, 10, 11, 100]
    for number in reversed(numbers):
        row = leased(number)
        put(store.database, LeasePageItem, {**row, "pages": {"N": str(len(numbers))}})
    put(store.database, LeasePageItem, leased(3, account_id="other"))
    assert [page.number for page in store.leases.of_account("acme")] == numbers


def test_places_that_begin_alike_come_in_order_from_behind_a_place(store: World) -> None:
    for place in ("ac\n1", "acm\n1", "acm\n2", "acme\n1", "b\n1", "中\n1"):
        put(store.database, *_place("name", place))
    put(store.database, *_place("email", "acm\n9"))

    def places(beginning: str, after: str | None = None) -> list[str]:
        return [place for page in store.directory.pages("name", beginning, after, 2) for place, _ in page]

    assert places("") == ["ac\n1", "acm\n1", "acm\n2", "acme\n1", "b\n1", "中\n1"]
    assert places("acm") == ["acm\n1", "acm\n2", "acme\n1"]
    assert places("acm", "acm\n1") == ["acm\n2", "acme\n1"]
    assert places("acm", "acm\n10") == ["acm\n2", "acme\n1"]  # nothing is there
    assert places("中") == ["中\n1"]
    assert places("x") == []


def _place(found_by: str, place: str) -> tuple[type[Model], Item]:
    return DirectoryItem, {"found_by": {"S": found_by}, "place": {"S": place}, "account_id": {"S": "acme"}}


def test_a_scan_comes_to_each_row_once(store: World) -> None:
    for number in range(25):
        item = {**golden("0.1.0/webhook_endpoints"), "endpoint_id": {"S": f"we_{number}"}}
        put(store.database, WebhookEndpointItem, item)
    assert len(store.webhook_endpoints.all()) == 25
    found: list[Item] = []
    start = None
    while True:
        page = store.database.page("scan", WebhookEndpointItem, ("endpoint_id",), limit=4, start=start)
        found += page.items
        start = page.next_key
        if start is None:
            break
    assert sorted(item["endpoint_id"]["S"] for item in found) == sorted(f"we_{number}" for number in range(25))


def test_a_scan_is_filtered_by_numbers_and_texts(store: World) -> None:
    for number, (month, year) in enumerate([(11, 2026), (12, 2026), (1, 2027), (12, 2025), (11, 2027)]):
        store.cards.add(replace(CARD, fingerprint=f"f{number}", exp_month=month, exp_year=year))
    store.cards.add(replace(CARD, fingerprint="pending", verification="pending"))
    assert sorted(card.fingerprint for card in store.cards.expiring(NOW)) == ["f0", "f1"]
    assert sorted(card.fingerprint for card in store.cards.expiring(END)) == ["f1", "f2"]


def test_the_key_behind_a_page_names_the_index_and_the_table(database: Database) -> None:
    table = database.table(TransactionItem)
    for number in range(3):
        put(
            database,
            TransactionItem,
            {
                "transaction_id": {"S": f"tx_{number}"},
                "account_id": {"S": "acme"},
                "position": {"S": f"{number}"},
                "open": {"S": "open"},
            },
        )

    def asked(limit: int, **arguments: Any) -> Any:
        return database.client.query(
            TableName=table,
            IndexName="by_account",
            KeyConditionExpression="account_id = :acme",
            ExpressionAttributeValues={":acme": {"S": "acme"}},
            Limit=limit,
            **arguments,
        )

    first = asked(2)
    behind = {"transaction_id": {"S": "tx_1"}, "account_id": {"S": "acme"}, "position": {"S": "1"}}
    assert first["LastEvaluatedKey"] == behind
    assert asked(3)["LastEvaluatedKey"]["transaction_id"] == {"S": "tx_2"}  # full: whether more come is not known
    last = asked(3, ExclusiveStartKey=behind)
    assert [item["transaction_id"] for item in last["Items"]] == [{"S": "tx_2"}]
    assert "LastEvaluatedKey" not in last


def test_a_limit_counts_rows_before_the_filter(database: Database) -> None:
    for number in range(6):
        put(database, LeasePageItem, leased(number, version=number))
    answer: Any = database.client.query(
        TableName=database.table(LeasePageItem),
        KeyConditionExpression="account_id = :acme",
        FilterExpression="version > :3",
        ExpressionAttributeValues={":acme": {"S": "acme"}, ":3": {"N": "3"}},
        Limit=5,
    )
    assert [item["version"]["N"] for item in answer["Items"]] == ["4"]
    assert answer["ScannedCount"] == 5
    assert answer["LastEvaluatedKey"] == {"account_id": {"S": "acme"}, "page_number": {"N": "4"}}


def plans_of(database: Database, size: int, count: int) -> list[str]:
    ids = [f"plan-{number:02}" for number in range(count)]
    for plan_id in ids:
        item = {"plan_id": {"S": plan_id}, "version": {"N": "0"}, "current_version": {"N": "1"}}
        put(database, PlanVersionItem, {**item, "usage_features": {"S": "x" * size}})
    return ids


def test_rows_of_more_than_a_megabyte_are_all_read(database: Database) -> None:
    ids = plans_of(database, 150_000, 9)
    pages = list(database.pages("scan", PlanVersionItem, limit=None))
    assert sorted(item["plan_id"]["S"] for page in pages for item in page) == ids
    listed = database.pages(
        "query",
        PlanVersionItem,
        limit=None,
        IndexName="current",
        KeyConditionExpression="version = :0",
        ExpressionAttributeValues={":0": {"N": "0"}},
    )
    assert [item["plan_id"]["S"] for page in listed for item in page] == ids


def test_a_page_ends_at_a_megabyte(database: Database) -> None:
    plans_of(database, 150_000, 9)
    sizes = [len(page) for page in database.pages("scan", PlanVersionItem, limit=None)]
    assert len(sizes) > 1
    assert max(sizes) <= 7


def test_due_rows_are_of_one_day_and_up_to_a_moment(store: World) -> None:
    shard = renewal_shard("acme")
    for account_id, renews_at in (("a", "2026-11-23T09:15:02.120Z"), ("b", "2026-11-23T09:15:02.121Z")):
        key = renewals_key("2026-11-23", shard)
        row = {"account_id": {"S": account_id}, "renews": {"S": key}, "renews_at": {"S": renews_at}}
        put(store.database, WalletItem, row)
    old = {"account_id": {"S": "old"}, "renews": {"S": renewals_key("2026-11-21", shard)}}
    put(store.database, WalletItem, {**old, "renews_at": {"S": "2026-11-21T00:00:00.000Z"}})
    assert [order.account_id for order in store.due_renewals.of_shard(shard, NOW, 10)] == ["old", "a"]
    assert [order.account_id for order in store.due_renewals.of_shard(shard, NOW, 1)] == ["old"]


def refused_start(database: Database, start: Item) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        database.client.query(
            TableName=database.table(WorkspaceItem),
            IndexName="by_account",
            KeyConditionExpression="account_id = :acme",
            ExpressionAttributeValues={":acme": {"S": "acme"}},
            ExclusiveStartKey=start,
        )


@pytest.mark.parametrize(
    "start",
    [
        {"account_id": {"S": "acme"}},
        {"account_id": {"S": "acme"}, "workspace_id": {"S": "a"}, "name": {"S": "x"}},
        {"account_id": {"S": "acme"}, "workspace_id": {"N": "1"}},
    ],
    ids=["too_few", "too_many", "wrong_type"],
)
def test_a_start_key_of_other_attributes_is_refused(database: Database, start: Item) -> None:
    refused_start(database, start)


def test_a_start_key_of_another_partition_is_refused(database: Database) -> None:
    refused_start(database, {"account_id": {"S": "globex"}, "workspace_id": {"S": "a"}})
