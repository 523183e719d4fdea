"""Plans, who has which, and the billing overview."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.store.database import Database
from tests.api_client import ACME, FREE, STARTER, Client, Line, client_over, with_acme
from tests.builders import NOW, call, plan_name
from tests.platform_of_one import World


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def put_subscription(client: Client, plan_id: str, quantities: dict[str, str] | None = None) -> Any:
    return client.put("/v1/accounts/acme/subscription", {"plan_id": plan_id, "quantities": quantities or {}})


def test_each_put_makes_a_version_and_old_ones_stay(client: Client) -> None:
    first = client.put("/v1/plans/starter", STARTER)
    second = client.put("/v1/plans/starter", {**STARTER, "name": "Starter 2"})
    assert (first.json["version"], second.json["version"]) == (1, 2)
    assert client.get("/v1/plans/starter").json == second.json
    assert client.get("/v1/plans/starter?version=1").json == first.json
    assert [plan["version"] for plan in client.get("/v1/plans").json["items"]] == [2]


@pytest.mark.parametrize("path", ["/v1/plans/nothing", "/v1/plans/nothing?version=1", "/v1/plans/starter?version=2"])
def test_a_plan_or_version_that_does_not_exist_is_a_404(client: Client, path: str) -> None:
    client.put("/v1/plans/starter", STARTER)
    assert (client.get(path).status, client.get(path).code) == (404, "plan_not_found")


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "one", ""])
def test_versions_count_from_one(client: Client, version: str) -> None:
    client.put("/v1/plans/starter", STARTER)
    answer = client.get(f"/v1/plans/starter?version={version}")
    assert (answer.status, answer.fields) == (422, ["version"])


def test_a_new_account_has_no_plan(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    nothing = {"amount": "0.000000", "currency": "USD"}
    assert client.get("/v1/accounts/acme/billing").json == {
        "account_id": "acme",
        "status": "active",
        "balance": nothing,
        "paid_credit": nothing,
        "promotional_credit": nothing,
        "plan": None,
        "subscription": None,
        "allowances": [],
        "auto_refill": {
            "enabled": False,
            "threshold": None,
            "amount": None,
            "monthly_limit": None,
            "status": "off",
            "suspended_reason": None,
            "message": None,
            "charged_this_month": None,
            "next_attempt_at": None,
            "last_attempt_at": None,
            "last_failure": None,
        },
        "default_payment_method": None,
    }


def test_a_free_plan_is_assigned_at_once_and_renews_in_a_month(client: Client) -> None:
    answer = put_subscription(with_acme(client), "free")
    assert (answer.status, answer.json) == (
        200,
        {
            "as_of": "2026-11-23T12:00:00.000Z",
            "plan": {"plan_id": "free", "version": 1},
            "due_now": {"amount": "0.000000", "currency": "USD"},
            "lines": [],
            "included": [
                {"feature": "call_minutes", "now": "500", "after": "500"},
                {"feature": "voicemail_detection", "now": "0", "after": "0"},
            ],
            "next_renewal": {
                "at": "2026-12-23T12:00:00.000Z",
                "amount": {"amount": "0.000000", "currency": "USD"},
            },
        },
    )
    overview = client.get("/v1/accounts/acme/billing").json
    assert overview["plan"] == {"plan_id": "free", "version": 1, "name": plan_name("free")}
    assert overview["subscription"] == {
        "status": "active",
        "current_period_start": "2026-11-23T12:00:00.000Z",
        "current_period_end": "2026-12-23T12:00:00.000Z",
        "cancel_at_period_end": False,
        "quantities": {"phone_number": "1", "call_concurrency": "5"},
        "scheduled": None,
        "next_payment_attempt_at": None,
    }


def test_the_same_subscription_once_more_changes_nothing(client: Client, database: Database) -> None:
    with_acme(client)
    before = World(database).wallet()
    put_subscription(client.at(NOW + timedelta(days=3)), "free", {"phone_number": "1"})
    assert World(database).wallet() == before


def test_a_plan_that_costs_money_needs_a_card(client: Client) -> None:
    client.put("/v1/plans/starter", STARTER)
    answer = put_subscription(with_acme(client), "starter")
    assert (answer.status, answer.code) == (402, "card_required")
    assert client.get("/v1/accounts/acme/billing").json["plan"]["plan_id"] == "free"


def test_an_extra_number_costs_money_and_needs_a_card_but_the_included_one_does_not(client: Client) -> None:
    with_acme(client)
    assert put_subscription(client, "free", {"phone_number": "1"}).status == 200
    assert put_subscription(client, "free", {"phone_number": "2"}).status == 402


@pytest.mark.parametrize(
    ("quantities", "field"),
    [
        ({"call_concurrency": "51"}, "quantities.call_concurrency"),
        ({"fax": "1"}, "quantities.fax"),
        ({"phone_number": "1.5"}, "quantities.phone_number"),
        ({"phone_number": 1}, "quantities.phone_number"),
        ({"phone_number": "-1"}, "quantities.phone_number"),
        ([], "quantities"),
    ],
)
def test_quantities_the_plan_does_not_have_are_refused(client: Client, quantities: Any, field: str) -> None:
    answer = with_acme(client).put("/v1/accounts/acme/subscription", {"plan_id": "free", "quantities": quantities})
    assert (answer.status, answer.fields) == (422, [field])


def test_a_plan_of_another_currency_is_refused(client: Client) -> None:
    client.put("/v1/plans/euro", {**FREE, "currency": "EUR"})
    answer = put_subscription(with_acme(client), "euro")
    assert (answer.status, answer.code, answer.fields) == (409, "currency_mismatch", ["plan_id"])


def test_a_plan_that_does_not_exist_is_refused_by_name(client: Client) -> None:
    answer = put_subscription(with_acme(client), "nothing")
    assert (answer.status, answer.code, answer.fields) == (404, "plan_not_found", ["plan_id"])


def test_an_account_keeps_the_version_it_has_until_it_is_moved_by_name(client: Client) -> None:
    with_acme(client)
    client.put("/v1/plans/free", {**FREE, "name": "Free 2"})
    put_subscription(client, "free")
    assert client.get("/v1/accounts/acme/billing").json["plan"]["version"] == 1
    moved = client.put("/v1/accounts/acme/subscription", {"plan_id": "free", "version": 2})
    assert moved.status == 200
    assert client.get("/v1/accounts/acme/billing").json["plan"] == {"plan_id": "free", "version": 2, "name": "Free 2"}


def test_another_plan_is_pinned_in_its_version_of_that_moment(client: Client) -> None:
    with_acme(client)
    for name in ("Other", "Other 2"):
        client.put("/v1/plans/other", {**FREE, "name": name})
    put_subscription(client, "other")
    assert client.get("/v1/accounts/acme/billing").json["plan"] == {"plan_id": "other", "version": 2, "name": "Other 2"}


def test_what_was_used_counts_against_the_allowance_of_the_next_plan(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call(seconds="60"))
    client.put(
        "/v1/plans/more", {**FREE, "name": "More", "usage_features": [{**FREE["usage_features"][0], "included": "600"}]}
    )
    put_subscription(client, "more")
    (calls,) = client.get("/v1/accounts/acme/billing").json["allowances"]
    assert (calls["included"], calls["used"], calls["remaining"]) == ("600", "1", "599")


def test_allowances_count_priced_units_exact_to_six_places(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call(seconds="13", detections=2))
    assert client.get("/v1/accounts/acme/billing").json["allowances"] == [
        {
            "feature": "call_minutes",
            "unit": "minute",
            "included": "500",
            "used": "0.216667",
            "remaining": "499.783333",
        },
        {"feature": "voicemail_detection", "unit": "detection", "included": "0", "used": "2", "remaining": "0"},
    ]


def test_an_allowance_is_whole_again_after_a_free_renewal(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(call(seconds="600"))
    renewed = client.at(datetime(2026, 12, 23, 12, 0, tzinfo=UTC)).get("/v1/accounts/acme/billing").json
    assert renewed["subscription"]["current_period_start"] == "2026-12-23T12:00:00.000Z"
    assert renewed["allowances"][0]["remaining"] == "500"


def test_credit_that_has_expired_is_not_shown(client: Client) -> None:
    with_acme(client).post(
        "/v1/accounts/acme/credit-grants",
        {"amount": "10.00", "expires_at": "2026-12-01T00:00:00Z", "reason": "welcome"},
        idempotency_key="welcome",
    )
    assert client.get("/v1/accounts/acme/billing").json["promotional_credit"]["amount"] == "10.000000"
    later = client.at(datetime(2026, 12, 1, tzinfo=UTC)).get("/v1/accounts/acme/billing").json
    assert later["promotional_credit"]["amount"] == "0.000000"
