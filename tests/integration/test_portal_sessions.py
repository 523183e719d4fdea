"""Portal sessions over HTTP: a platform lets its customer in, sees who is in, and shows them out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.domain.api_key import hash_secret
from billing.domain.portal_session import LIFE, TICKET_LIFE
from billing.services.portal_sessions import enter, find_visit
from billing.store.database import Database
from billing.store.store import Store
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import NOW

SECRET = "s" * 43
SESSIONS = "/v1/accounts/acme/portal-sessions"


@pytest.fixture
def client(database: Database) -> Client:
    return with_acme(client_over(database, Line()))


@dataclass
class Opened:
    """A session that was asked for, and the ticket of its address."""

    session_id: str
    ticket: str = field(repr=False)


def opened(client: Client, path: str = SESSIONS, **body: object) -> Opened:
    answer = client.post(path, body or None)
    assert answer.status == 201, answer.text
    assert answer.json["expires_at"] == "2026-11-23T13:00:00.000Z"
    (ticket,) = parse_qs(urlsplit(answer.json["url"]).query)["t"]
    return Opened(answer.json["session_id"], ticket)


def test_an_address_opens_the_one_account_once_and_for_an_hour(client: Client, database: Database) -> None:
    store, session = Store(database), opened(client)
    visit = enter(store, session.ticket, SECRET, NOW)
    assert visit is not None
    assert (visit.account_id, visit.role, visit.read_only) == ("acme", "customer", False)
    assert enter(store, session.ticket, "x" * 43, NOW) is None
    cookie = f"{session.session_id}.{SECRET}"
    found = find_visit(store, cookie)
    assert found is not None
    assert not found.is_over(NOW + LIFE - timedelta(seconds=1))
    assert found.is_over(NOW + LIFE)
    assert find_visit(store, f"{session.session_id}.{'y' * 43}") is None


def test_an_address_opens_nothing_after_five_minutes(client: Client, database: Database) -> None:
    store, session = Store(database), opened(client)
    assert enter(store, session.ticket, SECRET, NOW + TICKET_LIFE) is None
    assert enter(store, session.ticket, SECRET, NOW + TICKET_LIFE - timedelta(seconds=1)) is not None


@pytest.mark.parametrize("text", ["", "ps_1.x", "ps_" + "0" * 24 + "." + "t" * 43, "ps_" + "0" * 24, "٣" * 60])
def test_what_is_no_ticket_opens_nothing(client: Client, database: Database, text: str) -> None:
    opened(client)
    assert enter(Store(database), text, SECRET, NOW) is None
    assert find_visit(Store(database), text) is None


def test_before_it_was_entered_a_session_is_nobody_s_visit(client: Client, database: Database) -> None:
    session = opened(client)
    assert find_visit(Store(database), session.ticket) is None


def test_of_two_who_open_the_address_at_once_one_gets_in(client: Client, database: Database) -> None:
    session = opened(client)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: enter(Store(database), session.ticket, str(n) * 43, NOW), range(8)))
    assert sum(each is not None for each in found) == 1


def test_a_platform_sees_who_is_in_and_shows_them_out_at_once(client: Client, database: Database) -> None:
    store = Store(database)
    first = opened(client, by="Мария", language="ar", page="plan", return_url="https://a.example/b", read_only=True)
    second = opened(client.at(NOW))
    assert enter(store, first.ticket, SECRET, NOW) is not None
    listed = {row["session_id"]: row for row in client.get(SESSIONS).json["items"]}
    assert listed.keys() == {first.session_id, second.session_id}
    assert listed[first.session_id] == {
        "session_id": first.session_id,
        "by": "Мария",
        "language": "ar",
        "page": "plan",
        "return_url": "https://a.example/b",
        "read_only": True,
        "created_at": "2026-11-23T12:00:00.000Z",
        "expires_at": "2026-11-23T13:00:00.000Z",
        "entered_at": "2026-11-23T12:00:00.000Z",
    }
    assert listed[second.session_id]["entered_at"] is None
    assert client.delete(f"{SESSIONS}/{first.session_id}").status == 204
    assert find_visit(store, f"{first.session_id}.{SECRET}") is None
    assert client.delete(f"{SESSIONS}/{second.session_id}").status == 204
    assert enter(store, second.ticket, SECRET, NOW) is None
    assert client.delete(f"{SESSIONS}/{first.session_id}").code == "portal_session_not_found"
    assert client.get(SESSIONS).json["items"] == []


def test_a_session_that_is_over_is_not_listed(client: Client) -> None:
    opened(client)
    assert len(client.at(NOW + LIFE - timedelta(seconds=1)).get(SESSIONS).json["items"]) == 1
    assert client.at(NOW + LIFE).get(SESSIONS).json["items"] == []


def test_an_administrator_s_session_is_of_no_account_and_revoked_as_such(client: Client, database: Database) -> None:
    session = opened(client, "/v1/portal-sessions", by="Sam <sam@platform.example>")
    customer = opened(client)
    visit = enter(Store(database), session.ticket, SECRET, NOW)
    assert visit is not None
    assert (visit.account_id, visit.role, visit.by) == (None, "administrator", "Sam <sam@platform.example>")
    assert [row["session_id"] for row in client.get("/v1/portal-sessions").json["items"]] == [session.session_id]
    assert [row["session_id"] for row in client.get(SESSIONS).json["items"]] == [customer.session_id]
    assert client.delete(f"{SESSIONS}/{session.session_id}").code == "portal_session_not_found"
    assert client.delete(f"/v1/portal-sessions/{customer.session_id}").code == "portal_session_not_found"
    assert client.delete(f"/v1/portal-sessions/{session.session_id}").status == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"page": "secrets"}, "page"),
        ({"language": "fr"}, "language"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"read_only": "yes"}, "read_only"),
        ({"admin": True}, "admin"),
        ({"by": "a\nb"}, "by"),
    ],
)
def test_a_wrong_body_opens_nothing(client: Client, body: dict[str, object], field: str) -> None:
    answer = client.post(SESSIONS, body)
    assert (answer.status, answer.fields) == (422, [field])
    assert client.get(SESSIONS).json["items"] == []


def test_nobody_opens_a_session_of_an_account_that_is_not_there(client: Client) -> None:
    assert client.post("/v1/accounts/nobody/portal-sessions").code == "account_not_found"
    assert client.get("/v1/accounts/nobody/portal-sessions").code == "account_not_found"


def test_neither_ticket_nor_cookie_is_stored(client: Client, database: Database) -> None:
    session = opened(client)
    assert enter(Store(database), session.ticket, SECRET, NOW) is not None
    row = repr(database.client.scan(TableName="portal_sessions")["Items"])
    ticket = session.ticket.partition(".")[2]
    assert ticket not in row
    assert SECRET not in row
    assert hash_secret(ticket) in row
