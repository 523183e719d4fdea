"""Events that could not be charged: an operator sees them, corrects them, and replays them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.contracts.json_text import JsonValue, compact
from billing.contracts.usage_queue import receive
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent, reject, reject_queued
from billing.services.settle_usage import Received, UsageSettlement
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from tests.api_client import Answer, Client, Line, client_over, with_acme
from tests.builders import NOW, cloud_event
from tests.platform_of_one import World

ARRIVED = NOW - timedelta(days=1)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def keep(database: Database, event: object, *, account_id: str | None = None) -> RejectedEvent:
    """Keep what is wrong with an event that arrived a day ago."""
    judged = receive(JsonValue(event, compact(event)), now=ARRIVED, account_id=account_id)
    if isinstance(judged, QueuedEvent):
        judged = reject_queued(judged, "unknown_workspace", "there is no such workspace", rejected_at=ARRIVED)
    RejectedEvents(database).keep(judged)
    return judged


def well(event_id: str = "event-1") -> dict[str, Any]:
    return cloud_event(event_id, seconds="60", ended_at=ARRIVED)


def broken() -> dict[str, Any]:
    event = well()
    event["data"]["usage"][0]["quantity"] = "-60"
    return event


def open_codes(client: Client) -> list[str]:
    return [item["code"] for item in client.get("/v1/rejected-events").json["items"]]


def test_a_rejected_event_is_shown_whole_with_its_reason(client: Client, database: Database) -> None:
    kept = keep(database, broken())
    assert client.get("/v1/rejected-events").json == {
        "items": [
            {
                "rejection_id": kept.rejection_id,
                "event_id": "event-1",
                "status": "open",
                "code": "invalid_quantity",
                "detail": "data.usage[0].quantity must not be negative",
                "field": "data.usage[0].quantity",
                "account_id": None,
                "replay_event_id": None,
                "payload": broken(),
                "rejected_at": "2026-11-22T12:00:00.000Z",
                "arrived_at": "2026-11-22T12:00:00.000Z",
            }
        ],
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    "payload", ["not json", '{"id": 1, "id": 2}', '{"quantity": NaN}', "[" * 500 + "]" * 500, '"' + "a" * 40_000 + '"']
)
def test_a_payload_that_cannot_be_shown_as_json_is_shown_as_text(
    client: Client, database: Database, payload: str
) -> None:
    RejectedEvents(database).keep(reject(payload, "malformed_json", "is broken", rejected_at=NOW, arrived_at=NOW))
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert item["payload"] == payload[:4000]


def test_the_list_is_newest_first_page_by_page(client: Client, database: Database) -> None:
    for minute in range(3):
        moment = NOW + timedelta(minutes=minute)
        RejectedEvents(database).keep(reject(f'"{minute}"', "x", "x", rejected_at=moment, arrived_at=moment))
    first = client.get("/v1/rejected-events?limit=2").json
    second = client.get(f"/v1/rejected-events?limit=2&cursor={first['next_cursor']}").json
    assert [item["payload"] for item in first["items"] + second["items"]] == ["2", "1", "0"]


def test_a_replayed_event_goes_to_the_queue_as_of_its_first_arrival(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, well(), account_id="acme")
    answer = client.post(f"/v1/rejected-events/{kept.rejection_id}/replay")
    assert (answer.status, answer.json) == (
        202,
        {"rejection_id": kept.rejection_id, "event_id": "event-1", "status": "replayed"},
    )
    (queued,) = line.sent
    assert (queued.event.arrived_at, queued.account_id) == (ARRIVED, "acme")
    assert open_codes(client) == []
    (item,) = client.get("/v1/rejected-events?status=replayed").json["items"]
    assert item["rejection_id"] == kept.rejection_id


def test_a_corrected_event_is_charged_in_place_of_the_broken_one(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    answer = with_acme(client).post(f"/v1/rejected-events/{kept.rejection_id}/replay", {"event": well()})
    assert answer.status == 202
    assert [queued.event.arrived_at for queued in line.sent] == [ARRIVED]
    outcome = UsageSettlement(Store(database)).settle_batch([Received("m", queued) for queued in line.sent], NOW)
    assert [usage.event_id for usage in outcome.settled] == ["event-1"]
    assert [entry.kind for entry in World(database).entries()] == ["usage"]


def test_a_correction_keeps_the_account_its_sender_was_bound_to(client: Client, database: Database, line: Line) -> None:
    kept = keep(database, broken(), account_id="other")
    with_acme(client).post(f"/v1/rejected-events/{kept.rejection_id}/replay", {"event": well()})
    outcome = UsageSettlement(Store(database)).settle_batch([Received("m", queued) for queued in line.sent], NOW)
    assert (list(outcome.settled), open_codes(client)) == ([], ["unknown_workspace"])


def replayed(client: Client, rejection_id: str, event: object = None) -> Answer:
    return client.post(f"/v1/rejected-events/{rejection_id}/replay", None if event is None else {"event": event})


def settled(database: Database, line: Line) -> list[str]:
    """Settle what is queued, and empty the queue. Returns the ids of the events that were charged."""
    batch = [Received(f"message-{number}", queued) for number, queued in enumerate(line.sent)]
    line.sent.clear()
    return [usage.event_id for usage in UsageSettlement(Store(database)).settle_batch(batch, NOW).settled]


def test_an_event_that_was_replayed_is_not_charged_again_under_another_id(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    assert replayed(with_acme(client), kept.rejection_id, well()).status == 202
    assert settled(database, line) == ["event-1"]
    answer = replayed(client, kept.rejection_id, well("event-2"))
    assert (answer.status, answer.code, answer.json["field"]) == (409, "replayed_under_another_id", "event.id")
    assert line.sent == []
    assert replayed(client, kept.rejection_id, well()).status == 202
    assert (settled(database, line), len(World(database).entries())) == ([], 1)


def test_an_event_without_an_id_that_can_be_read_is_charged_under_the_one_it_was_given_first(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, {**well(), "id": ""})
    line.closed = True
    assert replayed(client, kept.rejection_id, well("given-1")).status == 503
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert (item["event_id"], item["replay_event_id"]) == (None, "given-1")
    line.closed = False
    assert replayed(client, kept.rejection_id, well("given-2")).code == "replayed_under_another_id"
    assert replayed(with_acme(client), kept.rejection_id, well("given-1")).status == 202
    assert settled(database, line) == ["given-1"]


def test_a_correction_that_is_rejected_again_opens_the_same_rejection_which_keeps_its_id(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, {**broken(), "id": ""})
    assert replayed(client, kept.rejection_id, well("other")).status == 202
    assert settled(database, line) == []  # there is no such workspace yet
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert (item["rejection_id"], item["code"]) == (kept.rejection_id, "unknown_workspace")
    assert (item["event_id"], item["replay_event_id"], item["payload"]) == ("other", "other", well("other"))
    assert replayed(client, kept.rejection_id, well()).code == "replayed_under_another_id"
    assert replayed(with_acme(client), kept.rejection_id).status == 202
    assert settled(database, line) == ["other"]


def test_a_broken_event_that_is_sent_again_after_its_correction_was_charged_is_not_charged_again(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    replayed(with_acme(client), kept.rejection_id, well())
    assert settled(database, line) == ["event-1"]
    RejectedEvents(database).keep(replace(kept, rejected_at=NOW))
    assert open_codes(client) == ["invalid_quantity"]
    assert replayed(client, kept.rejection_id, well("event-2")).code == "replayed_under_another_id"
    assert replayed(client, kept.rejection_id, well()).status == 202
    assert (settled(database, line), open_codes(client)) == ([], [])


def test_an_event_that_its_sender_may_send_again_is_not_charged_under_another_id(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    answer = replayed(with_acme(client), kept.rejection_id, {**well(), "id": "event-2"})
    assert (answer.status, answer.code, line.sent) == (409, "replayed_under_another_id", [])
    sent = receive(JsonValue(well(), compact(well())), now=ARRIVED)
    assert isinstance(sent, QueuedEvent)
    line.send([sent])
    assert settled(database, line) == ["event-1"]  # the sender was faster than the operator
    assert replayed(client, kept.rejection_id, {**well(), "id": "event-2"}).code == "replayed_under_another_id"
    assert replayed(client, kept.rejection_id, well()).status == 202
    assert (settled(database, line), len(World(database).entries())) == ([], 1)


def test_of_two_events_with_one_id_that_were_replayed_together_each_can_be_charged(
    client: Client, database: Database, line: Line
) -> None:
    first, second = keep(database, broken()), keep(database, {**broken(), "source": "/voice/eu-2"})
    another_call = cloud_event("event-1", seconds="75", ended_at=ARRIVED)
    replayed(with_acme(client), first.rejection_id, well())
    replayed(client, second.rejection_id, another_call)
    assert settled(database, line) == ["event-1"]
    assert open_codes(client) == ["event_conflict"]
    assert replayed(client, first.rejection_id, well("event-2")).code == "replayed_under_another_id"
    assert replayed(client, second.rejection_id, {**another_call, "id": "event-2"}).status == 202
    assert replayed(client, second.rejection_id, {**another_call, "id": "event-3"}).code == "replayed_under_another_id"
    assert (settled(database, line), open_codes(client)) == (["event-2"], [])


def test_an_id_that_was_charged_with_other_content_is_refused_and_another_one_can_be_given(
    client: Client, database: Database, line: Line
) -> None:
    first, second = keep(database, broken()), keep(database, {**broken(), "source": "/voice/eu-2"})
    replayed(with_acme(client), first.rejection_id, well())
    assert settled(database, line) == ["event-1"]
    another_call = cloud_event("event-1", seconds="75", ended_at=ARRIVED)
    answer = replayed(client, second.rejection_id, another_call)
    assert (answer.status, answer.code, line.sent) == (409, "event_conflict", [])
    assert replayed(client, second.rejection_id, {**another_call, "id": "event-2"}).status == 202
    assert settled(database, line) == ["event-2"]


def test_an_event_that_is_still_broken_stays_open(client: Client, database: Database, line: Line) -> None:
    kept = keep(database, broken())
    for body in (None, {"event": broken()}):
        answer = client.post(f"/v1/rejected-events/{kept.rejection_id}/replay", body)
        assert (answer.status, answer.code) == (422, "event_rejected")
        assert answer.fields == ["event.data.usage[0].quantity"]
    assert (line.sent, open_codes(client)) == ([], ["invalid_quantity"])


def test_an_event_that_cannot_be_queued_stays_open(client: Client, database: Database, line: Line) -> None:
    kept = keep(database, well())
    line.closed = True
    answer = client.post(f"/v1/rejected-events/{kept.rejection_id}/replay")
    assert (answer.status, answer.code) == (503, "queue_unavailable")
    assert open_codes(client) == ["unknown_workspace"]


def test_a_rejection_that_does_not_exist_is_a_404(client: Client) -> None:
    answer = client.post(f"/v1/rejected-events/{'0' * 32}/replay")
    assert (answer.status, answer.code) == (404, "rejected_event_not_found")


@pytest.mark.parametrize(("body", "field"), [({}, "event"), ({"event": []}, "event"), ({"events": {}}, "event")])
def test_a_correction_is_an_event(client: Client, database: Database, body: object, field: str) -> None:
    kept = keep(database, well())
    answer = client.post(f"/v1/rejected-events/{kept.rejection_id}/replay", body)
    assert (answer.status, answer.fields[0]) == (422, field)
