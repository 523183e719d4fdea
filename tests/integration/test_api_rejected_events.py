"""Events that could not be charged: an operator sees them, corrects them, and replays them."""

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
from tests.api_client import ACME, Answer, Client, Line, client_over, with_acme
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


def sends(line: Line, event: dict[str, Any], *, account_id: str | None = None) -> None:
    """A sender tells it, or tells it again."""
    sent = receive(JsonValue(event, compact(event)), now=ARRIVED, account_id=account_id)
    assert isinstance(sent, QueuedEvent)
    line.send([sent])


def charged(database: Database) -> list[tuple[str, str]]:
    """Cause and kind of the entries of acme."""
    return [(entry.cause, entry.kind) for entry in World(database).entries()]


def of_workspace(workspace_id: str, event_id: str = "event-1") -> dict[str, Any]:
    return cloud_event(event_id, seconds="60", workspace_id=workspace_id, ended_at=ARRIVED)


def test_a_call_that_was_replayed_is_not_charged_again_as_another_call(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    assert replayed(with_acme(client), kept.rejection_id, well()).status == 202
    assert settled(database, line) == ["event-1"]
    answer = replayed(client, kept.rejection_id, well("event-2"))
    assert (answer.status, answer.code, answer.fields) == (409, "replayed_under_another_id", ["event"])
    assert replayed(client, kept.rejection_id, well()).status == 202
    assert settled(database, line) == []
    assert charged(database) == [("call:42:call-of-event-1", "usage")]


def test_a_corrected_workspace_is_charged_and_the_sender_s_own_retry_is_a_duplicate(
    client: Client, database: Database, line: Line
) -> None:
    sends(line, of_workspace("24"))
    settled(database, line)
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert replayed(with_acme(client), item["rejection_id"], of_workspace("42")).status == 202
    assert settled(database, line) == ["event-1"]
    assert charged(database) == [
        ("call:42:call-of-event-1", "usage"),
        ("call:24:call-of-event-1", "replay_marker"),
    ]
    # Meanwhile somebody makes the workspace that was sent.
    client.put("/v1/workspaces/24", {"account_id": "acme"})
    sends(line, of_workspace("24"))
    sends(line, {**of_workspace("24"), "id": "a-new-id"})
    assert (settled(database, line), open_codes(client), len(charged(database))) == ([], [], 2)


def test_other_data_under_the_identity_that_was_sent_is_kept_after_its_correction_was_charged(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, of_workspace("24"))
    replayed(with_acme(client), kept.rejection_id, of_workspace("42"))
    assert settled(database, line) == ["event-1"]
    client.put("/v1/workspaces/24", {"account_id": "acme"})
    sends(line, cloud_event("event-1", seconds="61", workspace_id="24", ended_at=ARRIVED))
    assert (settled(database, line), open_codes(client)) == ([], ["event_conflict"])


def test_two_corrections_of_one_event_charge_it_once_whichever_settles_first(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, of_workspace("24"))
    client.put("/v1/workspaces/43", {"account_id": "acme"})
    with_acme(client).put("/v1/workspaces/43", {"account_id": "acme"})
    assert replayed(client, kept.rejection_id, of_workspace("42")).status == 202
    assert replayed(client, kept.rejection_id, of_workspace("43")).status == 202
    assert settled(database, line) == ["event-1"]
    assert len(charged(database)) == 2
    again = replayed(client, kept.rejection_id, of_workspace("43"))
    assert (again.status, again.code) == (409, "replayed_under_another_id")
    assert replayed(client, kept.rejection_id, of_workspace("42")).status == 202
    assert (settled(database, line), len(charged(database))) == ([], 2)


def test_a_correction_that_names_a_wrong_workspace_once_more_can_be_corrected_again(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, of_workspace("24"))
    assert replayed(with_acme(client), kept.rejection_id, of_workspace("2")).status == 202
    assert settled(database, line) == []
    assert open_codes(client) == ["unknown_workspace"]
    assert replayed(client, kept.rejection_id, of_workspace("42")).status == 202
    assert settled(database, line) == ["event-1"]
    assert charged(database)[1] == ("call:24:call-of-event-1", "replay_marker")


@pytest.mark.parametrize("broken_part", [{"type": "call.finished"}, {"data": None}, {"data": {"workspace_id": "42"}}])
def test_an_event_that_is_known_by_nothing_is_charged_once_however_it_is_corrected(
    client: Client, database: Database, line: Line, broken_part: dict[str, Any]
) -> None:
    kept = keep(database, {**well(), **broken_part})
    assert replayed(with_acme(client), kept.rejection_id, well()).status == 202
    assert replayed(client, kept.rejection_id, well("event-2")).status == 202
    assert settled(database, line) == ["event-1"]
    assert charged(database)[1] == (f"rejected:{kept.rejection_id}", "replay_marker")
    assert replayed(client, kept.rejection_id, well("event-2")).code == "replayed_under_another_id"


def test_a_call_whose_sender_was_faster_than_the_operator_is_not_charged_again(
    client: Client, database: Database, line: Line
) -> None:
    """The workspace was made, the sender tried again; then a correction names another one."""
    kept = keep(database, of_workspace("24"))
    with_acme(client).put("/v1/workspaces/24", {"account_id": "acme"})
    sends(line, of_workspace("24"))
    assert settled(database, line) == ["event-1"]
    answer = replayed(client, kept.rejection_id, of_workspace("42"))
    assert (answer.status, answer.code, line.sent) == (409, "replayed_under_another_id", [])


def test_a_broken_call_that_its_sender_corrected_is_not_charged_again_as_another_one(
    client: Client, database: Database, line: Line
) -> None:
    kept = keep(database, broken())
    sends(line, well())
    with_acme(client)
    assert settled(database, line) == ["event-1"]
    answer = replayed(client, kept.rejection_id, well("event-2"))
    assert (answer.status, answer.code, line.sent) == (409, "event_conflict", [])


def test_two_calls_with_one_id_are_both_charged_once_an_operator_gives_one_of_them_its_own(
    client: Client, database: Database, line: Line
) -> None:
    other = cloud_event("event-1", seconds="75", ended_at=ARRIVED - timedelta(hours=1))
    with_acme(client)
    sends(line, well())
    sends(line, other)
    assert (settled(database, line), open_codes(client)) == (["event-1"], ["event_conflict"])
    (item,) = client.get("/v1/rejected-events").json["items"]
    conflicting = item["payload"]
    assert replayed(client, item["rejection_id"]).code == "event_conflict"
    conflicting["data"]["call_id"] = "of-eu-2"
    assert replayed(client, item["rejection_id"], conflicting).status == 202
    conflicting["data"]["call_id"] = "of-eu-3"
    assert replayed(client, item["rejection_id"], conflicting).status == 202
    assert settled(database, line) == ["event-1"]
    assert [cause for cause, _ in charged(database)] == [
        "call:42:call-of-event-1",
        "call:42:of-eu-2",
        f"rejected:{item['rejection_id']}",
    ]


def test_a_key_of_another_account_takes_no_identity_from_anybody(
    client: Client, database: Database, line: Line
) -> None:
    """Its event names a workspace of acme's. An operator who corrects that does not mark acme's call as charged."""
    client.post("/v1/accounts", {**ACME, "account_id": "globex", "name": "Globex"})
    with_acme(client).put("/v1/workspaces/77", {"account_id": "globex"})
    client.put("/v1/accounts/globex/subscription", {"plan_id": "free"})
    sends(line, of_workspace("42"), account_id="globex")
    assert settled(database, line) == []
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert replayed(client, item["rejection_id"], of_workspace("77")).status == 202
    assert settled(database, line) == ["event-1"]
    causes = [entry.cause for entry in World(database).entries("globex")]
    assert causes == ["call:77:call-of-event-1", f"rejected:{item['rejection_id']}"]
    sends(line, of_workspace("42"))
    assert (settled(database, line), charged(database)) == (["event-1"], [("call:42:call-of-event-1", "usage")])


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


@pytest.mark.parametrize(
    ("body", "field"), [({"event": []}, "event"), ({"events": {}}, "events"), ({"confirm": "yes"}, "confirm")]
)
def test_a_correction_is_an_event(client: Client, database: Database, body: object, field: str) -> None:
    kept = keep(database, well())
    answer = client.post(f"/v1/rejected-events/{kept.rejection_id}/replay", body)
    assert (answer.status, answer.fields[0]) == (422, field)


def test_a_call_that_is_longer_than_it_lasted_is_charged_once_a_person_confirms_it(
    client: Client, database: Database, line: Line
) -> None:
    event = well()
    event["data"]["usage"][0]["quantity"] = "60000"
    with_acme(client)
    sends(line, event)
    assert (settled(database, line), open_codes(client)) == ([], ["longer_than_the_call"])
    (item,) = client.get("/v1/rejected-events").json["items"]
    assert client.post(f"/v1/rejected-events/{item['rejection_id']}/replay", {"confirm": True}).status == 202
    assert (settled(database, line), open_codes(client)) == (["event-1"], [])
    sends(line, event)
    assert (settled(database, line), open_codes(client)) == ([], [])
