"""Every route of the API, tried with keys that may not: read from the route table, so that a new one is tried, too."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from billing.api.documents_api import documents_api
from billing.api.edge_operations import EDGE_OPERATIONS
from billing.domain.api_key import SCOPES, format_key
from billing.domain.instants import format_instant
from billing.services.api_keys import create_api_key, revoke_api_key
from billing.services.authenticate import authenticate, keep_use
from billing.store.database import Database
from billing.store.store import Store
from billing.web.operations import Operation
from billing.web.routing import Route
from tests.api_client import ACME, Answer, Client, with_acme
from tests.builders import NOW, cloud_event, store_with
from tests.gateway import Gateway, gateway_over

VALUES: Mapping[str, str] = {
    "account_id": "acme",
    "workspace_id": "42",
    "plan_id": "free",
    "transaction_id": "tx_1",
    "payment_method_id": "pm_1",
    "rejection_id": "0" * 32,
    "key_id": "0" * 16,
    "endpoint_id": "we_1",
    "seller_id": "default",
    "number": "TT-CN-2026-000001",
    "month": "2026-11",
    "session_id": "ps_" + "0" * 24,
    "record_id": "le_" + "0" * 50,
}


@pytest.fixture
def client(database: Database) -> Client:
    client = with_acme(gateway_over(database))
    opened = client.post("/v1/accounts", {**ACME, "account_id": "other", "name": "另一家"})
    assert opened.status == 201
    assert client.put("/v1/workspaces/77", {"account_id": "other"}).status == 200
    return client


def guarded(client: Client) -> list[Route]:
    files = documents_api(store_with(), lambda _: b"").routes
    routes = [each for each in [*client.api.routes, *files] if each.spec.scope is not None]
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


def asked_at_the_edge(gateway: Gateway, operation: Operation, **values: str) -> Answer:
    """An operation of the hot functions, about an account or a workspace."""
    ids = {"account_id": "acme", "workspace_id": "42", "lease_id": "c-1", **values}
    body: object = {"feature": "call_concurrency", "ttl_seconds": 900} if operation.method == "PUT" else None
    if operation.path == "/v1/events":
        body = cloud_event("e-1", seconds="60", workspace_id=ids["workspace_id"], ended_at=NOW)
    return gateway.send(operation.method, operation.path.format(**ids), body)


KEYED_AT_THE_EDGE = [each for each in EDGE_OPERATIONS if each.scope is not None]


@pytest.mark.parametrize("operation", KEYED_AT_THE_EDGE, ids=lambda each: each.operation_id)
def test_a_key_of_another_account_cannot_tell_at_the_edge_what_is_there(
    client: Client, database: Database, operation: Operation
) -> None:
    assert client.account_id == ""
    everything = " ".join(set(SCOPES) - {"admin"})
    bound = replace(gateway_over(database), scopes=everything, account_id="acme")
    foreign = asked_at_the_edge(bound, operation, account_id="other", workspace_id="77")
    unknown = asked_at_the_edge(bound, operation, account_id="nobody", workspace_id="78")
    assert foreign.status == unknown.status
    assert foreign.text.replace("77", "78").replace("other", "nobody") == unknown.text
    assert foreign.headers == unknown.headers
    own = asked_at_the_edge(bound, operation)
    assert own.text != unknown.text or own.status != unknown.status


@pytest.mark.parametrize("operation", KEYED_AT_THE_EDGE, ids=lambda each: each.operation_id)
def test_each_operation_at_the_edge_wants_its_scope_and_says_which(database: Database, operation: Operation) -> None:
    others = " ".join(set(SCOPES) - {operation.scope or "", "admin"})
    answer = asked_at_the_edge(replace(gateway_over(database), scopes=others), operation)
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert str(operation.scope) in answer.json["detail"]


def test_what_another_account_has_is_under_one_s_own_as_what_nobody_has(client: Client) -> None:
    """Its transactions, at each route that names one."""
    adjusted = {"amount": "5.00", "reason": "汇款", "by": "ops"}
    assert client.post("/v1/accounts/other/adjustments", adjusted, idempotency_key="key-1").status == 201
    (row,) = client.get("/v1/accounts/other/transactions").json["items"]
    bound, tried = client.with_key(" ".join(set(SCOPES) - {"admin"}), "acme"), 0
    for route in guarded(client):
        if "transaction_id" in route.path_parameters:
            for key in (client, bound):
                foreign = ask(key, route, transaction_id=row["transaction_id"])
                unknown = ask(key, route, transaction_id=f"tx_{'0' * 24}")
                assert foreign.text.replace(row["transaction_id"], f"tx_{'0' * 24}") == unknown.text, route.spec
                assert foreign.status in {403, 404}
                tried += 1
    assert tried > 1


@pytest.mark.parametrize("change", ["expired", "revoked", "secret", "id", "case", "cut", "scheme", "twice", "none"])
def test_a_key_that_is_not_one_opens_nothing(database: Database, change: str) -> None:
    store, good = Store(database), made_key(database, expires_at=NOW + timedelta(hours=1))
    key = good.removeprefix("Bearer ")
    _, key_id, secret = key.split("_")
    assert authenticate(good, store, NOW) is not None
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
    then = NOW + timedelta(hours=1) if change == "expired" else NOW
    assert authenticate(sent.get(change, f"Bearer {key}"), store, then) is None


def test_a_key_opens_until_the_last_millisecond_before_it_expires(database: Database) -> None:
    store, key = Store(database), made_key(database, expires_at=NOW + timedelta(hours=1))
    assert authenticate(key, store, NOW + timedelta(hours=1, milliseconds=-1)) is not None
    assert authenticate(key, store, NOW + timedelta(hours=1)) is None


def test_a_key_that_would_have_expired_is_not_made(client: Client) -> None:
    body = {"name": "k", "scopes": ["admin"]}
    for moment in ("2026-11-23T12:00:00Z", "2020-01-01T00:00:00Z", "tomorrow", 5):
        answer = client.post("/v1/api-keys", {**body, "expires_at": moment})
        assert (answer.status, answer.fields) == (422, ["expires_at"])
    made = client.post("/v1/api-keys", {**body, "expires_at": "2026-11-23T13:00:01+01:00"}).json
    assert (made["expires_at"], made["last_used_at"]) == ("2026-11-23T12:00:01.000Z", None)


def use(database: Database, key: str, now: datetime) -> None:
    found = authenticate(key, Store(database), now)
    assert found is not None
    keep_use(found, Store(database), now)


def last_use(client: Client) -> object:
    (listed,) = client.get("/v1/api-keys").json["items"]
    return listed["last_used_at"]


def test_a_use_is_kept_every_quarter_of_an_hour(client: Client, database: Database) -> None:
    key = made_key(database)
    for minutes, kept in ((0, 0), (14, 0), (15, 15), (29, 15), (31, 31), (10, 31)):
        use(database, key, NOW + timedelta(minutes=minutes))
        assert last_use(client) == format_instant(NOW + timedelta(minutes=kept))


def test_a_key_that_is_revoked_while_its_use_is_kept_stays_revoked(client: Client, database: Database) -> None:
    found = authenticate(made_key(database), Store(database), NOW)
    assert found is not None
    revoke_api_key(Store(database), found.key_id)
    keep_use(found, Store(database), NOW)
    assert client.get("/v1/api-keys").json["items"] == []


@pytest.mark.parametrize("error", ["ThrottlingException", "AccessDeniedException", "InternalServerError"])
def test_who_holds_a_good_key_gets_in_though_its_use_cannot_be_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    key, store = made_key(database), Store(database)

    def fail(**_: object) -> None:
        raise ClientError({"Error": {"Code": error, "Message": "nein"}}, "UpdateItem")

    monkeypatch.setattr(database.client, "update_item", fail)
    found = authenticate(key, store, NOW)
    assert found is not None
    keep_use(found, store, NOW)
    assert "not kept" in caplog.text


def made_key(database: Database, expires_at: datetime | None = None) -> str:
    """The header of a new key."""
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    create_api_key(
        Store(database),
        name="κλειδί",
        scopes=["admin"],
        account_id=None,
        key_id=key_id,
        secret=secret,
        now=NOW,
        expires_at=expires_at,
    )
    return f"Bearer {format_key(key_id, secret)}"
