"""A workspace moves to another account: its calls are charged, and its slots freed, where they belong."""

from datetime import datetime, timedelta

import pytest

from billing.domain.plan import RecurringFeature
from billing.domain.queued_event import QueuedEvent
from billing.services.leases import CallLeases
from billing.services.settle_usage import Received, UsageSettlement
from billing.services.workspaces import WorkspaceNotFound, assign_workspace
from billing.store.database import Database
from billing.store.store import Store
from billing.store.workspaces import Workspaces
from tests.api_client import ACME, Client, Line, client_over, with_acme
from tests.builders import NOW, call, calls_feature, micros, plan
from tests.platform_of_one import World, assert_books_balance

SLOTS = plan(calls_feature(), recurring=(RecurringFeature("call_concurrency", "مكالمات متزامنة", 5, 0),))
HOLDS_FROM = NOW + timedelta(seconds=60)
A_MINUTE_LATER = HOLDS_FROM + timedelta(seconds=60)


@pytest.fixture
def store(database: Database) -> World:
    """Workspace 42 is to move from acme to globex in a minute."""
    store = World(database)
    store.open_account(SLOTS, paid="10")
    store.open_account(SLOTS, account_id="globex", workspaces=(), paid="10")
    assign_workspace(store, "42", "globex", None, NOW)
    return store


def balances(store: World) -> tuple[int, int]:
    return store.wallet("acme").balance_micros, store.wallet("globex").balance_micros


def test_a_call_is_charged_to_the_account_that_had_the_workspace_when_it_ended(store: World) -> None:
    before = call("before", ended_at=HOLDS_FROM - timedelta(milliseconds=1))
    after = call("after", seconds="120", ended_at=HOLDS_FROM)
    store.settle(after, before, now=A_MINUTE_LATER)
    assert balances(store) == (micros("10") - micros("0.12"), micros("10") - micros("0.24"))
    for account_id in ("acme", "globex"):
        assert_books_balance(store, account_id)


@pytest.mark.parametrize(("account_id", "is_charged"), [("acme", True), ("globex", False), (None, True)])
def test_a_key_of_the_former_account_may_still_send_such_a_call(
    store: World, account_id: str | None, is_charged: bool
) -> None:
    late = Received("m", QueuedEvent(call("late"), "{}", account_id=account_id))
    outcome = UsageSettlement(store).settle_batch([late], A_MINUTE_LATER)
    assert (len(outcome.settled) == 1) == is_charged
    assert store.rejected_codes() == ([] if is_charged else ["unknown_workspace"])


def test_whoever_keeps_what_it_read_of_a_workspace_knows_of_the_move_before_it_holds(store: World) -> None:
    clock = [0.0]
    vars(store)["workspaces"] = Workspaces(store.database, lambda: clock[0])
    settlement = UsageSettlement(store)
    assign_workspace(store, "42", "acme", None, NOW)  # nothing moves after all
    settlement.settle_batch([Received("m", QueuedEvent(call("a"), "{}"))], NOW)
    asked_at = NOW + timedelta(seconds=1)
    assign_workspace(store, "42", "globex", None, asked_at)
    clock[0] = 61.0
    ended = call("b", ended_at=asked_at + timedelta(seconds=60))
    settlement.settle_batch([Received("m", QueuedEvent(ended, "{}"))], asked_at + timedelta(seconds=61))
    assert store.wallet("globex").balance_micros == micros("10") - micros("0.12")


def in_use(store: Store, account_id: str, now: datetime) -> int:
    return sum(len(page.live(now)) for page in store.leases.of_account(account_id))


def test_a_running_call_keeps_its_slot_where_it_took_it_and_its_end_frees_it(store: World) -> None:
    leases = CallLeases(store)
    running = call("running", ended_at=A_MINUTE_LATER)
    lease_id = str(running.call_id)
    assert leases.hold("42", lease_id, ttl_seconds=600, bound_to=None, now=NOW).new
    extended = leases.hold("42", lease_id, ttl_seconds=600, bound_to=None, now=A_MINUTE_LATER)
    assert not extended.new
    assert (in_use(store, "acme", A_MINUTE_LATER), in_use(store, "globex", A_MINUTE_LATER)) == (1, 0)
    store.settle(running, now=A_MINUTE_LATER)
    assert in_use(store, "acme", A_MINUTE_LATER) == 0
    assert leases.hold("42", "next", ttl_seconds=600, bound_to=None, now=A_MINUTE_LATER).new
    assert in_use(store, "globex", A_MINUTE_LATER) == 1


def test_a_key_of_the_former_account_extends_and_frees_its_calls_and_starts_none(store: World) -> None:
    leases = CallLeases(store)
    leases.hold("42", "running", ttl_seconds=600, bound_to="acme", now=NOW)
    assert not leases.hold("42", "running", ttl_seconds=600, bound_to="acme", now=A_MINUTE_LATER).new
    with pytest.raises(WorkspaceNotFound):
        leases.hold("42", "another", ttl_seconds=600, bound_to="acme", now=A_MINUTE_LATER)
    leases.give_back("42", "running", bound_to="acme", now=A_MINUTE_LATER)
    assert in_use(store, "acme", A_MINUTE_LATER) == 0
    with pytest.raises(WorkspaceNotFound):
        leases.give_back("42", "running", bound_to="acme", now=HOLDS_FROM + timedelta(hours=4))


@pytest.fixture
def client(database: Database) -> Client:
    client = with_acme(client_over(database, Line()))
    client.post("/v1/accounts", {**ACME, "account_id": "globex", "name": "Globex"})
    return client


def test_the_answer_says_from_when_on_a_move_holds(client: Client) -> None:
    asked = client.put("/v1/workspaces/42", {"account_id": "globex", "name": "歯科"})
    expected = {
        "workspace_id": "42",
        "account_id": "globex",
        "name": "歯科",
        "effective_at": "2026-11-23T12:01:00.000Z",
        "moves": [
            {"former_account_id": "acme", "account_id": "globex", "effective_at": "2026-11-23T12:01:00.000Z"},
        ],
    }
    assert (asked.status, asked.json) == (200, expected)
    assert client.at(A_MINUTE_LATER).put("/v1/workspaces/42", {"account_id": "globex"}).json == expected
    assert client.get("/v1/workspaces/42").json == expected
    missing = client.get("/v1/workspaces/nobody-s")
    assert (missing.status, missing.code) == (404, "workspace_not_found")


def test_an_account_s_workspaces_are_listed_with_their_names_page_by_page(client: Client) -> None:
    for workspace_id in ("c", "a", "b"):
        client.put(f"/v1/workspaces/{workspace_id}", {"account_id": "globex", "name": f"Zakład {workspace_id}"})
    first = client.get("/v1/accounts/globex/workspaces?limit=2").json
    second = client.get(f"/v1/accounts/globex/workspaces?limit=2&cursor={first['next_cursor']}").json
    assert [each["name"] for each in first["items"] + second["items"]] == ["Zakład a", "Zakład b", "Zakład c"]
    assert [each["workspace_id"] for each in client.get("/v1/accounts/acme/workspaces").json["items"]] == ["42"]
    assert client.get("/v1/accounts/nobody/workspaces").code == "account_not_found"
