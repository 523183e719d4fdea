"""A call is charged once, for ever: whatever event ids it is told under, in any notation, also over an upgrade."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.contracts.json_text import JsonValue, compact
from billing.contracts.usage_queue import decode, receive
from billing.domain.queued_event import QueuedEvent
from billing.domain.usage import UsageEvent, UsageLine
from billing.services.settle_usage import Outcome, Received, UsageSettlement
from billing.store.database import Database
from tests.builders import NOW, call, calls_feature, cloud_event, detection_feature, micros, plan, received
from tests.platform_of_one import World, assert_books_balance

CALL = cloud_event("event-1", seconds="312")
CALL_DATA: Any = CALL["data"]
TOKENS = {
    "specversion": "1.0",
    "id": "1",
    "source": "/llm/eu",
    "type": "usage.recorded",
    "time": "2026-11-23T11:00:00Z",
    "data": {"workspace_id": "42", "usage": [{"feature": "voicemail_detection", "quantity": "3"}]},
}


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(plan(calls_feature(), detection_feature()), workspaces=("42", "43"), paid="100")
    return store


def read(event: object) -> UsageEvent:
    queued = receive(JsonValue(event, compact(event)), now=NOW)
    assert isinstance(queued, QueuedEvent), queued
    return queued.event


def told(store: World, *events: object) -> Outcome:
    return store.settle(*map(read, events))


def with_data(event: dict[str, Any], **data: object) -> dict[str, Any]:
    return {**event, "data": {**event["data"], **data}}


@pytest.mark.parametrize(
    "again",
    [
        {**CALL, "id": "another", "source": "/voice/eu-2", "time": "2026-11-23T12:00:00Z"},
        with_data(CALL, usage=[{"quantity": "312.000", "unit": "second", "feature": "call_minutes"}]),
        with_data(CALL, usage=[{"feature": "call_minutes", "quantity": "5.2", "unit": "minute"}]),
        with_data(CALL, usage=[{"feature": "call_minutes", "quantity": "312"}]),
        with_data(CALL, ended_at="2026-11-23T13:00:00.000+01:00"),
    ],
    ids=["ids and time", "order and zeros", "unit", "no unit", "offset"],
)
def test_the_same_data_is_a_duplicate_in_whatever_notation(store: World, again: dict[str, Any]) -> None:
    assert len(told(store, CALL).settled) == 1
    outcome = told(store, again)
    assert (outcome.settled, outcome.duplicates, store.rejected_codes()) == ([], 1, [])
    assert store.wallet().balance_micros == micros("100") - micros("0.624")


@pytest.mark.parametrize(
    "other",
    [
        with_data(CALL, usage=[{"feature": "call_minutes", "quantity": "313", "unit": "second"}]),
        with_data(CALL, direction="inbound"),
        with_data(CALL, ended_at="2026-11-23T12:00:01Z"),
        with_data(CALL, usage=[*CALL_DATA["usage"], {"feature": "voicemail_detection", "quantity": "1"}]),
    ],
    ids=["quantity", "direction", "end", "lines"],
)
def test_other_data_of_the_same_call_is_kept_and_never_charged(store: World, other: dict[str, Any]) -> None:
    told(store, CALL)
    outcome = told(store, {**other, "id": "another"})
    assert (outcome.settled, outcome.duplicates, store.rejected_codes()) == ([], 0, ["event_conflict"])
    assert_books_balance(store)


def test_lines_in_another_order_are_the_same_lines(store: World) -> None:
    lines = [*CALL_DATA["usage"], {"feature": "voicemail_detection", "quantity": "2"}]
    told(store, with_data(CALL, usage=lines))
    assert told(store, with_data(CALL, usage=lines[::-1])).duplicates == 1


def test_one_batch_with_a_call_under_three_event_ids_charges_it_once(store: World) -> None:
    outcome = told(store, CALL, {**CALL, "id": "b"}, {**CALL, "id": "c", "source": "/x"})
    assert (len(outcome.settled), outcome.duplicates, outcome.failed) == (1, 2, set())


def test_recorded_usage_is_known_by_its_workspace_source_and_id(store: World) -> None:
    other_source = {**TOKENS, "source": "/llm/us"}
    other_workspace = with_data(TOKENS, workspace_id="43")
    assert len(told(store, TOKENS, other_source, other_workspace).settled) == 3
    assert told(store, {**TOKENS, "time": "2026-11-23T11:30:00Z"}).duplicates == 1
    assert len(told(store, {**TOKENS, "id": "2"}).settled) == 1
    told(store, with_data(TOKENS, occurred_at="2026-11-23T10:00:00Z"))
    assert store.rejected_codes() == ["event_conflict"]


def former_entry(store: World, event: UsageEvent) -> None:
    """What an earlier release wrote: the cause is the event's id, and the fingerprint is of that release."""
    store.settle(event)
    client = store.database.client
    item = client.get_item(TableName="ledger_entries", Key={"cause": {"S": event.cause}})["Item"]
    client.delete_item(TableName="ledger_entries", Key={"cause": {"S": event.cause}})
    del item["event_id"]
    item |= {"cause": {"S": event.former_cause}, "fingerprint": {"S": event.former_fingerprint}}
    client.put_item(TableName="ledger_entries", Item=item)


def test_a_call_that_an_earlier_release_charged_is_not_charged_again(store: World) -> None:
    event = call("event-1")
    former_entry(store, event)
    late = NOW + timedelta(hours=1)
    assert store.settle(event, now=late).duplicates == 1
    assert UsageSettlement(store).settle_batch([received(event, redelivered=True)], NOW).duplicates == 1
    other = replace(event, lines=(UsageLine("call_minutes", Decimal(61), "second"),))
    store.settle(other, now=late)
    assert store.rejected_codes() == ["event_conflict"]


def test_an_id_that_an_earlier_release_charged_to_somebody_else_is_no_hindrance(store: World) -> None:
    former_entry(store, call("event-1"))
    mine = call("event-1", workspace_id="43")
    assert len(store.settle(mine, now=NOW + timedelta(hours=1)).settled) == 1


def test_a_replay_that_an_earlier_release_put_into_the_queue_is_charged(store: World) -> None:
    message = compact(
        {"arrived_at": "2026-11-23T12:00:00Z", "account_id": None, "rejection_id": "0" * 32, "event": CALL}
    )
    queued = decode(message, sent_at=NOW, now=NOW)
    assert isinstance(queued, QueuedEvent)
    outcome = UsageSettlement(store).settle_batch([Received("m", queued)], NOW)
    assert len(outcome.settled) == 1
    assert_books_balance(store)
