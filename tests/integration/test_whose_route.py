"""Every route of the API, tried with keys that may not: read from the route table, so that a new one is tried, too."""

import secrets
from collections.abc import Mapping

import pytest

from billing.domain.api_key import SCOPES, format_key
from billing.services.api_keys import create_api_key, revoke_api_key
from billing.services.authenticate import authenticate
from billing.store.database import Database
from billing.store.store import Store
from billing.web.routing import Route
from tests.api_client import ACME, Answer, Client, Line, client_over, with_acme
from tests.builders import NOW

VALUES: Mapping[str, str] = {
    "account_id": "acme",
    "workspace_id": "42",
    "plan_id": "free",
    "transaction_id": "tx_1",
    "payment_method_id": "pm_1",
    "rejection_id": "0" * 32,
    "key_id": "0" * 16,
    "endpoint_id": "we_1",
}


@pytest.fixture
def client(database: Database) -> Client:
    client = with_acme(client_over(database, Line()))
    opened = client.post("/v1/accounts", {**ACME, "account_id": "other", "name": "另一家"})
    assert opened.status == 201
    assert client.put("/v1/workspaces/77", {"account_id": "other"}).status == 200
    return client


def guarded(client: Client) -> list[Route]:
    routes = [each for each in client.api.routes if each.spec.scope is not None]
    assert len(routes) > 30, "the route table"
    return routes


def ask(client: Client, route: Route, **values: str) -> Answer:
    path = route.spec.path.format(**{**VALUES, **values})
    body = None if route.body is None else dict(route.body.example or {})
    headers = {} if route.spec.keyed is None else {"idempotency_key": "key-1"}
    return client.send(route.spec.method, path, body, **headers)


def test_a_key_of_another_account_cannot_tell_an_account_from_one_that_is_not_there(client: Client) -> None:
    everything = " ".join(set(SCOPES) - {"admin"})
    bound, tried = client.with_key(everything, "acme"), 0
    for route in guarded(client):
        if "account_id" not in route.path_parameters:
            continue
        foreign, unknown = (ask(bound, route, account_id=each) for each in ("other", "nobody"))
        expected = (403, "insufficient_scope") if route.spec.scope == "admin" else (404, "account_not_found")
        assert (foreign.status, foreign.code) == expected, route.spec
        assert foreign.text.replace("other", "nobody") == unknown.text, route.spec
        assert foreign.headers == unknown.headers
        tried += 1
    assert tried > 20


def test_a_key_that_is_bound_to_an_account_opens_no_administrator_s_route(client: Client) -> None:
    bound = client.with_key(" ".join(SCOPES), "acme")
    for route in guarded(client):
        if route.spec.scope == "admin":
            assert ask(bound, route).code == "insufficient_scope", route.spec


def test_each_route_wants_its_scope_and_says_which(client: Client) -> None:
    for route in guarded(client):
        needed = str(route.spec.scope)
        answer = ask(client.with_key(" ".join(set(SCOPES) - {needed, "admin"})), route)
        assert (answer.status, answer.code) == (403, "insufficient_scope"), route.spec
        assert needed in answer.json["detail"]


@pytest.mark.parametrize("change", ["revoked", "secret", "id", "case", "cut", "scheme", "twice", "none"])
def test_a_key_that_is_not_one_opens_nothing(database: Database, change: str) -> None:
    store, key_id, secret = Store(database), secrets.token_hex(8), secrets.token_hex(32)
    create_api_key(store, name="مفتاح", scopes=["admin"], account_id=None, key_id=key_id, secret=secret, now=NOW)
    key = format_key(key_id, secret)
    assert authenticate(f"Bearer {key}", store) is not None
    sent = {
        "secret": f"Bearer {format_key(key_id, secrets.token_hex(32))}",
        "id": f"Bearer {format_key(secrets.token_hex(8), secret)}",
        "case": f"Bearer {key.upper()}",
        "cut": f"Bearer {key[:-1]}",
        "scheme": f"Basic {key}",
        "twice": f"Bearer {key} {key}",
        "none": "",
    }
    if change == "revoked":
        revoke_api_key(store, key_id)
    assert authenticate(sent.get(change, f"Bearer {key}"), store) is None
