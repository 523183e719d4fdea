"""Plans: what is on offer, what an account has of its own, and what neither a customer nor anybody else may take."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.plan import Plan
from billing.services.change_subscription import PaymentPending, Wanted
from billing.services.plans import find_plan, own_plans
from billing.store.database import Database
from tests.api_client import FREE, STARTER, Answer, Client, Line, client_over, with_acme
from tests.builders import NOW
from tests.paying_account import Paying
from tests.subscriber import FREE as FREE_PLAN
from tests.subscriber import PRO, Subscriber

OFFERED = {**FREE, "name": "Für alle", "description": "ہر ایک کے لیے", "offered": True}
HIDDEN = {**FREE, "name": "Nur für uns", "offered": False}


@pytest.fixture
def platform(database: Database) -> Client:
    """An administrator's. The account acme is on the plan `free`, which is not offered."""
    client = with_acme(client_over(database, Line()))
    for plan_id, plan in (("shop", OFFERED), ("secret", HIDDEN), ("retired", {**OFFERED, "archived": True})):
        assert client.put(f"/v1/plans/{plan_id}", plan).status == 200
    assert client.put("/v1/plans/free", HIDDEN).json["version"] == 2
    return client


@pytest.fixture
def customer(platform: Client) -> Client:
    """A key that is bound to acme."""
    return platform.with_key("billing:read billing:write", "acme")


def listed(client: Client, query: str = "") -> list[tuple[str, int]]:
    return [(plan["plan_id"], plan["version"]) for plan in client.get(f"/v1/plans{query}").json["items"]]


def take(client: Client, plan_id: str, **more: Any) -> Answer:
    return client.put("/v1/accounts/acme/subscription", {"plan_id": plan_id, **more})


def preview(client: Client, plan_id: str, **more: Any) -> Answer:
    return client.post("/v1/accounts/acme/subscription/preview", {"plan_id": plan_id, **more})


def test_a_plan_is_neither_offered_nor_archived_unless_it_is_said(platform: Client) -> None:
    silent = {name: value for name, value in FREE.items() if name not in {"offered", "description"}}
    put = platform.put("/v1/plans/silent", silent).json
    assert (put["offered"], put["archived"], put["description"]) == (False, False, None)
    shop = platform.get("/v1/plans/shop").json
    assert (shop["offered"], shop["archived"], shop["description"]) == (True, False, OFFERED["description"])


@pytest.mark.parametrize("field", ["offered", "archived"])
@pytest.mark.parametrize("value", ["true", 1, None])
def test_what_is_not_a_yes_or_no_is_refused_by_name(platform: Client, field: str, value: object) -> None:
    answer = platform.put("/v1/plans/shop", {**OFFERED, field: value})
    assert (answer.status, answer.fields) == (422, [field])


def test_a_customer_sees_what_is_on_offer_and_his_own_version(platform: Client, customer: Client) -> None:
    assert listed(platform) == [("free", 2), ("retired", 1), ("secret", 1), ("shop", 1)]
    assert listed(customer) == [("free", 1), ("shop", 1)]
    assert listed(platform.with_key("billing:read", "nobody")) == [("shop", 1)]


def test_where_his_own_plan_is_offered_anew_he_sees_both_versions(platform: Client, customer: Client) -> None:
    platform.put("/v1/plans/free", OFFERED)
    assert listed(customer) == [("free", 1), ("free", 3), ("shop", 1)]
    assert customer.get("/v1/plans/free").json["version"] == 3
    assert customer.get("/v1/plans/free?version=1").json["version"] == 1


def test_a_list_read_in_parts_is_the_list_and_its_cursors_name_nothing_hidden(
    platform: Client, customer: Client
) -> None:
    for number in range(3):
        platform.put(f"/v1/plans/shop-{number}", OFFERED)
        platform.put(f"/v1/plans/secret-{number}", HIDDEN)
    seen, cursor = [], ""
    while True:
        page = customer.get(f"/v1/plans?limit=1{cursor}").json
        seen += [plan["plan_id"] for plan in page["items"]]
        assert len(page["items"]) == 1
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["free", "shop", "shop-0", "shop-1", "shop-2"]


@pytest.mark.parametrize("version", ["", "?version=1", "?version=2", "?version=7"])
def test_to_a_customer_a_plan_that_is_not_for_him_is_as_one_that_is_not_there(customer: Client, version: str) -> None:
    unknown = customer.get(f"/v1/plans/absent{version}")
    assert (unknown.status, unknown.code) == (404, "plan_not_found")
    for plan_id in ("secret", "retired"):
        hidden = customer.get(f"/v1/plans/{plan_id}{version}")
        assert hidden.text.replace(plan_id, "absent") == unknown.text
        assert hidden.headers == unknown.headers


def test_an_old_version_that_was_mispriced_for_a_minute_is_not_to_be_had(platform: Client, customer: Client) -> None:
    platform.put("/v1/plans/shop", {**OFFERED, "name": "Shop, richtig"})
    for answer in (
        customer.get("/v1/plans/shop?version=1"),
        take(customer, "shop", version=1),
        preview(customer, "shop", version=1),
    ):
        assert (answer.status, answer.code) == (404, "plan_not_found")
    assert take(customer, "shop", version=2).status == 200


@pytest.mark.parametrize("ask", [take, preview])
@pytest.mark.parametrize("plan_id", ["secret", "retired"])
@pytest.mark.parametrize("version", [{}, {"version": 1}])
def test_a_customer_cannot_take_what_he_cannot_see(
    customer: Client, ask: Any, plan_id: str, version: dict[str, int]
) -> None:
    hidden, unknown = ask(customer, plan_id, **version), ask(customer, "absent", **version)
    assert (hidden.status, hidden.code) == (404, "plan_not_found")
    assert hidden.text.replace(plan_id, "absent") == unknown.text


def test_a_customer_takes_what_is_offered_and_cannot_go_back_to_what_is_not(customer: Client) -> None:
    assert preview(customer, "shop").json["plan"] == {"plan_id": "shop", "version": 1}
    assert take(customer, "shop").json["plan"] == {"plan_id": "shop", "version": 1}
    assert listed(customer) == [("shop", 1)]
    assert take(customer, "free").code == "plan_not_found"


def test_a_customer_goes_on_with_his_own_plan_whatever_became_of_it(platform: Client, customer: Client) -> None:
    platform.put("/v1/plans/free", {**HIDDEN, "archived": True})
    assert customer.delete("/v1/accounts/acme/subscription").json["cancel_at_period_end"] is True
    answer = take(customer, "free")
    assert (answer.status, answer.json["plan"]) == (200, {"plan_id": "free", "version": 1})
    assert take(customer, "free", version=1).status == 200
    assert take(customer, "free", version=2).code == "plan_not_found"


@pytest.mark.parametrize("ask", [take, preview])
@pytest.mark.parametrize("scopes", ["admin", "billing:write"])
def test_the_platform_takes_any_plan_and_version_that_is_not_archived(platform: Client, ask: Any, scopes: str) -> None:
    platform.put("/v1/plans/secret", HIDDEN)
    key = platform.with_key(scopes)
    assert ask(key, "secret", version=1).json["plan"] == {"plan_id": "secret", "version": 1}
    for version in ({}, {"version": 1}):
        answer = ask(key, "retired", **version)
        assert (answer.status, answer.code, answer.fields) == (409, "plan_archived", ["plan_id"])


def test_what_the_current_version_says_holds_for_the_earlier_ones(platform: Client, customer: Client) -> None:
    platform.put("/v1/plans/shop", {**OFFERED, "archived": True})
    assert take(platform, "shop", version=1).code == "plan_archived"
    assert listed(customer) == [("free", 1)]
    platform.put("/v1/plans/shop", OFFERED)
    assert take(platform, "shop", version=2).status == 200


def test_an_account_on_an_archived_plan_can_be_moved_between_its_versions(platform: Client) -> None:
    platform.put("/v1/plans/free", {**HIDDEN, "archived": True})
    assert take(platform, "free", version=3).json["plan"]["version"] == 3


def test_who_has_left_an_archived_plan_cannot_come_back(platform: Client) -> None:
    platform.put("/v1/plans/free", {**HIDDEN, "archived": True})
    platform.delete("/v1/accounts/acme/subscription")
    over = platform.at(NOW + timedelta(days=40))
    assert over.with_key("billing:read", "acme").get("/v1/plans/free").code == "plan_not_found"
    assert take(over, "free").code == "plan_archived"


def archive(acme: Subscriber, plan: Plan) -> None:
    acme.plans.add_version(replace(plan, archived=True), NOW)


def as_customer(plan: Plan) -> Wanted:
    return Wanted(plan.plan_id, by_customer=True)


def test_the_plan_of_the_next_renewal_is_the_account_s_own(paying: Paying) -> None:
    acme = Subscriber(paying).subscribed()
    acme.put(FREE_PLAN, NOW)
    archive(acme, FREE_PLAN)
    assert find_plan(paying.store, "free", own=own_plans(paying.store, "acme", NOW)).version == 1
    assert acme.ask(as_customer(FREE_PLAN)).plan == ("free", 1)


def test_what_waits_for_a_payment_goes_on_when_its_plan_is_archived(paying: Paying) -> None:
    acme = Subscriber(paying).subscribed()
    paying.fault("/v1/payment_intents", "timeout_after")
    acme.plans.add_version(replace(PRO, offered=True), NOW)
    with pytest.raises(PaymentPending):
        acme.ask(as_customer(PRO))
    archive(acme, PRO)
    assert find_plan(paying.store, "pro", own=own_plans(paying.store, "acme", NOW)).version == 2
    assert acme.ask(as_customer(PRO), NOW + timedelta(minutes=1)).plan == ("pro", 2)
    assert acme.charges == [3000, 6000]


def test_what_a_unit_costs_the_platform_is_shown_to_administrators_alone(platform: Client) -> None:
    platform.put("/v1/plans/shop", {**STARTER, "offered": True})

    def costs(client: Client) -> set[str | None]:
        one, many = client.get("/v1/plans/shop").json, client.get("/v1/plans").json["items"]
        return {feature["unit_cost"] for plan in (one, *many) for feature in plan["usage_features"]}

    assert costs(platform) == {"0.05", None}
    every = "billing:read billing:write usage:write calls:authorize"
    for scopes, account_id in ((every, ""), (every, "acme"), (f"{every} admin", "acme")):
        assert costs(platform.with_key(scopes, account_id)) == {None}
