"""Accounts and keys are found by what people know of them, with no read that grows with all there are."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from billing.domain.account import Account
from billing.domain.account_search import AccountSearch
from billing.domain.api_key import ApiKey
from billing.domain.wallet import Wallet
from billing.services.accounts import change_account, find_account
from billing.services.find_accounts import find_accounts
from billing.store.all_tables import ALL_TABLES
from billing.store.api_keys import ApiKeys
from billing.store.database import Database
from billing.store.store import Store
from billing.store.wallets import WalletItem, new_wallet_put
from infra.fill_indexes import fill_indexes
from tests.api_client import ACME, FREE, Client, Line, client_over
from tests.builders import NOW, call, dunning, plan
from tests.contract.test_stored_rows import golden
from tests.platform_of_one import World

TABLES = {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES}
NAMES = {"a-1": "Acme Łódź", "a-2": "ACME Ltd", "b-1": "Bäckerei", "c-1": "中文电话", "d-1": "شركة"}


@pytest.fixture
def client(database: Database) -> Client:
    client = client_over(database, Line())
    for account_id, name in NAMES.items():
        opened = {**ACME, "account_id": account_id, "name": name, "email": f"{account_id}@Example.COM"}
        assert client.post("/v1/accounts", opened).status == 201
    return client


def found(client: Client, **query: str) -> list[str]:
    """All that a query finds, read two at a time."""
    ids: list[str] = []
    asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    cursor = ""
    while True:
        page = client.get(f"/v1/accounts?limit=2&{asked}{cursor}").json
        ids += [each["account_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


def spend(client: Client, account_id: str, amount: str) -> None:
    body = {"amount": amount, "reason": "тест", "by": "ops"}
    answer = client.post(f"/v1/accounts/{account_id}/adjustments", body, idempotency_key=f"{account_id}{amount}")
    assert answer.status == 201


def test_all_accounts_are_listed_by_their_names(client: Client) -> None:
    assert found(client) == ["a-2", "a-1", "b-1", "d-1", "c-1"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"name": "acme"}, ["a-2", "a-1"]),
        ({"name": "acme ł"}, ["a-1"]),
        ({"name": "acme "}, ["a-2", "a-1"]),
        ({"name": "backerei"}, ["b-1"]),
        ({"name": "中"}, ["c-1"]),
        ({"name": "شر"}, ["d-1"]),
        ({"name": "cme"}, []),
        ({"email": "B-1@example.com"}, ["b-1"]),
        ({"email": "b-1@example.co"}, []),
        ({"email": "b-1@example.com", "name": "Bä"}, ["b-1"]),
        ({"email": "b-1@example.com", "name": "Acme"}, []),
        ({"status": "active"}, ["a-2", "a-1", "b-1", "d-1", "c-1"]),
        ({"status": "paused"}, []),
        ({"status": "active", "name": "ac"}, ["a-2", "a-1"]),
    ],
)
def test_accounts_are_found_by_name_address_and_status(client: Client, query: dict[str, str], ids: list[str]) -> None:
    assert found(client, **query) == ids


def test_each_comes_with_its_status_and_balance(client: Client) -> None:
    spend(client, "b-1", "-0.000001")
    (item,) = client.get("/v1/accounts?status=paused").json["items"]
    assert item == {
        **client.get("/v1/accounts/b-1").json,
        "status": "paused",
        "past_due": False,
        "balance": {"amount": "-0.000001", "currency": "USD"},
    }
    assert item["balance"] == client.get("/v1/accounts/b-1/billing").json["balance"]


def test_who_stands_otherwise_is_found_by_the_new_standing(client: Client) -> None:
    for account_id in ("a-1", "b-1", "c-1"):
        spend(client, account_id, "-1")
    client.put("/v1/accounts/c-1/lock", {"reason": "封锁"})
    assert (found(client, status="paused"), found(client, status="locked")) == (["a-1", "b-1"], ["c-1"])
    assert found(client, status="paused", name="b") == ["b-1"]
    spend(client, "a-1", "2")
    client.delete("/v1/accounts/c-1/lock")
    assert (found(client, status="paused"), found(client, status="locked")) == (["b-1", "c-1"], [])
    assert found(client, status="active") == ["a-2", "a-1", "d-1"]


def test_an_account_whose_renewal_is_unpaid_is_past_due_whatever_it_is_besides(
    client: Client, database: Database
) -> None:
    client.put("/v1/plans/free", FREE)
    for account_id in ("a-1", "a-2"):
        client.put(f"/v1/accounts/{account_id}/subscription", {"plan_id": "free"})
        store = Store(database)
        wallet = store.wallets.get(account_id)
        assert wallet is not None
        unpaid = replace(wallet.require_subscription(), dunning=dunning(NOW, 1, NOW + timedelta(days=1)))
        put(database, replace(wallet, subscription=unpaid, paused=account_id == "a-2"))
    assert found(client, status="past_due") == ["a-1", "a-2"]
    assert found(client, status="paused") == ["a-2"]
    assert {each["past_due"] for each in client.get("/v1/accounts?status=past_due").json["items"]} == {True}


def put(database: Database, wallet: Wallet) -> None:
    database.delete(WalletItem, {"account_id": wallet.account_id})
    assert database.write_all([new_wallet_put(database, wallet)])


def test_a_new_name_and_address_are_found_and_the_old_ones_no_more(client: Client) -> None:
    changed = {"name": "Zebra", "email": "zebra@example.com"}
    assert client.send("PATCH", "/v1/accounts/a-1", changed).status == 200
    assert found(client, name="acme") == ["a-2"]
    assert (found(client, name="zeb"), found(client, email="zebra@example.com")) == (["a-1"], ["a-1"])
    assert found(client, email="a-1@example.com") == []
    assert client.send("PATCH", "/v1/accounts/a-1", {"language": "ar"}).status == 200
    assert found(client) == ["a-2", "b-1", "a-1", "d-1", "c-1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=due", "status"),
        ("status=", "status"),
        ("email=nobody", "email"),
        ("name=", "name"),
        ("name=%20a", "name"),
        ("name=%20", "name"),
        (f"name={'a' * 201}", "name"),
        ("name=a%0Ab", "name"),
        ("names=a", "names"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(client: Client, query: str, field: str) -> None:
    answer = client.get(f"/v1/accounts?{query}")
    assert (answer.status, answer.fields) == (422, [field])


def test_a_cursor_is_good_for_its_own_query_alone(client: Client) -> None:
    cursor = client.get("/v1/accounts?limit=1&name=acme").json["next_cursor"]
    assert client.get(f"/v1/accounts?limit=1&name=acme&cursor={cursor}").status == 200
    for other in ("", "&name=ac", "&status=paused", "&name=acme&status=active"):
        answer = client.get(f"/v1/accounts?limit=1{other}&cursor={cursor}")
        assert (answer.status, answer.fields) == (422, ["cursor"])
    for path in ("/v1/plans", "/v1/api-keys", "/v1/rejected-events", "/v1/accounts/a-1/workspaces"):
        assert client.get(f"{path}?cursor={cursor}").status == 422


def test_names_of_the_longest_kind_in_any_script_are_read_in_parts(client: Client) -> None:
    for number, letter in enumerate('語🎉"\\\ufdfa'):
        client.post("/v1/accounts", {**ACME, "account_id": f"long-{number}", "name": letter * 200})
    assert len(found(client)) == len(NAMES) + 5


def test_two_who_change_an_account_at_once_leave_it_listed_where_it_is(database: Database, client: Client) -> None:
    assert found(client, name="neu") == []
    start = threading.Barrier(4)

    def rename(number: int) -> None:
        start.wait()
        change_account(Store(database), "a-1", name=f"Neu {number}", email=None, language=None)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(rename, range(4)))
    name = find_account(Store(database), "a-1").name
    rows = [place for page in Store(database).directory.all_pages() for by, place in page if by == "name"]
    assert [at for at, account_id in rows if account_id == "a-1"] == [f"{name.lower()}\na-1"]


def test_a_call_does_not_write_the_index_of_standings(database: Database) -> None:
    """Else each call would cost a second write: what it changes is not in the index, whose keys stay."""
    world = World(database)
    world.open_account(plan(), paid="1")
    world.settle(call("e-1"), now=NOW)
    indexes = database.client.describe_table(TableName=database.table(WalletItem))["Table"]["GlobalSecondaryIndexes"]
    assert [each["Projection"] for each in indexes if each["IndexName"] == "by_standing"] == [
        {"ProjectionType": "KEYS_ONLY"}
    ]
    (row,) = database.client.scan(TableName=database.table(WalletItem))["Items"]
    assert "standing" not in row


def test_what_earlier_releases_stored_is_found_once_it_is_filled_in(client: Client, database: Database) -> None:
    """Also what one of them renamed while this one was at work already."""
    for table, row in (
        ("accounts", golden("0.2.0/accounts")),
        ("api_keys", golden("0.1.0/api_keys")),
        ("wallets", {**golden("0.2.0/wallets"), "paused": {"BOOL": True}}),
    ):
        database.client.put_item(TableName=table, Item=row)
    database.client.update_item(
        TableName="accounts",
        Key={"account_id": {"S": "a-1"}},
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": {"S": "Renamed"}},
    )
    assert found(client) == ["a-2", "b-1", "d-1", "c-1"], "nobody is shown where he is no more"
    filled = fill_indexes(database.client, TABLES)
    assert (filled.accounts, filled.stale_places, filled.wallets, filled.api_keys) == (6, 1, 1, 1)
    assert found(client) == ["a-2", "b-1", "a-1", "acme", "d-1", "c-1"]
    assert found(client, email="billing@acme.example") == ["acme"]
    assert [each["key_id"] for each in client.get("/v1/api-keys").json["items"]] == [
        golden("0.1.0/api_keys")["key_id"]["S"]
    ]
    again = fill_indexes(database.client, TABLES)
    assert (again.accounts, again.stale_places, again.wallets, again.api_keys) == (6, 0, 0, 0)


def test_a_search_that_passes_over_many_answers_a_short_page_and_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr("billing.services.find_accounts._MOST_PAGES", 1)
    spend(client, "a-1", "-1")
    first = find_accounts(Store(database), AccountSearch("paused", name="acme"), 1, None, NOW)
    assert [each.account.account_id for each in first.items] == ["a-1"]
    nobody = find_accounts(Store(database), AccountSearch("locked", name="acme"), 1, None, NOW)
    assert (nobody.items, nobody.next_cursor is not None) == ([], True)


def test_keys_are_listed_the_latest_first_in_parts(client: Client, database: Database) -> None:
    for number in range(5):
        key = ApiKey(
            f"{number:016x}", "hash", f"Schlüssel {number}", frozenset({"admin"}), None, NOW + timedelta(number)
        )
        ApiKeys(database).add(key)
    ids, cursor = [], ""
    while True:
        page = client.get(f"/v1/api-keys?limit=2{cursor}").json
        ids += [int(each["key_id"], 16) for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert ids == [4, 3, 2, 1, 0]


@pytest.mark.parametrize("query", ["", "?name=many", "?email=many-7@example.com", "?status=paused"])
def test_what_a_page_asks_of_the_database_does_not_grow_with_what_there_is(database: Database, query: str) -> None:
    client, store = client_over(database, Line()), Store(database)
    asked: list[str] = []
    database.client.meta.events.register("before-call.dynamodb.*", lambda model, **_: asked.append(model.name))
    counts = []
    for last in (10, 120):
        for number in range(0 if last == 10 else 10, last):
            account = Account(f"many-{number}", f"Many {number}", f"many-{number}@example.com", "USD", "en", NOW)
            assert store.accounts.create(account)
            put(database, Wallet(account.account_id, "USD", paused=number % 2 == 0))
        asked.clear()
        assert client.get(f"/v1/accounts{query}{'&' if query else '?'}limit=4").status == 200
        counts.append(list(asked))
    assert counts[0] == counts[1]
    assert len(counts[0]) <= 4
    assert "Scan" not in counts[0]


def test_a_row_that_cannot_be_read_hides_no_other(client: Client, database: Database) -> None:
    """Of an account, of a wallet and of a key."""
    for number in range(2):
        ApiKeys(database).add(ApiKey(f"{number:016x}", "hash", "k", frozenset({"admin"}), None, NOW))
    for table, key, broken in (
        ("accounts", {"account_id": {"S": "a-1"}}, "created_at"),
        ("wallets", {"account_id": {"S": "b-1"}}, "grants"),
        ("api_keys", {"key_id": {"S": f"{0:016x}"}}, "expires_at"),
    ):
        database.client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #broken = :broken",
            ExpressionAttributeNames={"#broken": broken},
            ExpressionAttributeValues={":broken": {"S": "kaputt"}},
        )
    assert found(client) == ["a-2", "d-1", "c-1"]
    assert [each["key_id"] for each in client.get("/v1/api-keys").json["items"]] == [f"{1:016x}"]
