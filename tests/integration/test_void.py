"""Voiding a charge over the API, at once by two, and charging its call once more."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing.contracts import usage_queue
from billing.contracts.json_text import JsonValue, compact
from billing.domain.queued_event import QueuedEvent
from billing.domain.usage import UsageEvent, UsageLine
from billing.services.settle_usage import Outcome, Received, UsageSettlement
from billing.services.void_usage import void_usage
from billing.store.database import Database
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import ADMINISTRATOR, NOW, call, cloud_event, micros, received
from tests.platform_of_one import World, assert_books_balance

RECORDS = "/v1/accounts/acme/usage/records"
BODY = {"reason": "وحدة خاطئة", "by": ADMINISTRATOR}


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return with_acme(client_over(database, line))


@pytest.fixture
def store(database: Database, client: Client) -> World:
    assert client
    return World(database)


def void(client: Client, record_id: str, key: str = "key-1", **body: str) -> Any:
    return client.post(f"{RECORDS}/{record_id}/void", {**BODY, **body}, idempotency_key=key)


def only_record(client: Client) -> Any:
    (record,) = client.get(RECORDS).json["items"]
    return record


def test_a_charge_is_taken_back_and_lists_say_so(client: Client, store: World) -> None:
    store.settle(call("e1", seconds="60", detections=3))
    record = only_record(client)
    assert (record["voided"], record["amount"]["amount"]) == (False, "0.030000")
    entry = void(client, record["record_id"])
    assert entry.status == 201
    assert (entry.json["kind"], entry.json["amount"]["amount"]) == ("void", "0.030000")
    assert (entry.json["description"], entry.json["by"]) == (BODY["reason"], ADMINISTRATOR)
    after = only_record(client)
    assert (after["voided"], after["amount"]) == (True, record["amount"])
    assert {row["voided"] for row in client.get(RECORDS, accept="text/csv").rows} == {"true"}
    usage = client.get("/v1/accounts/acme/usage").json["totals"]
    assert (usage["cost"]["amount"], usage["calls"], usage["events"]) == ("0.000000", 0, 0)
    assert usage["features"]["call_minutes"]["included"] == "0"
    allowances = client.get("/v1/accounts/acme/billing").json["allowances"]
    assert {each["used"] for each in allowances} == {"0"}
    assert_books_balance(store)


def test_a_second_void_is_refused_and_the_same_request_is_answered_alike(client: Client, store: World) -> None:
    store.settle(call("e1", detections=1))
    record_id = only_record(client)["record_id"]
    first = void(client, record_id)
    assert void(client, record_id).json == first.json
    for again in (void(client, record_id, "key-2"), void(client, record_id, reason="other")):
        assert (again.status, again.code) == (409, "already_voided")
    assert store.wallet().balance_micros == 0


def test_of_two_who_void_at_once_one_does(client: Client, store: World) -> None:
    store.settle(call("e1", detections=1))
    record_id = only_record(client)["record_id"]
    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(lambda number: void(client, record_id, f"key-{number}"), range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert store.wallet().balance_micros == 0
    assert_books_balance(store)


@pytest.mark.parametrize(
    ("record_id", "status", "code"),
    [
        ("le_" + "A" * 50, 404, "usage_record_not_found"),
        ("le_MjAyNi0xMS0yM1QxMjowMDowMC4wMDBaIzAwMDAwMDAwMDA5OQ", 404, "usage_record_not_found"),
        ("le_1", 422, "invalid_value"),
        ("x" * 53, 422, "invalid_value"),
    ],
)
def test_what_is_no_usage_record_is_not_found(client: Client, record_id: str, status: int, code: str) -> None:
    refused = void(client, record_id)
    assert (refused.status, refused.code) == (status, code)


def test_another_entry_or_another_accounts_record_is_not_found(client: Client, store: World) -> None:
    adjusted = client.post(
        "/v1/accounts/acme/adjustments", {"amount": "5", "reason": "r", "by": "b"}, idempotency_key="a"
    ).json
    assert void(client, adjusted["entry_id"]).code == "usage_record_not_found"
    client.post("/v1/accounts", {"account_id": "other", "name": "O", "email": "o@o.example", "currency": "USD"})
    store.settle(call("e1", detections=1))
    record_id = only_record(client)["record_id"]
    foreign = client.post(f"/v1/accounts/other/usage/records/{record_id}/void", BODY, idempotency_key="key-1")
    assert foreign.code == "usage_record_not_found"
    assert client.with_key("billing:write").post(f"{RECORDS}/{record_id}/void", BODY, idempotency_key="k").status == 403


def told(store: World, event: UsageEvent, message_id: str = "m", *, redelivered: bool = False) -> Outcome:
    """The event as its sender's CloudEvent, settled."""
    payload = cloud_event(event.event_id, seconds=format(event.lines[0].quantity, "f"))
    queued = usage_queue.receive(JsonValue(payload, compact(payload)), now=NOW)
    assert isinstance(queued, QueuedEvent)
    return UsageSettlement(store).settle_batch([Received(message_id, queued, redelivered=redelivered)], NOW)


def seconds(event: UsageEvent, quantity: str) -> UsageEvent:
    return replace(event, lines=(UsageLine("call_minutes", Decimal(quantity), "second"),))


def test_after_a_void_the_call_is_charged_once_more_when_a_person_confirms_it(
    client: Client, store: World, line: Line
) -> None:
    wrong = call("e1", seconds="300")
    assert len(told(store, wrong).settled) == 1
    right = seconds(wrong, "270")
    assert told(store, right).rejected == 1
    (rejected,) = client.get("/v1/rejected-events").json["items"]
    assert rejected["code"] == "event_conflict"
    replay = f"/v1/rejected-events/{rejected['rejection_id']}/replay"
    assert client.post(replay, {"confirm": True}).code == "event_conflict", "it is charged, and not voided"
    record_id = only_record(client)["record_id"]
    assert void(client, record_id).status == 201
    assert told(store, right, redelivered=True).rejected == 1, "nobody has confirmed it"
    assert client.post(replay).code == "event_conflict"
    assert client.post(replay, {"confirm": True}).status == 202
    (queued,) = line.sent
    settlement = UsageSettlement(store)
    first = settlement.settle_batch([Received("replayed", queued)], NOW)
    assert (len(first.settled), first.rejected) == (1, 0)
    second = settlement.settle_batch([Received("replayed again", queued)], NOW)
    assert (second.settled, second.duplicates, second.rejected) == ([], 1, 0)
    assert told(store, right, redelivered=True).duplicates == 1, "the sender's own retry is known"
    assert told(store, wrong, redelivered=True).duplicates == 1
    causes = [entry.cause for entry in store.entries() if entry.kind == "usage"]
    assert causes == ["call:42:call-of-e1", "call:42:call-of-e1 #2"]
    (minutes,) = client.get("/v1/accounts/acme/usage").json["totals"]["features"].values()
    assert minutes["quantity"] == "4.5"
    assert_books_balance(store)


def test_the_second_charge_of_a_call_is_none_of_a_call_with_such_an_id(store: World, client: Client) -> None:
    other = replace(call("e2", seconds="30"), call_id="call-of-e1#2")
    assert replace(call("e1"), again=2).cause != other.cause
    store.settle(other)
    assert only_record(client)["call_id"] == "call-of-e1#2"


def test_a_void_that_loses_the_race_for_the_wallet_decides_again(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store.settle(call("e1", detections=1))
    (charge,) = store.entries()
    commit = store.books.commit

    def after_another_call(*about: Any, **more: Any) -> Any:
        monkeypatch.setattr(store.books, "commit", commit)
        World(store.database).settle(call("e2", detections=1))
        return commit(*about, **more)

    monkeypatch.setattr(store.books, "commit", after_another_call)
    entry = void_usage(store, "acme", charge.entry_id, reason="x", by="ops", key="k", now=NOW)
    assert entry.sequence == 3
    assert store.wallet().balance_micros == -micros("0.01")
    assert_books_balance(store)


def test_a_conflict_that_cannot_be_looked_up_holds_up_no_other_call(
    client: Client, store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(store, call("e1", seconds="300"))
    assert client.get(RECORDS).status == 200
    settlement = UsageSettlement(store)

    def broken(*_: Any) -> Any:
        raise LookupError("a plan that cannot be read")

    monkeypatch.setattr(settlement, "_after_a_void", broken)
    other = seconds(call("e1", seconds="300"), "270")
    outcome = settlement.settle_batch([received(other, "m1", redelivered=True), received(call("e2"), "m2")], NOW)
    assert (outcome.failed, len(outcome.settled)) == ({"m1"}, 1)
