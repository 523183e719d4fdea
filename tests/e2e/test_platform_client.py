"""A call platform, plugged in with the client of events/, against the deployed product."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from events.platform_client import BillingService, Refused, Usage, run_call
from infra.local.deploy import Outputs
from infra.paths import EVENTS
from tests.patience import WITHIN_SECONDS, until

PLAN = {
    "name": "Two lines",
    "currency": "USD",
    "kind": "fixed",
    "base_price": "0.00",
    "usage_features": [
        {
            "key": "call_minutes",
            "name": "Conversation minutes",
            "metered_unit": "second",
            "priced_unit": "minute",
            "metered_per_priced": "60",
            "included": "0",
            "unit_price": "0.12",
        }
    ],
    "recurring_features": [
        {"key": "call_concurrency", "name": "Calls at once", "included": "2", "unit_price": "8.00", "maximum": "2"}
    ],
}


@pytest.fixture
def business(api: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A workspace of an account of the test's own, with a balance of 1.00 and two slots; both have the same id."""
    business_id = f"b{abs(hash(request.node.name)) % 10**12}"
    account = {"account_id": business_id, "name": "B", "email": "billing@b.example", "currency": "USD"}
    credit = {"amount": "1.00", "reason": "wire", "by": "ops@example.com"}
    steps = [
        api.put("/v1/plans/two-lines", json=PLAN),
        api.post("/v1/accounts", json=account),
        api.put(f"/v1/accounts/{business_id}/subscription", json={"plan_id": "two-lines"}),
        api.put(f"/v1/workspaces/{business_id}", json={"account_id": business_id}),
        api.post(
            f"/v1/accounts/{business_id}/adjustments", json=credit, headers={"idempotency-key": f"wire-{business_id}"}
        ),
    ]
    for step in steps:
        assert step.is_success, step.text
    return business_id


@pytest.fixture
def key(api: httpx.Client) -> str:
    """What a platform needs and no more."""
    made = api.post("/v1/api-keys", json={"name": "platform", "scopes": ["calls:authorize", "usage:write"]})
    key: str = made.json()["key"]
    return key


@pytest.fixture
def billing(platform: Outputs, key: str) -> BillingService:
    return BillingService(platform.api_url, key)


def permission(api: httpx.Client, business: str) -> Any:
    return api.get(f"/v1/workspaces/{business}/call-permission").json()


def test_a_call_runs_from_permission_to_charge_and_leaves_its_slot_free(
    api: httpx.Client, billing: BillingService, business: str
) -> None:
    in_use: list[int] = []

    def talk() -> list[Usage]:
        in_use.append(permission(api, business)["concurrency"]["in_use"])
        return [Usage("call_minutes", Decimal("52.5") / 60, "minute")]

    run_call(billing, business, "sip:1+2@eu%20?#", talk)
    assert in_use == [1]
    assert permission(api, business)["concurrency"] == {"limit": 2, "in_use": 0}
    until(lambda: permission(api, business)["balance"]["amount"] == "0.895000")


def test_the_third_call_at_once_is_refused_until_one_gives_its_slot_back(
    billing: BillingService, business: str
) -> None:
    first = billing.increase_concurrency(business, "c-1")
    assert billing.check_concurrency(business)
    billing.increase_concurrency(business, "c-2")
    assert not billing.check_concurrency(business)
    with pytest.raises(Refused) as refused:
        billing.increase_concurrency(business, "c-3")
    assert (refused.value.status, refused.value.code) == (409, "concurrency_limit_reached")
    assert billing.increase_concurrency(business, "c-1") >= first
    billing.decrease_concurrency(business, "c-2")
    billing.decrease_concurrency(business, "c-2")
    billing.increase_concurrency(business, "c-3")


def test_the_event_that_ends_a_call_gives_its_slot_back(
    api: httpx.Client, billing: BillingService, business: str
) -> None:
    billing.increase_concurrency(business, "c-1")
    ended_at = datetime.now(UTC)
    for _ in range(2):
        billing.process_usage(
            business, [], "call", "c-1", started_at=ended_at - timedelta(seconds=60), ended_at=ended_at
        )
    until(lambda: permission(api, business)["concurrency"]["in_use"] == 0)
    assert permission(api, business)["balance"]["amount"] == "0.880000"


def test_a_business_that_owes_starts_no_call_and_hears_why(
    api: httpx.Client, billing: BillingService, business: str
) -> None:
    at = datetime.now(UTC)
    usage = [Usage("call_minutes", Decimal(100), "minute")]
    billing.process_usage(business, usage, "import", "march", started_at=at - timedelta(minutes=100), ended_at=at)
    until(lambda: permission(api, business)["code"] == "account_paused")
    for ask in (billing.validate_call_permission, lambda of: billing.increase_concurrency(of, "c-1")):
        with pytest.raises(Refused, match="balance is negative") as refused:
            ask(business)
        assert refused.value.code == "account_paused"


def test_the_example_runs_as_its_first_lines_say(api: httpx.Client, platform: Outputs, key: str, business: str) -> None:
    command = [sys.executable, str(EVENTS / "platform_client.py"), platform.api_url, key, business]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    until(lambda: permission(api, business)["balance"]["amount"] == "0.895000")
