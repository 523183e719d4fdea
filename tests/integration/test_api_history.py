"""The ledger and the usage records."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from billing.store.database import Database
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import ADMINISTRATOR, NOW, WIRE, call
from tests.platform_of_one import World

RECORDS = "/v1/accounts/acme/usage/records"


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def dollars(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def priced(unit: str, quantity: str, **parts: str) -> dict[str, str]:
    nothing = dict.fromkeys(("included", "overage", "pay_as_you_go"), "0")
    return {"unit": unit, "quantity": quantity, "billed": quantity, **nothing, **parts}


def pages(client: Client, path: str, separator: str) -> list[Any]:
    """All items of a list, read two at a time."""
    items, cursor = [], ""
    while True:
        page = client.get(f"{path}{separator}limit=2{cursor}").json
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


def test_a_usage_record_explains_what_a_call_cost(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call("event-1", seconds="0.2166666667", unit="minute", detections=1))
    (record,) = client.get(RECORDS).json["items"]
    (entry,) = client.get("/v1/accounts/acme/ledger").json["items"]
    assert record == {
        "record_id": entry["entry_id"],
        "event_id": "event-1",
        "call_id": "call-of-event-1",
        "workspace_id": "42",
        "workspace_name": None,
        "occurred_at": "2026-11-23T12:00:00.000Z",
        "settled_at": "2026-11-23T12:00:00.000Z",
        "plan_id": "free",
        "plan_version": 1,
        "amount": dollars("0.010000"),
        "balance_after": dollars("-0.010000"),
        "dimensions": {},
        "voided": False,
        "lines": [
            {
                "feature": "call_minutes",
                "name": "Conversation minutes",
                "unit": "second",
                "quantity": "13",
                "billed": "13",
                "included": "13",
                "overage": "0",
                "pay_as_you_go": "0",
                "priced": priced("minute", "0.216667", included="0.216667"),
                "unit_price": dollars("0.120000"),
                "amount": dollars("0.000000"),
            },
            {
                "feature": "voicemail_detection",
                "name": "Voicemail detection",
                "unit": "detection",
                "quantity": "1",
                "billed": "1",
                "included": "0",
                "overage": "0",
                "pay_as_you_go": "1",
                "priced": priced("detection", "1", pay_as_you_go="1"),
                "unit_price": dollars("0.010000"),
                "amount": dollars("0.010000"),
            },
        ],
    }


def test_a_usage_entry_of_the_ledger_says_in_words_how_it_was_paid(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call(seconds="60", detections=1))
    (entry,) = client.get("/v1/accounts/acme/ledger").json["items"]
    assert (entry["kind"], entry["cause"], entry["amount"]) == (
        "usage",
        "call:42:call-of-event-1",
        dollars("-0.010000"),
    )
    assert entry["description"] == (
        "call_minutes: 60 second, 60 included; voicemail_detection: 1 detection, 1 pay as you go"
    )


def test_the_ledger_is_read_newest_first_without_gaps(client: Client, database: Database) -> None:
    with_acme(client)
    for number in range(5):
        World(database).settle(call(f"event-{number}", detections=1), now=NOW + timedelta(seconds=number))
    entries = pages(client, "/v1/accounts/acme/ledger", "?")
    assert [entry["sequence"] for entry in entries] == [5, 4, 3, 2, 1]
    assert [entry["balance_after"]["amount"] for entry in entries][:2] == ["-0.050000", "-0.040000"]


def test_records_are_found_by_day_and_workspace(client: Client, database: Database) -> None:
    with_acme(client)
    client.put("/v1/workspaces/43", {"account_id": "acme"})
    for day in (20, 21, 22):
        for workspace_id in ("42", "43"):
            ended_at = NOW.replace(day=day)
            event = call(f"{day}-{workspace_id}", workspace_id=workspace_id, ended_at=ended_at)
            World(database).settle(event, now=ended_at)

    def found(query: str) -> list[str]:
        return sorted(record["event_id"] for record in pages(client, f"{RECORDS}?{query}", "&"))

    assert found("from=2026-11-21&to=2026-11-21") == ["21-42", "21-43"]
    assert found("from=2026-11-21&workspace_id=43") == ["21-43", "22-43"]
    assert found("to=2026-11-21T12:00:00Z") == ["20-42", "20-43"]
    assert found("workspace_id=44") == []
    assert found("workspace_id=43,44&from=2026-11-22") == ["22-43"]
    assert found("workspace_id=42&workspace_id=43&from=2026-11-22") == ["22-42", "22-43"]


def test_records_are_found_by_feature_and_by_dimension(client: Client, database: Database) -> None:
    with_acme(client)
    told = {"agent": "a-7", "حملة": 'خريف "2026"'}
    World(database).settle(
        replace(call("told", detections=1), dimensions=told, direction="inbound"),
        replace(call("other", detections=1), dimensions={"agent": "a-70"}),
        call("plain"),
    )

    def found(**query: str) -> list[str]:
        return sorted(each["event_id"] for each in client.get(f"{RECORDS}?{urlencode(query)}").json["items"])

    assert found(feature="voicemail_detection") == ["other", "told"]
    assert found(feature="call") == []
    assert found(dimension="agent=a-7") == ["told"]
    assert found(dimension='حملة=خريف "2026"') == ["told"]
    assert found(dimension="direction=inbound") == ["told"]
    assert found(dimension="agent=a") == []
    assert found(dimension="gent=a-7") == []
    (record,) = client.get(f"{RECORDS}?dimension=agent%3Da-7&feature=voicemail_detection").json["items"]
    assert record["dimensions"] == {**told, "direction": "inbound"}
    assert [line["feature"] for line in record["lines"]] == ["voicemail_detection"]
    assert record["amount"] == dollars("0.010000")


def test_a_page_that_a_filter_makes_short_says_how_far_it_has_read(client: Client, database: Database) -> None:
    with_acme(client)
    client.put("/v1/workspaces/43", {"account_id": "acme"})
    for number in range(90):
        workspace_id = "43" if number == 0 else "42"
        at = NOW + timedelta(seconds=number)
        World(database).settle(call(f"e{number}", workspace_id=workspace_id), now=at)
    first = client.get(f"{RECORDS}?workspace_id=43&limit=1").json
    assert first["items"] == []
    assert "2026-11-23T12:00:00.000Z" < first["read_to"] < "2026-11-23T12:00:20.000Z"
    second = client.get(f"{RECORDS}?workspace_id=43&limit=1&cursor={first['next_cursor']}").json
    assert [each["event_id"] for each in second["items"]] == ["e0"]
    assert (second["next_cursor"], second["read_to"]) == (None, None)


def test_the_ledger_is_read_by_when_entries_were_posted(client: Client, database: Database) -> None:
    with_acme(client)
    for day in (20, 21, 22):
        World(database).settle(call(f"e{day}", detections=1), now=NOW.replace(day=day))
    listed = client.get("/v1/accounts/acme/ledger?from=2026-11-21&to=2026-11-21").json["items"]
    assert [entry["sequence"] for entry in listed] == [2]
    refused = client.get("/v1/accounts/acme/ledger?from=2026-11-22&to=2026-11-20")
    assert (refused.status, refused.code) == (422, "invalid_value")


def test_adjustments_are_no_usage_records(client: Client) -> None:
    with_acme(client).post(
        "/v1/accounts/acme/adjustments", {"amount": "5", "reason": WIRE, "by": ADMINISTRATOR}, idempotency_key="key-1"
    )
    assert client.get(RECORDS).json == {"items": [], "next_cursor": None, "read_to": None}


def test_one_account_does_not_see_the_history_of_another(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call("event-1"), call("event-2"))
    cursor = client.get("/v1/accounts/acme/ledger?limit=1").json["next_cursor"]
    client.post("/v1/accounts", {"account_id": "other", "name": "O", "email": "o@o.example", "currency": "USD"})
    bound = client.with_key("billing:read", "other")
    assert bound.get(f"/v1/accounts/other/ledger?cursor={cursor}").json["items"] == []
