"""Settling on the real store: charged once, kept when it cannot be charged, and told apart from a conflict."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.queued_event import QueuedEvent
from billing.domain.wallet import Grant, Posted, Wallet
from billing.domain.workspace import Workspace
from billing.services.settle_usage import Received, UsageSettlement
from billing.services.workspaces import assign_workspace
from billing.store.database import Database, StoreBusy
from billing.store.usage_records import UsageFilter
from tests.builders import NOW, call, calls_feature, detection_feature, micros, period_of, plan, received
from tests.platform_of_one import World, assert_books_balance

TWO_MINUTES_INCLUDED = plan(calls_feature(included_minutes=2), detection_feature())


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(TWO_MINUTES_INCLUDED, workspaces=("42", "43"), paid="1")
    return store


def test_calls_of_all_workspaces_draw_one_allowance_and_one_balance(store: World) -> None:
    store.settle(call("a", seconds="90"), call("b", seconds="90", workspace_id="43", detections=1))
    assert store.wallet().balance_micros == micros("1") - micros("0.12") - micros("0.01")
    assert_books_balance(store)


def test_what_was_bought_is_kept_with_the_wallet_and_takes_no_room_where_nothing_was(store: World) -> None:
    store.settle(call("a", seconds="120"))
    assert "bought" not in stored_period(store)
    store.settle(call("b", seconds="90", detections=1))
    assert stored_period(store)["bought"] == {
        "M": {"call_minutes": {"N": "90000000"}, "voicemail_detection": {"N": "1000000"}}
    }
    assert period_of(store.wallet()).bought == {"call_minutes": micros("90"), "voicemail_detection": micros("1")}
    assert_books_balance(store)


def stored_period(store: World) -> Mapping[str, Any]:
    item = store.database.client.get_item(TableName="wallets", Key={"account_id": {"S": "acme"}})["Item"]
    return item["period"]["M"]


def test_the_same_event_twice_is_charged_once_in_one_batch_and_in_another_one(store: World) -> None:
    outcome = store.settle(call("a"), call("a"), call("b"))
    assert (len(outcome.settled), outcome.duplicates, outcome.failed) == (2, 1, set())
    again = store.settle(call("a"), call("c"))
    assert (len(again.settled), again.duplicates, again.failed) == (1, 1, set())
    assert store.wallet().sequence == 4
    assert_books_balance(store)


def test_a_duplicate_years_later_is_charged_no_second_time(store: World) -> None:
    store.settle(call("a"))
    later = NOW + timedelta(days=1000)
    outcome = store.settle(call("a", arrived_at=later), now=later)
    assert (len(outcome.settled), outcome.duplicates) == (0, 1)


def test_a_duplicate_is_charged_no_second_time_when_its_workspace_has_moved_to_another_account(store: World) -> None:
    store.settle(call("a"))
    store.open_account(plan(plan_id="other"), account_id="globex", workspaces=(), paid="5")
    move(store, "globex", NOW - timedelta(minutes=5))
    outcome = store.settle(call("a"))
    assert (len(outcome.settled), outcome.duplicates) == (0, 1)
    assert store.wallet("globex").balance_micros == micros("5")


def test_the_same_id_with_other_content_is_reported_and_never_charged(store: World) -> None:
    store.settle(call("a", seconds="60"))
    outcome = store.settle(call("a", seconds="61"))
    assert (outcome.settled, outcome.failed, store.rejected_codes()) == ([], set(), ["event_conflict"])
    assert_books_balance(store)


def test_the_same_ids_from_another_workspace_are_another_call(store: World) -> None:
    """Two regions that count from 1, and tenants that never heard of each other."""
    store.settle(call("a"))
    outcome = store.settle(call("a", workspace_id="43"))
    assert ([usage.workspace_id for usage in outcome.settled], store.rejected_codes()) == (["43"], [])
    assert_books_balance(store)


def test_the_same_id_with_other_content_in_one_batch_charges_one_of_them_and_reports_the_other(store: World) -> None:
    outcome = store.settle(call("a", seconds="60"), call("a", seconds="61"), call("b"))
    assert len(outcome.settled) == 2
    assert store.rejected_codes() == ["event_conflict"]
    assert_books_balance(store)


def test_a_corrected_event_with_the_id_of_a_rejected_one_is_charged(store: World) -> None:
    store.settle(call("a", unit="fortnight"))
    outcome = store.settle(call("a", unit="second"))
    assert len(outcome.settled) == 1
    assert store.rejected_codes() == ["unknown_unit"]


def test_an_event_of_an_unknown_workspace_or_feature_is_kept_with_its_reason_and_the_rest_is_settled(
    store: World,
) -> None:
    outcome = store.settle(call("a", workspace_id="404"), call("b", unit="furlong"), call("c"))
    assert [usage.event_id for usage in outcome.settled] == ["c"]
    assert outcome.failed == set()
    assert store.rejected_codes() == ["unknown_unit", "unknown_workspace"]


def test_an_event_that_can_be_neither_charged_nor_kept_now_goes_back_to_the_queue(store: World) -> None:
    def busy(**_: object) -> None:
        raise StoreBusy("ThrottlingException")

    store.database.client.update_item = busy  # type: ignore[method-assign,assignment]
    outcome = store.settle(call("a", workspace_id="404"), call("b", unit="furlong"), call("c"))
    assert (outcome.failed, outcome.rejected) == ({"message-of-a", "message-of-b"}, 0)
    assert [usage.event_id for usage in outcome.settled] == ["c"]


def test_an_event_that_comes_by_a_key_of_another_account_is_not_charged(store: World) -> None:
    foreign = Received("message", QueuedEvent(call("a"), "{}", account_id="globex"))
    UsageSettlement(store).settle_batch([foreign], NOW)
    assert store.rejected_codes() == ["unknown_workspace"]
    assert store.wallet().balance_micros == micros("1")


def test_more_events_than_a_transaction_holds_are_settled_in_several_as_full_as_can_be(store: World) -> None:
    transactions = counted_transactions(store)
    days = [call(f"e{n}", seconds="1", ended_at=NOW - timedelta(days=n % 20)) for n in range(250)]
    outcome = store.settle(*days)
    assert (len(outcome.settled), outcome.failed, len(transactions)) == (250, set(), 3)
    assert_books_balance(store)


def test_the_entries_of_credit_that_has_expired_have_room_in_a_full_transaction(store: World) -> None:
    before = store.wallet()
    granted = replace(before, grants=tuple(Grant(f"g{n}", micros("1"), NOW) for n in range(3)))
    assert isinstance(store.books.commit(before, Posted(granted)), Wallet)
    transactions = counted_transactions(store)
    outcome = store.settle(*(call(f"e{n}", seconds="1") for n in range(97)))
    assert (len(outcome.settled), outcome.failed, len(transactions)) == (97, set(), 2)


def test_a_redelivered_event_is_looked_up_before_it_can_cancel_a_transaction(store: World) -> None:
    store.settle(call("a"))
    transactions = counted_transactions(store)
    batch = [received(call("a"), redelivered=True), received(call("b"))]
    outcome = UsageSettlement(store).settle_batch(batch, NOW)
    assert (len(outcome.settled), outcome.duplicates, transactions) == (1, 1, ["transaction"])


def test_usage_is_listed_by_the_time_it_occurred_and_by_workspace(store: World) -> None:
    store.settle(
        call("old", ended_at=NOW - timedelta(days=3)),
        call("new"),
        call("elsewhere", workspace_id="43"),
    )
    since_yesterday = UsageFilter(occurred_from=NOW - timedelta(days=1), workspaces=("42",))
    listed = store.usage_records.page("acme", 10, None, since_yesterday)
    assert [entry.cause for entry in listed.items] == ["call:42:call-of-new"]
    until_yesterday = UsageFilter(occurred_to=NOW - timedelta(days=1))
    assert [e.cause for e in store.usage_records.page("acme", 10, None, until_yesterday).items] == [
        "call:42:call-of-old"
    ]
    assert {e.kind for e in store.usage_records.page("acme", 10, None, UsageFilter()).items} == {"usage"}


def test_usage_of_a_sender_whose_clock_is_ahead_is_listed_by_the_time_it_occurred(store: World) -> None:
    store.settle(call("ahead", ended_at=NOW + timedelta(minutes=4), arrived_at=NOW))
    listed = store.usage_records.page("acme", 10, None, UsageFilter(occurred_from=NOW + timedelta(minutes=3)))
    assert [entry.cause for entry in listed.items] == ["call:42:call-of-ahead"]


def test_a_list_pages_through_every_entry_once_newest_first(store: World) -> None:
    store.settle(*(call(f"e{n}") for n in range(7)))
    sequences: list[int] = []
    cursor = None
    while True:
        page = store.books.page("acme", 3, cursor)
        sequences += [entry.sequence for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sequences == [8, 7, 6, 5, 4, 3, 2, 1]


def counted_transactions(store: World) -> list[str]:
    """Grows by one with each transaction that is sent from now on."""
    sent: list[str] = []
    store.database.client.meta.events.register(
        "before-call.dynamodb.TransactWriteItems", lambda **_: sent.append("transaction")
    )
    return sent


def move(store: World, account_id: str, asked_at: datetime, workspace_id: str = "42") -> Workspace:
    return assign_workspace(store, workspace_id, account_id, None, asked_at)
