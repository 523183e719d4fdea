"""The API as it is deployed: through the gateway, the authorizer and the function, within its rights."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local.deploy import Outputs
from tests.api_client import ACME, FREE
from tests.builders import cloud_event
from tests.described import description
from tests.patience import WITHIN_SECONDS, until


@pytest.fixture(scope="module")
def http(platform: Outputs) -> Iterator[httpx.Client]:
    """An administrator of the deployed product."""
    headers = {"authorization": f"Bearer {platform.admin_key}"}
    with httpx.Client(base_url=platform.api_url, headers=headers, timeout=WITHIN_SECONDS) as client:
        yield client


@pytest.fixture(scope="module")
def account_id(http: httpx.Client) -> str:
    """An account on a free plan, with the workspace `deployed-1`."""
    account_id = "deployed+acme@example"
    assert http.put("/v1/plans/deployed", json=FREE).status_code == 200
    assert http.post("/v1/accounts", json={**ACME, "account_id": account_id}).status_code == 201
    assert http.put("/v1/workspaces/deployed-1", json={"account_id": account_id}).status_code == 200
    subscription = {"plan_id": "deployed", "quantities": {"phone_number": "1"}}
    assert http.put(f"/v1/accounts/{account_id}/subscription", json=subscription).status_code == 200
    return account_id


def test_credit_by_hand_arrives_once(http: httpx.Client, account_id: str) -> None:
    wire = {"amount": "500.00", "reason": "wire 4711", "by": "ops@example.com"}
    path = f"/v1/accounts/{account_id}/adjustments"
    first, second = (http.post(path, json=wire, headers={"idempotency-key": "wire-4711"}) for _ in range(2))
    assert (first.status_code, first.json()) == (201, second.json())
    assert http.get(f"/v1/accounts/{account_id}/billing").json()["balance"]["amount"] == "500.000000"
    assert [entry["kind"] for entry in http.get(f"/v1/accounts/{account_id}/ledger").json()["items"]] == ["adjustment"]
    (row,) = http.get(f"/v1/accounts/{account_id}/transactions?kind=adjustment").json()["items"]
    assert (row["status"], row["amount"]["amount"], row["card"]) == ("Paid", "500.000000", None)


def test_every_route_for_an_account_is_within_the_functions_rights(http: httpx.Client, account_id: str) -> None:
    base = f"/v1/accounts/{account_id}"
    grant = {"amount": "10.00", "expires_at": "2999-01-31T00:00:00Z", "reason": "welcome"}
    assert http.get(base).status_code == 200
    assert http.patch(base, json={"language": "ar"}).status_code == 200
    assert http.post(f"{base}/credit-grants", json=grant, headers={"idempotency-key": "welcome"}).status_code == 201
    assert http.put(f"{base}/lock", json={"reason": "unpaid"}).json()["status"] == "locked"
    assert http.delete(f"{base}/lock").json()["status"] == "active"
    for path in ("/v1/plans", "/v1/plans/deployed?version=1", "/v1/accounts?limit=1", "/v1/rejected-events"):
        assert http.get(path).status_code == 200, path


def test_a_key_works_until_it_is_revoked(http: httpx.Client, platform: Outputs, account_id: str) -> None:
    made = http.post("/v1/api-keys", json={"name": "k", "scopes": ["billing:read"], "account_id": account_id}).json()
    path = f"{platform.api_url}/v1/accounts/{account_id}/billing"
    headers = {"authorization": f"Bearer {made['key']}"}
    with httpx.Client(headers=headers, timeout=WITHIN_SECONDS) as holder:
        assert holder.get(path).status_code == 200
        assert holder.get(f"{platform.api_url}/v1/accounts/other/billing").status_code == 404
        assert made["key_id"] in http.get("/v1/api-keys").text
        assert http.delete(f"/v1/api-keys/{made['key_id']}").status_code == 204
        assert holder.get(path).status_code in {401, 403}


def test_a_key_says_when_it_was_used_and_ends_when_it_expires(http: httpx.Client, platform: Outputs) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=WITHIN_SECONDS / 10)
    body = {"name": "kurz", "scopes": ["billing:read"], "expires_at": expires_at.isoformat()}
    made = http.post("/v1/api-keys", json=body).json()

    def asked() -> httpx.Response:
        headers = {"authorization": f"Bearer {made['key']}"}
        return httpx.get(f"{platform.api_url}/v1/plans", headers=headers, timeout=WITHIN_SECONDS)

    assert asked().status_code == 200
    (listed,) = (each for each in http.get("/v1/api-keys").json()["items"] if each["key_id"] == made["key_id"])
    assert listed["last_used_at"] is not None
    until(lambda: asked().status_code in {401, 403})


def test_no_operation_is_open_to_a_key_that_is_none(http: httpx.Client, platform: Outputs) -> None:
    """Each that the document names, at the gateway itself."""
    made = http.post("/v1/api-keys", json={"name": "weg", "scopes": ["admin"]}).json()
    assert http.delete(f"/v1/api-keys/{made['key_id']}").status_code == 204
    bad = (None, f"Bearer {made['key']}", expired(http, platform), f"Bearer {platform.admin_key}0", "Bearer")
    tried = 0
    with httpx.Client(base_url=platform.api_url, timeout=WITHIN_SECONDS) as stranger:
        for path, operations in description().document["paths"].items():
            address = re.sub(r"\{[a-z_]+\}", "1", path)
            for method, operation in operations.items():
                if not operation.get("security"):
                    continue
                for authorization in bad:
                    headers = {} if authorization is None else {"authorization": authorization}
                    refused = stranger.request(method.upper(), address, headers=headers)
                    assert refused.status_code in {401, 403}, (method, path, authorization)
                tried += 1
    assert tried > 40


def expired(http: httpx.Client, platform: Outputs) -> str:
    """The header of an administrator's key that is good no more."""
    expires_at = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    made = http.post("/v1/api-keys", json={"name": "vorbei", "scopes": ["admin"], "expires_at": expires_at}).json()
    headers = {"authorization": f"Bearer {made['key']}"}

    def is_refused() -> bool:
        asked = httpx.get(f"{platform.api_url}/v1/plans", headers=headers, timeout=WITHIN_SECONDS)
        return asked.status_code in {401, 403}

    until(is_refused)
    return headers["authorization"]


def test_a_rejected_event_is_corrected_and_charged(http: httpx.Client, account_id: str) -> None:
    ended_at = datetime.now(UTC)
    event = cloud_event("deployed-rejected", seconds="60", workspace_id="nowhere", ended_at=ended_at)
    event["data"]["usage"][0]["quantity"] = "-60"  # type: ignore[index]
    assert http.post("/v1/events", json=event).json()["accepted"] == 0
    opened = http.get("/v1/rejected-events").json()["items"]
    (rejection_id,) = (item["rejection_id"] for item in opened if item["event_id"] == "deployed-rejected")
    corrected = cloud_event("deployed-rejected", seconds="60", workspace_id="deployed-1", ended_at=ended_at)
    answer = http.post(f"/v1/rejected-events/{rejection_id}/replay", json={"event": corrected})
    assert answer.status_code == 202
    records = until(lambda: http.get(f"/v1/accounts/{account_id}/usage/records").json()["items"])
    assert [record["event_id"] for record in records] == ["deployed-rejected"]


def test_the_description_needs_no_key(platform: Outputs) -> None:
    answer = httpx.get(f"{platform.api_url}/openapi.json", timeout=WITHIN_SECONDS)
    assert (answer.status_code, answer.json()["openapi"]) == (200, "3.1.0")
    assert answer.json()["paths"] == description().document["paths"]
    (server,) = answer.json()["servers"]
    assert server["url"] == f"http://{_api_id(platform)}.execute-api.localhost:{httpx.URL(platform.api_url).port}"


def _api_id(platform: Outputs) -> str:
    return platform.api_url.split("/")[-2]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer tk_0123456789abcdef_wrong"}])
def test_without_a_good_key_nothing_else_is_answered(platform: Outputs, headers: dict[str, str]) -> None:
    for path in ("/v1/plans", "/v1/workspaces/42/call-permission"):
        refused = httpx.get(f"{platform.api_url}{path}", headers=headers, timeout=WITHIN_SECONDS)
        assert refused.status_code in {401, 403}
        description().check("GET", path, refused.status_code, refused.headers, refused.text)


def test_an_unknown_address_is_a_problem_document(http: httpx.Client) -> None:
    answer = http.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


def test_usage_is_told_in_files_and_voided_within_the_functions_rights(http: httpx.Client, account_id: str) -> None:
    base = f"/v1/accounts/{account_id}"
    event = cloud_event("deployed-usage", seconds="90", workspace_id="deployed-1")
    assert http.post("/v1/events", json=event).is_success

    def record() -> Any:
        found = http.get(f"{base}/usage/records").json()["items"]
        return next((each for each in found if each["event_id"] == "deployed-usage"), None)

    record_id = until(record)["record_id"]
    as_file = {"accept": "text/csv"}
    for path in (
        f"{base}/usage/records",
        f"{base}/usage?group_by=workspace",
        f"{base}/usage?from=2026-01-01&to=2026-12-31&interval=month",
        f"{base}/usage?workspace_id=deployed-1",
        f"{base}/ledger",
        f"{base}/transactions",
        "/v1/exports/trial-balance?month=2026-10",
        "/v1/exports/revenue?from=2026-09&to=2026-10",
        "/v1/exports/profitability?from=2026-11-01&to=2026-11-30",
    ):
        answer = http.get(path, headers=as_file)
        assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip"), path
        assert answer.text.startswith("\ufeff"), path
    void = f"{base}/usage/records/{record_id}/void"
    body = {"reason": "خطأ", "by": "ops@example.com"}
    assert http.post(void, json=body, headers={"idempotency-key": "void"}).status_code == 201
    assert record()["voided"] is True
