"""Accounts, workspaces, locks and API keys."""

from dataclasses import replace

import pytest

from billing.domain.api_key import ApiKey, parse_key
from billing.services.authenticate import authenticate
from billing.store.api_keys import ApiKeys
from billing.store.database import Database
from billing.store.store import Store
from billing.store.workspaces import Workspaces
from tests.api_client import ACME, Client, Line, client_over, with_acme
from tests.builders import ADMINISTRATOR, NOW, WIRE


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def test_an_account_is_opened_under_the_id_the_caller_chose(client: Client) -> None:
    answer = client.post("/v1/accounts", ACME)
    assert (answer.status, answer.json) == (
        201,
        {**ACME, "language": "en", "seller_id": "default", "created_at": "2026-11-23T12:00:00.000Z"},
    )
    assert client.get("/v1/accounts/acme").json == answer.json
    stands = {"status": "active", "past_due": False, "balance": {"amount": "0.000000", "currency": "USD"}}
    assert client.get("/v1/accounts").json == {"items": [{**answer.json, **stands}], "next_cursor": None}


def test_an_account_without_an_id_is_given_one(client: Client) -> None:
    body = {name: value for name, value in ACME.items() if name != "account_id"}
    first, second = (client.post("/v1/accounts", body).json["account_id"] for _ in range(2))
    assert first != second
    assert client.get(f"/v1/accounts/{first}").status == 200


def test_opening_the_same_account_again_answers_the_one_that_exists(client: Client) -> None:
    first = client.post("/v1/accounts", ACME)
    with_acme(client).post(
        "/v1/accounts/acme/adjustments", {"amount": "5", "reason": WIRE, "by": ADMINISTRATOR}, idempotency_key="key-1"
    )
    again = client.post("/v1/accounts", ACME)
    assert (again.status, again.json) == (201, first.json)
    assert client.get("/v1/accounts/acme/billing").json["balance"]["amount"] == "5.000000"


def test_an_id_that_is_taken_by_another_account_is_refused(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    answer = client.post("/v1/accounts", {**ACME, "name": "Acme Inc"})
    assert (answer.status, answer.code, answer.fields) == (409, "account_exists", ["account_id"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_id", ".acme"),
        ("account_id", "a" * 65),
        ("account_id", 7),
        ("currency", "usd"),
        ("currency", "XXX"),
        ("email", "acme"),
        ("email", "a@b"),
        ("email", "a b@acme.example"),
        ("email", "a@acme.example\n"),
        ("email", f"a@{'b' * 250}.example"),
        ("language", "fr"),
        ("name", ""),
        ("balance", "5.00"),
    ],
)
def test_an_account_with_a_broken_field_is_not_opened(client: Client, field: str, value: object) -> None:
    answer = client.post("/v1/accounts", {**ACME, field: value})
    assert (answer.status, answer.fields) == (422, [field])
    assert client.get("/v1/accounts").json["items"] == []


def test_a_change_leaves_alone_what_it_does_not_name(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    answer = client.send("PATCH", "/v1/accounts/acme", {"language": "ar"})
    assert answer.json == {**ACME, "language": "ar", "seller_id": "default", "created_at": "2026-11-23T12:00:00.000Z"}


def test_the_currency_of_an_account_stays(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    answer = client.send("PATCH", "/v1/accounts/acme", {"currency": "EUR"})
    assert (answer.status, answer.fields) == (422, ["currency"])


def test_a_change_of_nothing_is_refused(client: Client) -> None:
    client.post("/v1/accounts", ACME)
    assert client.send("PATCH", "/v1/accounts/acme", {}).status == 422
    assert client.send("PATCH", "/v1/accounts/acme", {"name": None}).status == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "Nobody"}),
        ("GET", "/billing", None),
        ("GET", "/ledger", None),
        ("GET", "/usage/records", None),
        ("PUT", "/lock", {"reason": "unpaid"}),
        ("DELETE", "/lock", None),
        ("POST", "/adjustments", {"amount": "1", "reason": WIRE, "by": ADMINISTRATOR}),
        ("POST", "/credit-grants", {"amount": "1", "reason": "hi", "expires_at": "2027-01-31T00:00:00Z"}),
        ("PUT", "/subscription", {"plan_id": "free"}),
    ],
)
def test_an_account_that_does_not_exist_is_a_404(client: Client, method: str, path: str, body: object) -> None:
    answer = with_acme(client).send(method, f"/v1/accounts/nobody{path}", body, idempotency_key="key-1")
    assert (answer.status, answer.code) == (404, "account_not_found")


def test_a_workspace_of_no_account_is_refused(client: Client, database: Database) -> None:
    answer = client.put("/v1/workspaces/42", {"account_id": "nobody"})
    assert (answer.status, answer.code, answer.fields) == (404, "account_not_found", ["account_id"])
    assert Workspaces(database).get("42") is None


def test_a_lock_is_put_on_and_taken_off_as_often_as_one_likes(client: Client) -> None:
    with_acme(client)
    locked = {"account_id": "acme", "status": "locked", "lock_reason": "unpaid"}
    unlocked = {"account_id": "acme", "status": "active", "lock_reason": None}
    for _ in range(2):
        assert client.put("/v1/accounts/acme/lock", {"reason": "unpaid"}).json == locked
    other = client.put("/v1/accounts/acme/lock", {"reason": "chargebacks"})
    assert other.json["lock_reason"] == "chargebacks"
    assert client.get("/v1/accounts/acme/billing").json["status"] == "locked"
    for _ in range(2):
        assert client.delete("/v1/accounts/acme/lock").json == unlocked


def test_unlocking_does_not_resume_an_account_with_a_negative_balance(client: Client) -> None:
    with_acme(client).post(
        "/v1/accounts/acme/adjustments", {"amount": "-1", "reason": "correction", "by": "ops"}, idempotency_key="key-1"
    )
    client.put("/v1/accounts/acme/lock", {"reason": "unpaid"})
    assert client.delete("/v1/accounts/acme/lock").json["status"] == "paused"


def test_a_key_is_shown_once_and_kept_as_a_hash(client: Client, database: Database) -> None:
    made = client.post("/v1/api-keys", {"name": "ingest", "scopes": ["usage:write"]})
    assert made.status == 201
    parsed = parse_key(made.json["key"])
    assert parsed is not None
    key_id, secret = parsed
    kept = ApiKeys(database).get(key_id)
    assert kept is not None
    assert kept.is_opened_by(secret)
    (listed,) = client.get("/v1/api-keys").json["items"]
    assert listed == {name: value for name, value in made.json.items() if name != "key"}
    assert secret not in client.get("/v1/api-keys").text


def test_a_key_opens_with_its_own_secret_only(client: Client, database: Database) -> None:
    key = client.post("/v1/api-keys", {"name": "ingest", "scopes": ["usage:write"]}).json["key"]
    other = client.post("/v1/api-keys", {"name": "other", "scopes": ["admin"]}).json["key"]
    store = Store(database)
    opened = authenticate(f"Bearer {key}", store, NOW)
    assert opened is not None
    assert opened.scopes == {"usage:write"}
    id_of_the_other, secret_of_the_first = other.split("_")[1], key.split("_")[2]
    for forged in (f"tk_{id_of_the_other}_{secret_of_the_first}", f"tk_{id_of_the_other}_{'0' * 64}", key[:-1], ""):
        assert authenticate(f"Bearer {forged}", store, NOW) is None
    assert authenticate(f"Basic {key}", store, NOW) is None


def test_a_revoked_key_is_gone(client: Client) -> None:
    key_id = client.post("/v1/api-keys", {"name": "ingest", "scopes": ["usage:write"]}).json["key_id"]
    assert client.delete(f"/v1/api-keys/{key_id}").status == 204
    assert client.get("/v1/api-keys").json["items"] == []
    assert client.delete(f"/v1/api-keys/{key_id}").code == "api_key_not_found"


def test_a_key_cannot_be_bound_to_an_account_that_does_not_exist(client: Client) -> None:
    answer = client.post("/v1/api-keys", {"name": "k", "scopes": ["billing:read"], "account_id": "nobody"})
    assert (answer.status, answer.code, answer.fields) == (404, "account_not_found", ["account_id"])


@pytest.mark.parametrize("scopes", [[], ["root"], ["admin", "admin"], "admin", None])
def test_a_key_has_scopes_that_exist(client: Client, scopes: object) -> None:
    answer = client.post("/v1/api-keys", {"name": "k", "scopes": scopes})
    assert (answer.status, answer.json["field"].partition("[")[0]) == (422, "scopes")


def test_a_key_that_is_bound_to_an_account_cannot_be_an_administrator_s(client: Client) -> None:
    with_acme(client)
    body = {"name": "k", "scopes": ["billing:read", "admin"], "account_id": "acme"}
    answer = client.post("/v1/api-keys", body)
    assert (answer.status, answer.code, answer.fields) == (422, "invalid_value", ["account_id"])


def test_a_bound_key_that_an_earlier_release_made_an_administrator_s_keeps_what_that_implied() -> None:
    former = ApiKey("0" * 16, "hash", "مفتاح", frozenset({"admin"}), "acme", NOW)
    assert former.granted == {"usage:write", "calls:authorize", "billing:read", "billing:write"}
    assert replace(former, account_id=None).granted == {"admin"}
