"""The API of webhook endpoints and balance alerts."""

from datetime import timedelta

import pytest

from billing.contracts.bus_events import bus_event
from billing.domain.notices import of_wallet
from billing.store.database import Database
from billing.store.webhook_endpoints import WebhookEndpoints
from tests.api_client import ACME, Client, Line, client_over
from tests.builders import ADMINISTRATOR, NOW, WIRE, micros, wallet
from tests.telling_house import House

HOOK = {"url": "https://platform.example/hooks/billing", "description": "Production"}


@pytest.fixture
def client(database: Database) -> Client:
    return client_over(database, Line())


@pytest.fixture
def endpoint_id(client: Client) -> str:
    answer = client.post("/v1/webhook-endpoints", HOOK)
    assert answer.status == 201, answer.text
    return str(answer.json["endpoint_id"])


def test_an_endpoint_is_created_with_a_secret_that_is_shown_once(client: Client, database: Database) -> None:
    created = client.post("/v1/webhook-endpoints", HOOK | {"events": ["account.paused"]})
    assert created.status == 201
    secret = created.json["secret"]
    assert secret.startswith("whsec_")
    assert WebhookEndpoints(database).secrets(created.json["endpoint_id"], NOW) == [secret]
    listed = client.get("/v1/webhook-endpoints")
    assert [each["events"] for each in listed.json["items"]] == [["account.paused"]]
    assert secret not in listed.text + client.get(f"/v1/webhook-endpoints/{created.json['endpoint_id']}").text


@pytest.mark.parametrize("url", ["http://platform.example/", "https://127.0.0.1/", "https://localhost/", "", "hook"])
def test_an_address_that_is_not_https_on_the_internet_is_refused(client: Client, url: str) -> None:
    answer = client.post("/v1/webhook-endpoints", {"url": url})
    assert (answer.status, answer.code, answer.fields) == (422, "invalid_value", ["url"])


@pytest.mark.parametrize("events", [["account.flying"], ["account.paused", "account.paused"], "account.paused", []])
def test_an_endpoint_hears_of_known_events_once_each(client: Client, endpoint_id: str, events: object) -> None:
    for answer in (
        client.post("/v1/webhook-endpoints", HOOK | {"events": events}),
        client.send("PATCH", f"/v1/webhook-endpoints/{endpoint_id}", {"events": events}),
    ):
        assert (answer.status, answer.code) == (422, "invalid_value")
        assert answer.fields[0].startswith("events")


@pytest.mark.parametrize("every", [{}, {"events": None}])
def test_an_endpoint_that_names_no_events_hears_of_all(client: Client, every: dict[str, None]) -> None:
    assert client.post("/v1/webhook-endpoints", HOOK | every).json["events"] == []


def test_endpoints_are_listed_page_by_page_although_one_is_removed_meanwhile(client: Client) -> None:
    made = [client.at(NOW + timedelta(seconds=n)).post("/v1/webhook-endpoints", HOOK) for n in range(3)]
    ids = [each.json["endpoint_id"] for each in made]
    first = client.get("/v1/webhook-endpoints?limit=2").json
    client.delete(f"/v1/webhook-endpoints/{ids[1]}")
    second = client.get(f"/v1/webhook-endpoints?limit=2&cursor={first['next_cursor']}").json
    assert [each["endpoint_id"] for each in first["items"]] == ids[:2]
    assert [each["endpoint_id"] for each in second["items"]] == ids[2:]
    assert second["next_cursor"] is None


def test_there_is_an_end_to_endpoints(client: Client) -> None:
    for _ in range(20):
        assert client.post("/v1/webhook-endpoints", HOOK).status == 201
    answer = client.post("/v1/webhook-endpoints", HOOK)
    assert (answer.status, answer.code) == (409, "too_many_webhook_endpoints")


def test_an_endpoint_is_changed_field_by_field(client: Client, endpoint_id: str) -> None:
    path = f"/v1/webhook-endpoints/{endpoint_id}"
    assert client.send("PATCH", path, {"events": ["balance.low"]}).json["events"] == ["balance.low"]
    disabled = client.send("PATCH", path, {"enabled": False}).json
    assert (disabled["enabled"], disabled["events"], disabled["description"]) == (False, ["balance.low"], "Production")
    assert client.send("PATCH", path, {"events": None}).json["events"] == []
    assert client.send("PATCH", path, {"url": "http://platform.example/"}).status == 422
    assert client.send("PATCH", path, {}).status == 422
    assert client.get(path).json["enabled"] is False


def test_rotating_shows_a_new_secret_and_keeps_the_former_one_for_a_day(
    client: Client, database: Database, endpoint_id: str
) -> None:
    (old,) = WebhookEndpoints(database).secrets(endpoint_id, NOW)
    rotated = client.post(f"/v1/webhook-endpoints/{endpoint_id}/rotate-secret")
    assert rotated.status == 200, rotated.text
    endpoints = WebhookEndpoints(database)
    assert endpoints.secrets(endpoint_id, NOW) == [rotated.json["secret"], old]
    assert endpoints.secrets(endpoint_id, NOW + timedelta(days=1)) == [rotated.json["secret"]]


def test_a_removed_endpoint_is_gone_with_its_secret(client: Client, database: Database, endpoint_id: str) -> None:
    path = f"/v1/webhook-endpoints/{endpoint_id}"
    assert client.delete(path).status == 204
    assert WebhookEndpoints(database).secrets(endpoint_id, NOW) == []
    for method, suffix, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PATCH", "", {"enabled": True}),
        ("POST", "/rotate-secret", None),
        ("GET", "/deliveries", None),
        ("POST", "/replay", {"since": "2026-11-23T00:00:00Z"}),
    ):
        answer = client.send(method, path + suffix, body)
        assert (answer.status, answer.code) == (404, "webhook_endpoint_not_found")


def test_endpoints_are_the_platforms_alone(client: Client, endpoint_id: str) -> None:
    for key in (client.with_key("billing:write"), client.with_key("admin", account_id="acme")):
        for path in ("/v1/webhook-endpoints", f"/v1/webhook-endpoints/{endpoint_id}"):
            assert key.get(path).code == "insufficient_scope"


def test_what_was_held_can_be_seen_and_replayed(client: Client, database: Database, endpoint_id: str) -> None:
    path = f"/v1/webhook-endpoints/{endpoint_id}"
    client.send("PATCH", path, {"enabled": False})
    (notice,) = of_wallet(wallet(), wallet(paused=True, version=2), NOW)
    told = bus_event(notice)
    House(database).spread(told)
    (held,) = client.get(f"{path}/deliveries").json["items"]
    assert (held["event_id"], held["type"], held["status"]) == (told.event_id, "account.paused", "held")
    replay = {"since": "2026-11-23T00:00:00Z"}
    assert client.post(f"{path}/replay", replay).code == "webhook_endpoint_disabled"
    client.send("PATCH", path, {"enabled": True})
    assert client.post(f"{path}/replay", replay).json == {"replayed": 1, "next_cursor": None}
    assert client.get(f"{path}/deliveries").json["items"][0]["status"] == "pending"


def test_balance_alerts_are_set_read_and_taken_away(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    path = "/v1/accounts/acme/balance-alerts"
    assert client.get(path).json == {"account_id": "acme", "thresholds": [], "alerted_below": None}
    customer = client.with_key("billing:read billing:write", account_id="acme")
    answer = customer.put(path, {"thresholds": ["5.00", "20.00"]})
    assert answer.status == 200, answer.text
    assert [each["amount"] for each in answer.json["thresholds"]] == ["20.000000", "5.000000"]
    assert customer.get(path).json == answer.json
    assert customer.put(path, {"thresholds": []}).json["thresholds"] == []


@pytest.mark.parametrize(
    "thresholds", [["1", "2", "3", "4", "5", "6"], ["1.00", "1"], ["-1"], [5], "5.00", ["1.0000001"]]
)
def test_thresholds_are_up_to_five_distinct_amounts(client: Client, thresholds: object) -> None:
    client.post("/v1/accounts", ACME)
    answer = client.put("/v1/accounts/acme/balance-alerts", {"thresholds": thresholds})
    assert (answer.status, answer.code) == (422, "invalid_value")


def test_another_accounts_alerts_are_not_there(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    stranger = client.with_key("billing:read billing:write", account_id="globex")
    assert stranger.get("/v1/accounts/acme/balance-alerts").code == "account_not_found"
    assert client.get("/v1/accounts/nobody/balance-alerts").code == "account_not_found"


def test_a_threshold_that_the_balance_is_below_when_it_is_set_counts_as_told(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    answer = client.put("/v1/accounts/acme/balance-alerts", {"thresholds": ["20.00"]})
    assert answer.json["alerted_below"]["amount"] == "20.000000"


def test_each_change_of_a_wallet_keeps_the_alerts(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    client.put("/v1/accounts/acme/balance-alerts", {"thresholds": ["20.00", "5.00"]})
    for amount, alerted in (("50.00", None), ("-40.00", "20"), ("-6.00", "5"), ("100.00", None)):
        body = {"amount": amount, "reason": WIRE, "by": ADMINISTRATOR}
        assert client.post("/v1/accounts/acme/adjustments", body, idempotency_key=f"key{amount}").status == 201
        seen = client.get("/v1/accounts/acme/balance-alerts").json["alerted_below"]
        assert (seen and micros(seen["amount"])) == (alerted and micros(alerted))
