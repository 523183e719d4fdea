"""From a committed change to the bus and on: nothing is lost, and nobody is told twice."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module, reload
from typing import Any

import boto3
import pytest

from billing.contracts.bus_events import BusEvent, bus_event, read_bus_event
from billing.domain.account import Account
from billing.domain.declines import Failure
from billing.domain.notices import of_wallet
from billing.domain.rejection import reject
from billing.domain.transaction import Transaction, fail
from billing.runtime.event_bus import EventBus
from billing.services.lock_account import lock_account
from billing.services.relay_changes import RELAYED_TABLES
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from billing.store.transactions import Transactions
from infra.local.emulator import REGION, Emulator
from tests.builders import CUSTOMER, NOW, micros, wallet
from tests.telling_house import House
from tests.webhook_receiver import Receiver, running_receiver

Relay = Callable[[list[dict[str, Any]]], dict[str, Any]]


class Surroundings:
    """A bus with a queue behind it, and the queue for what cannot be read, in an AWS account of the test's own."""

    def __init__(self, emulator: Emulator, account: str) -> None:
        aws = boto3.Session(aws_access_key_id=account, aws_secret_access_key="unused", region_name=REGION)
        self._sqs = aws.client("sqs", endpoint_url=emulator.url)
        events = aws.client("events", endpoint_url=emulator.url)
        self.told = self._sqs.create_queue(QueueName="told")["QueueUrl"]
        self.unreadable = self._sqs.create_queue(QueueName="unreadable")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.told, AttributeNames=["QueueArn"])["Attributes"]
        events.create_event_bus(Name="bus")
        events.put_rule(Name="all", EventBusName="bus", EventPattern=json.dumps({"source": ["talktime"]}))
        events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "1", "Arn": attributes["QueueArn"]}])

    def messages(self, queue_url: str) -> list[str]:
        found: list[str] = []
        while batch := self._sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            found += [message["Body"] for message in batch]
        return found

    def events(self) -> list[BusEvent]:
        return [read_bus_event(body) for body in self.messages(self.told)]


@pytest.fixture
def surroundings(emulator: Emulator, account: str) -> Surroundings:
    return Surroundings(emulator, account)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def relay(surroundings: Surroundings, emulator: Emulator, account: str, monkeypatch: pytest.MonkeyPatch) -> Relay:
    """The deployed handler, over stream records."""
    environment = {
        **emulator.environment(account),
        "EVENT_BUS_NAME": "bus",
        "UNREADABLE_CHANGES_QUEUE_URL": surroundings.unreadable,
        **{f"{name.upper()}_TABLE": name for name in RELAYED_TABLES},
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module = reload(import_module("functions.relay_changes.handler"))
    return lambda records: module.handler({"Records": records}, None)


def raw_wallet(database: Database) -> dict[str, Any]:
    item: dict[str, Any] = database.client.get_item(TableName="wallets", Key={"account_id": {"S": "acme"}})["Item"]
    return item


def record(table: str, before: Any, after: Any, number: int = 1) -> dict[str, Any]:
    """A stream record as Lambda delivers it."""
    images = {"OldImage": before, "NewImage": after}
    return {
        "eventID": f"record-{number}",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/2026-11-23T00:00:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": NOW.timestamp(),
            "SequenceNumber": f"{number:021d}",
            **{name: image for name, image in images.items() if image is not None},
        },
    }


def rejection(database: Database, payload: str, code: str, at: datetime) -> dict[str, Any]:
    """The stream record of an event that is kept as rejected, as the store wrote its rows."""
    rejected = reject(payload, code, "it cannot be charged", rejected_at=at, arrived_at=at)
    key = {"rejection_id": {"S": rejected.rejection_id}}

    def row() -> Any:
        return database.client.get_item(TableName="rejected_events", Key=key, ConsistentRead=True).get("Item")

    before = row()
    RejectedEvents(database).keep(rejected)
    return record("rejected_events", before, row())


@pytest.fixture
def locked(database: Database) -> dict[str, Any]:
    """The stream record of an account's lock, as the store wrote its rows."""
    Accounts(database).create(Account("acme", CUSTOMER, "billing@acme.example", "USD", "en", NOW))
    before = raw_wallet(database)
    lock_account(Store(database), "acme", "under review")
    return record("wallets", before, raw_wallet(database))


def test_a_change_is_told_on_the_bus(relay: Relay, surroundings: Surroundings, locked: dict[str, Any]) -> None:
    assert relay([locked]) == {"batchItemFailures": []}
    (event,) = surroundings.events()
    assert (event.type, event.account_id) == ("account.locked", "acme")


def test_a_stream_record_that_comes_again_tells_nobody_again(
    relay: Relay, surroundings: Surroundings, locked: dict[str, Any], database: Database
) -> None:
    house = House(database)
    house.add_endpoint("https://platform.example/")
    for _ in range(3):
        relay([locked])
    events = surroundings.events()
    assert len(events) == 3
    assert len({event.event_id for event in events}) == 1
    made = [house.spread(event) for event in events]
    assert [len(deliveries) for deliveries in made] == [2, 0, 0]


def test_what_several_changes_of_a_batch_say_is_put_on_the_bus_once(
    relay: Relay, surroundings: Surroundings, locked: dict[str, Any]
) -> None:
    assert relay([locked, locked, locked]) == {"batchItemFailures": []}
    assert len(surroundings.events()) == 1


def test_two_hundred_broken_events_of_an_hour_are_one_webhook_a_reason_and_the_next_hour_is_told_again(
    relay: Relay, surroundings: Surroundings, database: Database, receiver: Receiver
) -> None:
    house = House(database)
    house.add_endpoint(receiver.url)

    def tell(records: list[dict[str, Any]]) -> list[str]:
        """The reasons that the endpoint has heard so far, after the records came in batches."""
        for start in range(0, len(records), 50):
            relay(records[start : start + 50])
        for event in surroundings.events():
            house.spread(event)
        house.work_off()
        return [json.loads(body)["data"]["code"] for _, _, body in receiver.received]

    def broken(at: datetime, numbers: range) -> list[dict[str, Any]]:
        codes = ("unknown_workspace", "unknown_feature")
        return [rejection(database, f"{n} at {at}", codes[n % 2], at + timedelta(seconds=n)) for n in numbers]

    the_hour = NOW.replace(minute=0)
    assert sorted(tell(broken(the_hour, range(200)))) == ["unknown_feature", "unknown_workspace"]
    assert len(tell(broken(the_hour + timedelta(hours=1), range(3)))) == 4
    newest = RejectedEvents(database).page("open", 100, None)
    older = RejectedEvents(database).page("open", 100, newest.next_cursor)
    oldest = RejectedEvents(database).page("open", 100, older.next_cursor)
    assert [len(page.items) for page in (newest, older, oldest)] == [100, 100, 3], "each is listed"


def test_a_replay_that_is_rejected_again_is_told_again_in_another_hour_and_listed_in_any(
    relay: Relay, surroundings: Surroundings, database: Database
) -> None:
    def rejected_at(at: datetime) -> list[str]:
        relay([rejection(database, "broken", "unknown_workspace", at)])
        ids = [event.event_id for event in surroundings.events()]
        (listed,) = RejectedEvents(database).page("open", 100, None).items
        RejectedEvents(database).mark_replayed(listed, "broken")
        return ids

    the_hour = NOW.replace(minute=0)
    (first,), (soon,), (later,) = (rejected_at(the_hour + timedelta(minutes=minutes)) for minutes in (0, 59, 60))
    assert soon == first != later


def test_a_row_that_nobody_can_read_is_kept_whole_and_holds_up_nothing(
    relay: Relay, surroundings: Surroundings, locked: dict[str, Any]
) -> None:
    broken = record("wallets", {"account_id": {"S": "odd"}}, {"account_id": {"S": "odd"}}, number=2)
    assert relay([broken, locked]) == {"batchItemFailures": []}
    assert [event.type for event in surroundings.events()] == ["account.locked"]
    (kept,) = surroundings.messages(surroundings.unreadable)
    assert json.loads(kept) == {"Records": [broken]}


def test_a_row_that_is_deleted_is_no_news(relay: Relay, surroundings: Surroundings, locked: dict[str, Any]) -> None:
    relay([record("wallets", locked["dynamodb"]["NewImage"], None)])
    assert surroundings.events() == []


def test_while_the_bus_is_out_of_reach_the_stream_keeps_what_is_not_told(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, locked: dict[str, Any]
) -> None:
    module = import_module("functions.relay_changes.handler")
    monkeypatch.setattr(module, "_bus", bus_over(FailingEvents(failures=100)))
    assert relay([locked]) == {"batchItemFailures": [{"itemIdentifier": locked["dynamodb"]["SequenceNumber"]}]}


def charge(database: Database, number: int, why: Failure | None = None) -> dict[str, Any]:
    """The stream record of a saved card's charge that was answered: paid, or failed for a reason."""
    transactions = Transactions(database)
    asked = Transaction(f"tx_{number}", "acme", "auto_refill", "Processing", micros("100"), "USD", NOW, None)

    def row() -> Any:
        key = {"transaction_id": {"S": asked.transaction_id}}
        return database.client.get_item(TableName="transactions", Key=key, ConsistentRead=True)["Item"]

    transactions.create(asked)
    before = row()
    assert transactions.move(asked, replace(asked, status="Paid") if why is None else fail(asked, why))
    return record("transactions", before, row(), number)


def declines(output: str) -> list[int]:
    return [value for line in output.splitlines() for value in json.loads(line).get("CardDeclined", [])]


def test_each_charge_of_a_card_is_measured_as_declined_or_not(
    relay: Relay, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = (None, Failure("insufficient_funds"), Failure("canceled"), None)
    relay([charge(database, number, why) for number, why in enumerate(answers)])
    assert declines(capsys.readouterr().out) == [0, 1, 0]


def test_what_comes_again_because_the_bus_was_out_of_reach_is_measured_when_it_is_told(
    relay: Relay, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = (Failure("insufficient_funds"), None, Failure("lost_card"))
    records = [charge(database, number, why) for number, why in enumerate(answers)]
    module = import_module("functions.relay_changes.handler")
    answered = module._bus
    monkeypatch.setattr(module, "_bus", bus_over(FailingEvents(failures=100, only=1)))
    assert relay(records) == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}
    monkeypatch.setattr(module, "_bus", answered)
    relay(records[1:])
    assert declines(capsys.readouterr().out) == [1, 0, 1]


class FailingEvents:
    """EventBridge where it throttles the entries at even positions of a request, or one entry only, so many times."""

    def __init__(self, failures: int, *, only: int | None = None) -> None:
        self._failures = failures
        self._only = only
        self.requests: list[list[str]] = []

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803  (EventBridge's own name)
        self.requests.append([json.loads(entry["Detail"])["id"] for entry in Entries])
        failing = self._failures > 0
        self._failures -= 1
        return {
            "Entries": [
                {"ErrorCode": "ThrottlingException"} if failing and self._throttles(position) else {"EventId": "1"}
                for position, _ in enumerate(Entries)
            ]
        }

    def _throttles(self, position: int) -> bool:
        """The one entry is by its position in the first request."""
        if self._only is None:
            return position % 2 == 0
        return self.requests[-1][position] == self.requests[0][self._only]


def bus_over(client: Any) -> EventBus:
    return EventBus(client, "bus", wait=lambda _: None)


def events(count: int) -> list[BusEvent]:
    return [bus_event(of_wallet(wallet(version=n), wallet(version=n + 1, paused=True), NOW)[0]) for n in range(count)]


def test_only_the_events_that_failed_are_put_again() -> None:
    client = FailingEvents(failures=1)
    told = events(4)
    assert bus_over(client).put(told) == set()
    ids = [event.event_id for event in told]
    assert client.requests == [ids, [ids[0], ids[2]]]


def test_a_request_holds_ten_events() -> None:
    client = FailingEvents(failures=0)
    assert bus_over(client).put(events(23)) == set()
    assert [len(request) for request in client.requests] == [10, 10, 3]


def test_what_fails_on_and_on_is_reported_after_a_bounded_number_of_attempts() -> None:
    client = FailingEvents(failures=100)
    assert bus_over(client).put(events(3)) == {0}
    assert len(client.requests) == 4
