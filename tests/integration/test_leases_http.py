"""PUT and DELETE /v1/workspaces/{id}/leases/{lease_id} as API Gateway hands them over."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ConnectTimeoutError

from billing.api.edge_calls import CallApi
from billing.domain.plan import RecurringFeature
from billing.store.database import Database
from tests.builders import NOW, call, micros, plan
from tests.described import description
from tests.platform_of_one import World

Respond = Callable[..., dict[str, Any]]

BODY = {"feature": "call_concurrency", "ttl_seconds": 900}


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    slots = RecurringFeature("call_concurrency", "Concurrent calls", 2, micros("8"))
    store.open_account(plan(recurring=(slots,)), paid="5")
    return store


@pytest.fixture
def respond(store: World) -> Respond:
    """Answers a request for the lease `lease_id`, or for the permission where that is None."""
    api = CallApi(store)

    def answer(
        method: str,
        lease_id: str | None,
        *,
        body: object = None,
        workspace_id: str = "42",
        bound_to: str | None = None,
        scopes: str = "calls:authorize",
        now: datetime = NOW,
    ) -> dict[str, Any]:
        path = {"workspace_id": workspace_id} | ({} if lease_id is None else {"lease_id": lease_id})
        context = {"key_id": "k", "scopes": scopes, "account_id": bound_to}
        request: dict[str, Any] = {
            "pathParameters": path,
            "requestContext": {"http": {"method": method}, "authorizer": {"lambda": context}},
        }
        if body is not None:
            request["body"] = body if isinstance(body, str) else json.dumps(body)
        response = api.respond(request, now)
        workspace = f"/v1/workspaces/{quote(workspace_id, safe='')}"
        route = "call-permission" if lease_id is None else f"leases/{quote(lease_id, safe='')}"
        status, text = response["statusCode"], response.get("body", "")
        description().check(method, f"{workspace}/{route}", status, response.get("headers", {}), text)
        return {"status": response["statusCode"], **json.loads(response.get("body", "{}"))}

    return answer


def test_a_new_lease_is_201_and_an_extended_one_200(respond: Respond) -> None:
    assert respond("PUT", "c-1", body=BODY) == {
        "status": 201,
        "expires_at": "2026-11-23T12:15:00.000Z",
        "limit": 2,
        "in_use": 1,
    }
    assert respond("PUT", "c-1", body=BODY, now=NOW + timedelta(seconds=5)) == {
        "status": 200,
        "expires_at": "2026-11-23T12:15:05.000Z",
        "limit": 2,
        "in_use": 1,
    }


def test_without_a_free_slot_the_answer_is_409_with_the_facts(respond: Respond) -> None:
    for lease_id in ("c-1", "c-2"):
        respond("PUT", lease_id, body=BODY)
    refused = respond("PUT", "c-3", body=BODY)
    assert (refused["status"], refused["code"], refused["limit"], refused["in_use"]) == (
        409,
        "concurrency_limit_reached",
        2,
        2,
    )


def test_giving_back_is_204_however_often_and_frees_the_slot(respond: Respond) -> None:
    respond("PUT", "c-1", body=BODY)
    assert [respond("DELETE", "c-1"), respond("DELETE", "c-1")] == [{"status": 204}] * 2
    assert respond("GET", None)["concurrency"] == {"limit": 2, "in_use": 0}


def test_a_call_that_may_not_start_for_another_reason_is_409_with_the_permission_s_code(
    store: World, respond: Respond
) -> None:
    store.settle(call("long", seconds="36000"))
    refused = respond("PUT", "c-1", body=BODY)
    assert (refused["status"], refused["code"], refused["detail"]) == (
        409,
        "account_paused",
        respond("GET", None)["message"],
    )


@pytest.mark.parametrize(("workspace_id", "bound_to"), [("404", None), ("42", "globex")])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_workspace_and_another_account_s_are_the_same_404(
    respond: Respond, method: str, workspace_id: str, bound_to: str | None
) -> None:
    refused = respond(method, "c-1", body=BODY, workspace_id=workspace_id, bound_to=bound_to)
    assert (refused["status"], refused["code"]) == (404, "workspace_not_found")
    assert refused["detail"] == f'there is no workspace "{workspace_id}"'


@pytest.mark.parametrize("workspace_id", ["x" * 65, "x" * 3000, "-42", "a b"])
@pytest.mark.parametrize(("method", "lease_id"), [("GET", None), ("PUT", "c-1"), ("DELETE", "c-1")])
def test_what_cannot_be_the_id_of_a_workspace_is_refused_before_the_store_is_asked(
    respond: Respond, method: str, lease_id: str | None, workspace_id: str
) -> None:
    refused = respond(method, lease_id, body=BODY, workspace_id=workspace_id)
    assert (refused["status"], refused["code"], refused["field"]) == (422, "invalid_value", "workspace_id")


def test_leases_need_a_key_that_may_authorize_calls(respond: Respond) -> None:
    assert respond("PUT", "c-1", body=BODY, scopes="usage:write billing:read")["status"] == 403


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (None, 400, None),
        ("{", 400, None),
        ([], 422, None),
        ('{"feature": "call_concurrency", "ttl_seconds": 60, "ttl_seconds": 61}', 422, None),
        ({"ttl_seconds": 900}, 422, "feature"),
        ({"feature": "call_concurrency"}, 422, "ttl_seconds"),
        ({**BODY, "limit": 5}, 422, "limit"),
        ({**BODY, "feature": "phone_number"}, 422, "feature"),
        ({**BODY, "ttl_seconds": 9}, 422, "ttl_seconds"),
        ({**BODY, "ttl_seconds": 14_401}, 422, "ttl_seconds"),
        ({**BODY, "ttl_seconds": "900"}, 422, "ttl_seconds"),
        ({**BODY, "ttl_seconds": 900.0}, 422, "ttl_seconds"),
        ({**BODY, "ttl_seconds": True}, 422, "ttl_seconds"),
        ("x" * 2000, 413, None),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused_by_the_field_at_fault(
    respond: Respond, body: object, status: int, field: str | None
) -> None:
    refused = respond("PUT", "c-1", body=body)
    assert (refused["status"], refused.get("field")) == (status, field)


@pytest.mark.parametrize("ttl_seconds", [10, 14_400])
def test_a_lease_lives_from_ten_seconds_to_four_hours(respond: Respond, ttl_seconds: int) -> None:
    assert respond("PUT", "c-1", body={**BODY, "ttl_seconds": ttl_seconds})["status"] == 201


@pytest.mark.parametrize("lease_id", ["", "two words", "é", "a/b", "x" * 129])
def test_a_lease_id_is_what_the_id_of_a_call_may_be_but_for_a_slash(respond: Respond, lease_id: str) -> None:
    assert respond("PUT", lease_id, body=BODY)["field"] == "lease_id"
    assert respond("PUT", "~" * 128, body=BODY)["status"] == 201


def test_a_store_that_does_not_answer_is_503_and_worth_another_try(store: World, respond: Respond) -> None:
    def refuse(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://dynamodb")

    store.database.client.meta.events.register("before-call.dynamodb.UpdateItem", refuse)
    assert respond("PUT", "c-1", body=BODY)["code"] == "store_unavailable"
