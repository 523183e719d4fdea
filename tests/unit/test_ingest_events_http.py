"""POST /v1/events as API Gateway hands it over."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.api.edge_events import EventsApi
from billing.api.event_requests import MAX_BODY_BYTES
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.domain.workspace import Tenure, Workspace
from billing.store.database import StoreBusy
from tests.builders import store_with
from tests.described import description

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = {"started_at": "2026-11-23T09:00:00Z", "ended_at": "2026-11-23T09:01:00Z"}


class Line:
    """A queue that takes what it has room for."""

    def __init__(self, room: int = 1000) -> None:
        self.events: list[QueuedEvent] = []
        self._room = room

    def send(self, events: Sequence[QueuedEvent]) -> Collection[int]:
        self.events += events[: self._room]
        return range(len(events))[self._room :]


class Shelf:
    def __init__(self, *, busy: bool = False) -> None:
        self.kept: list[RejectedEvent] = []
        self._busy = busy

    def keep(self, rejection: RejectedEvent) -> None:
        if self._busy:
            raise StoreBusy("throttled")
        self.kept.append(rejection)


class Owners:
    def get_many(self, workspace_ids: Collection[str]) -> Mapping[str, Workspace]:
        return {each: Workspace(each, (Tenure("acme"),)) for each in workspace_ids if each in {"42", "43"}}


def call(event_id: str = "e-1", **more: object) -> dict[str, Any]:
    data = {"call_id": "c-1", "workspace_id": "42", **TIMES, **more}
    return {"specversion": "1.0", "id": event_id, "source": "/v", "type": "call.ended", "data": data}


def request(
    body: object, content_type: str | None = "application/json", *, scopes: str = "usage:write", account_id: str = "",
    **headers: str,
) -> dict[str, Any]:  # fmt: skip
    stated = {} if content_type is None else {"content-type": content_type}
    return {
        "version": "2.0",
        "headers": {**stated, **{name.replace("_", "-"): value for name, value in headers.items()}},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "authorizer": {"lambda": {"key_id": "k-1", "scopes": scopes, "account_id": account_id}},
        },
    }


def respond(event: dict[str, Any], line: Line | None = None, shelf: Shelf | None = None) -> dict[str, Any]:
    store = store_with(rejected_events=shelf or Shelf(), workspaces=Owners())
    return EventsApi(store, line or Line(), lambda *_: None).respond(event, NOW)


def post(event: dict[str, Any], line: Line | None = None, shelf: Shelf | None = None) -> tuple[int, Any]:
    response = respond(event, line, shelf)
    description().check("POST", "/v1/events", response["statusCode"], response["headers"], response["body"])
    problem = response["statusCode"] != 202
    assert response["headers"]["content-type"] == ("application/problem+json" if problem else "application/json")
    return response["statusCode"], json.loads(response["body"])


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "application/json", "Application/CloudEvents+JSON; charset=UTF-8"],
)
def test_a_single_event_is_accepted(content_type: str) -> None:
    line = Line()
    assert post(request(call(), content_type), line) == (202, {"accepted": 1, "rejected": []})
    assert [queued.event.event_id for queued in line.events] == ["e-1"]


@pytest.mark.parametrize("content_type", ["application/cloudevents-batch+json", "application/json"])
def test_a_batch_says_which_events_were_rejected_and_why(content_type: str) -> None:
    batch = [call("a"), call("b", usage=[{"feature": "call_minutes", "quantity": 1.5}]), 7]
    status, body = post(request(batch, content_type))
    assert (status, body["accepted"]) == (202, 1)
    assert [(entry["index"], entry["id"], entry["code"]) for entry in body["rejected"]] == [
        (1, "b", "invalid_quantity"),
        (2, None, "invalid_value"),
    ]
    assert body["rejected"][0]["field"] == "data.usage[0].quantity"


def test_nan_in_one_event_of_a_batch_rejects_that_one() -> None:
    batch = [call("a"), call("b", usage=[{"feature": "call_minutes", "quantity": float("nan")}])]
    status, body = post(request(batch))
    assert (status, body["accepted"], body["rejected"][0]["code"]) == (202, 1, "invalid_quantity")


def test_a_bad_event_alone_is_answered_like_one_in_a_batch_and_kept() -> None:
    shelf = Shelf()
    status, body = post(request(call(agent="x")), shelf=shelf)
    assert (status, body["accepted"]) == (202, 0)
    assert body["rejected"] == [
        {
            "index": 0,
            "id": "e-1",
            "code": "unknown_field",
            "detail": "data.agent is not a field of this event",
            "field": "data.agent",
        }
    ]
    assert [rejection.event_id for rejection in shelf.kept] == ["e-1"]


def test_a_body_in_base64_is_the_same_body() -> None:
    encoded = request(base64.b64encode(json.dumps(call()).encode()).decode(), "application/cloudevents+json")
    assert post(encoded | {"isBase64Encoded": True})[1]["accepted"] == 1


def test_the_binary_mode_carries_the_attributes_in_headers() -> None:
    line = Line()
    attributes = {"ce_specversion": "1.0", "ce_id": "e-7", "ce_source": "/v%2F1", "ce_type": "call.ended"}
    binary = request(call()["data"], **attributes)
    assert post(binary, line)[1]["accepted"] == 1
    assert line.events[0].event.event_id == "e-7"


@pytest.mark.parametrize("body", ["", "{", '{"a":NaN', "nope", "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(body: str) -> None:
    status, problem = post(request(body))
    assert (status, problem["status"], problem["code"]) == (400, 400, "malformed_json")


@pytest.mark.parametrize("raw", [b"\xff\xfe", "not base64 \u00e9"])
def test_a_body_that_is_not_text_is_refused(raw: bytes | str) -> None:
    body = base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw
    assert post(request(body) | {"isBase64Encoded": True})[0] == 400


def test_a_request_without_a_body_is_refused() -> None:
    bodiless = request("")
    del bodiless["body"]
    assert post(bodiless)[0] == 400


def test_a_batch_has_at_most_500_events() -> None:
    batch = [call(f"e-{number}") for number in range(501)]
    assert post(request(batch[:500]))[1]["accepted"] == 500
    status, problem = post(request(batch))
    assert (status, problem["code"]) == (413, "too_many_events")


@pytest.mark.parametrize("is_base64", [True, False])
def test_a_body_beyond_the_limit_is_refused(is_base64: bool) -> None:
    text = "[" + " " * MAX_BODY_BYTES + "]"
    body = base64.b64encode(text.encode()).decode() if is_base64 else text
    status, problem = post(request(body) | {"isBase64Encoded": is_base64})
    assert (status, problem["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_other_media_types_are_refused(content_type: str | None) -> None:
    status, problem = post(request(call(), content_type))
    assert (status, problem["code"], problem["field"]) == (415, "unsupported_media_type", "content-type")


BINARY = {"ce_specversion": "1.0", "ce_id": "e-1", "ce_source": "/v", "ce_type": "call.ended"}


@pytest.mark.parametrize("content_type", [None, "", "application/json", "Application/JSON ; charset=utf-8"])
def test_ce_headers_make_the_body_the_data_also_without_a_content_type(content_type: str | None) -> None:
    line = Line()
    assert post(request(call()["data"], content_type, **BINARY), line)[1]["accepted"] == 1
    assert [(queued.event.event_id, queued.event.call_id) for queued in line.events] == [("e-1", "c-1")]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_ce_headers_make_no_other_content_type_json(content_type: str) -> None:
    status, problem = post(request(call()["data"], content_type, **BINARY))
    assert (status, problem["code"], problem["field"]) == (415, "unsupported_media_type", "content-type")


@pytest.mark.parametrize("value", ["%2Fvoice%2Feu-1", '"/voice/eu-1"', '"%2Fvoice\\/eu-1"'])
def test_a_header_is_read_percent_encoded_and_in_quotes_as_cloudevents_writes_text(value: str) -> None:
    line = Line()
    assert post(request(call()["data"], None, **{**BINARY, "ce_source": value}), line)[1]["accepted"] == 1
    assert [queued.event.source for queued in line.events] == ["/voice/eu-1"]


@pytest.mark.parametrize("scopes", ["", "billing:read usage:writer", "calls:authorize"])
def test_a_key_without_the_scope_is_refused_and_nothing_is_queued(scopes: str) -> None:
    line = Line()
    status, problem = post(request(call(), scopes=scopes), line)
    assert (status, problem["code"], line.events) == (403, "insufficient_scope", [])


def test_a_request_that_passed_no_authorizer_is_refused() -> None:
    assert post(request(call()) | {"requestContext": {}})[0] == 403


def test_a_bound_key_hears_that_a_foreign_workspace_does_not_exist() -> None:
    shelf = Shelf()
    status, body = post(request(call(workspace_id="77"), account_id="acme"), shelf=shelf)
    assert (status, body["accepted"], body["rejected"][0]["code"]) == (202, 0, "unknown_workspace")
    assert shelf.kept[0].account_id == "acme"


def test_a_queue_without_room_is_an_error_that_says_what_to_do() -> None:
    batch = [call("a"), call("b", agent="x"), call("c"), call("d")]
    response = respond(request(batch), Line(room=1))
    description().check("POST", "/v1/events", response["statusCode"], response["headers"], response["body"])
    problem = json.loads(response["body"])
    assert (response["statusCode"], problem["code"]) == (503, "queue_unavailable")
    assert response["headers"]["retry-after"] == "2"
    assert (problem["accepted"], problem["not_queued"]) == (1, [2, 3])
    assert [entry["index"] for entry in problem["rejected"]] == [1]


def test_a_rejection_that_could_not_be_kept_is_an_error_too() -> None:
    status, problem = post(request([call("a"), call("b", agent="x")]), shelf=Shelf(busy=True))
    assert (status, problem["code"]) == (503, "store_unavailable")


def test_accepted_and_refused_events_are_counted_a_request() -> None:
    counted: list[Mapping[str, int]] = []
    store = store_with(rejected_events=Shelf(), workspaces=Owners())
    api = EventsApi(store, Line(room=1), lambda counts, _: counted.append(counts))
    api.respond(request([call("a"), call("b", agent="x"), call("c")]), NOW)
    assert counted == [{"EventsAccepted": 1, "RejectedEvents": 1, "EventsNotQueued": 1}]
