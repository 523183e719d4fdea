"""Leases on the real store: racing calls, calls that end, callers that die."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from billing.domain.lease import PAGE_SLOTS, Lease, LeasePage, lease_key
from billing.domain.permission import Permission
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.subscription_life import change_terms
from billing.domain.terms import Terms
from billing.domain.wallet import Posted, Wallet
from billing.services.authorize_call import CallAuthorization
from billing.services.leases import CallLeases, CallRefused, ConcurrencyLimitReached
from billing.services.return_leases import LeaseReturns
from billing.services.settle_usage import UsageSettlement
from billing.services.workspaces import WorkspaceNotFound
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.leases import LeasePageItem, Leases
from billing.store.store import Store
from tests.builders import NOW, call, micros, plan, received
from tests.patience import WITHIN_SECONDS
from tests.platform_of_one import World

TTL = 60
SECOND = timedelta(seconds=1)


def with_slots(count: int) -> Plan:
    return plan(recurring=(RecurringFeature("call_concurrency", "Concurrent calls", count, micros("8")),))


def open_store(database: Database, *, slots: int, paid: str = "5", workspaces: tuple[str, ...] = ("42",)) -> World:
    store = World(database)
    store.open_account(with_slots(slots), paid=paid, workspaces=workspaces)
    return store


def hold(store: World, lease_id: str, *, workspace_id: str = "42", now: datetime = NOW) -> Lease:
    return CallLeases(store).hold(workspace_id, lease_id, ttl_seconds=TTL, bound_to=None, now=now)


def try_hold(store: World, lease_id: str, *, now: datetime = NOW) -> bool:
    try:
        hold(store, lease_id, now=now)
    except ConcurrencyLimitReached:
        return False
    return True


def permission(store: World, now: datetime = NOW) -> Permission:
    return CallAuthorization(store).of_account("acme", None, now)


def in_use(store: World, now: datetime = NOW) -> int:
    return permission(store, now).concurrency_in_use


def at_once(store: World, lease_ids: Sequence[str]) -> list[str]:
    """The lease ids that got a slot when all ask in the same moment, each from a process of its own."""
    start = Barrier(len(lease_ids))

    def ask(lease_id: str) -> bool:
        leases = CallLeases(store)
        start.wait(timeout=WITHIN_SECONDS)
        try:
            leases.hold("42", lease_id, ttl_seconds=TTL, bound_to=None, now=NOW)
        except ConcurrencyLimitReached:
            return False
        return True

    with ThreadPoolExecutor(len(lease_ids)) as callers:
        return [lease_id for lease_id, got in zip(lease_ids, callers.map(ask, lease_ids), strict=True) if got]


def test_a_lease_is_taken_extended_given_back_and_given_back_again(database: Database) -> None:
    store = open_store(database, slots=2)
    taken, extended = hold(store, "c-1"), hold(store, "c-1", now=NOW + 10 * SECOND)
    assert taken == Lease(new=True, expires_at=NOW + TTL * SECOND, limit=2, in_use=1)
    assert extended == Lease(new=False, expires_at=NOW + (TTL + 10) * SECOND, limit=2, in_use=1)
    for _ in range(2):
        CallLeases(Store(database)).give_back("42", "c-1", bound_to=None, now=NOW)
        assert in_use(store) == 0


def test_the_permission_counts_live_leases_and_says_when_there_is_no_slot(database: Database) -> None:
    store = open_store(database, slots=2)
    hold(store, "c-1")
    assert (permission(store).code, in_use(store)) == ("allowed", 1)
    hold(store, "c-2")
    assert (permission(store).code, in_use(store)) == ("concurrency_limit_reached", 2)
    assert (permission(store, NOW + TTL * SECOND).code, in_use(store, NOW + TTL * SECOND)) == ("allowed", 0)


@pytest.mark.parametrize("slots", [3, 60])
def test_of_those_who_race_for_the_last_slot_exactly_one_gets_it(database: Database, slots: int) -> None:
    store = open_store(database, slots=slots)
    for number in range(slots - 1):
        hold(store, f"running-{number}")
    assert len(at_once(store, [f"racer-{number}" for number in range(8)])) == 1
    assert in_use(store) == slots


def test_a_burst_of_calls_fills_the_slots_to_the_last_and_not_one_more(database: Database) -> None:
    store = open_store(database, slots=10)
    assert len(at_once(store, [f"c-{number}" for number in range(16)])) == 10
    assert in_use(store) == 10


def test_the_same_lease_asked_for_by_many_at_once_takes_one_slot(database: Database) -> None:
    store = open_store(database, slots=3)
    assert len(at_once(store, ["c-1"] * 8)) == 8
    assert in_use(store) == 1


def test_the_slot_of_a_caller_that_died_is_free_when_its_lease_expires_and_nobody_swept(database: Database) -> None:
    store = open_store(database, slots=1)
    hold(store, "dead")
    assert not try_hold(store, "next", now=NOW + (TTL - 1) * SECOND)
    assert try_hold(store, "next", now=NOW + TTL * SECOND)
    assert in_use(store, NOW + TTL * SECOND) == 1


def test_nothing_but_its_own_renewal_makes_a_lease_live_longer(database: Database) -> None:
    store = open_store(database, slots=5)
    hold(store, "quiet")
    halfway = NOW + 30 * SECOND
    hold(store, "loud", now=halfway)
    permission(store, halfway)
    store.settle(call("e1", ended_at=halfway), now=halfway)
    assert in_use(store, NOW + TTL * SECOND) == 1
    assert hold(store, "quiet", now=NOW + TTL * SECOND).new


def test_a_new_call_of_a_paused_account_gets_no_slot_but_a_running_one_keeps_its_own(database: Database) -> None:
    store = open_store(database, slots=5, paid="0.01")
    hold(store, "running")
    store.settle(call("e1", seconds="600"))
    with pytest.raises(CallRefused) as refused:
        hold(store, "new")
    assert refused.value.code == "account_paused"
    assert not hold(store, "running").new


def test_fewer_slots_take_none_away_and_give_out_none_until_enough_are_free(database: Database) -> None:
    store = open_store(database, slots=60)
    for number in range(60):
        hold(store, f"c-{number}")
    narrow(store, slots=2)
    assert not hold(store, "c-59").new
    for number in range(59):
        CallLeases(Store(database)).give_back("42", f"c-{number}", bound_to=None, now=NOW)
    assert (hold(store, "new").in_use, try_hold(store, "one too many"), in_use(store)) == (2, False, 2)


def narrow(store: World, *, slots: int) -> None:
    """Move the account to a plan with fewer slots, in the middle of its period."""
    before = store.wallet()
    fewer = store.current_version(with_slots(slots))
    after = change_terms(before, Terms(fewer.plan_id, fewer.version, {"call_concurrency": slots}))
    assert isinstance(store.books.commit(before, Posted(after)), Wallet)


def test_where_the_plan_sets_no_limit_every_call_has_its_lease_and_none_is_kept(database: Database) -> None:
    store = World(database)
    store.open_account(plan(), paid="5")
    assert hold(store, "c-1") == Lease(new=True, expires_at=NOW + TTL * SECOND, limit=None, in_use=0)
    assert stored_pages(store) == []


def test_a_key_of_another_account_learns_and_changes_nothing(database: Database) -> None:
    store = open_store(database, slots=1)
    hold(store, "c-1")
    leases = CallLeases(Store(database))
    with pytest.raises(WorkspaceNotFound):
        leases.hold("42", "c-2", ttl_seconds=TTL, bound_to="globex", now=NOW)
    with pytest.raises(WorkspaceNotFound):
        leases.give_back("42", "c-1", bound_to="globex", now=NOW)
    with pytest.raises(WorkspaceNotFound):
        leases.hold("404", "c-2", ttl_seconds=TTL, bound_to=None, now=NOW)
    assert in_use(store) == 1


def test_the_same_id_in_two_workspaces_of_an_account_is_two_leases(database: Database) -> None:
    store = open_store(database, slots=5, workspaces=("42", "43"))
    hold(store, "c-1")
    assert hold(store, "c-1", workspace_id="43").in_use == 2
    CallLeases(Store(database)).give_back("43", "c-1", bound_to=None, now=NOW)
    assert in_use(store) == 1


def test_a_call_that_ended_gives_back_the_lease_of_its_id(database: Database) -> None:
    store = open_store(database, slots=120)
    ended = [call(f"e{number}") for number in range(70)]
    for event in ended:
        hold(store, str(event.call_id))
    hold(store, "still-running")
    store.settle(*ended)
    assert in_use(store) == 1


def test_a_call_frees_its_slot_also_when_its_event_cannot_be_charged(database: Database) -> None:
    store = open_store(database, slots=5)
    odd = call("odd", unit="fortnight")
    hold(store, str(odd.call_id))
    assert store.settle(odd).rejected == 1
    assert in_use(store) == 0


def test_a_worker_that_died_between_the_charge_and_the_lease_leaves_the_slot_to_the_redelivery(
    database: Database,
) -> None:
    store = open_store(database, slots=5)
    event = call("e1")
    hold(store, str(event.call_id))
    kill = Kill(database, "UpdateItem", "before-call")
    with pytest.raises(Killed):
        store.settle(event)
    assert (kill.done, in_use(store), store.wallet().sequence) == (True, 1, 2)
    outcome = UsageSettlement(Store(database)).settle_batch([received(event, redelivered=True)], NOW)
    assert (outcome.duplicates, in_use(store), store.wallet().sequence) == (1, 0, 2)


@pytest.mark.parametrize("hook", ["before-call", "after-call"])
def test_a_caller_that_dies_around_the_write_asks_again_and_holds_one_slot(database: Database, hook: str) -> None:
    store = open_store(database, slots=2)
    kill = Kill(database, "UpdateItem", hook)
    with pytest.raises(Killed):
        hold(store, "c-1")
    assert kill.done
    assert hold(store, "c-1").in_use == in_use(store) == 1


def test_settling_goes_on_where_leases_cannot_be_read(database: Database) -> None:
    store = open_store(database, slots=5)
    hold(store, "call-of-e1")
    settlement = UsageSettlement(Store(database))
    tables = {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES if model is not LeasePageItem}
    settlement._leases = LeaseReturns(
        Store(Database(database.client, {**tables, "leases": "no-such-table"}, database.pause))
    )
    outcome = settlement.settle_batch([received(call("e1"))], NOW)
    assert (len(outcome.settled), outcome.failed) == (1, set())


def test_slots_of_an_account_that_cannot_be_written_now_hold_up_those_of_no_other(database: Database) -> None:
    store = open_store(database, slots=5)
    store.open_account(with_slots(5), account_id="globex", paid="5", workspaces=("77",))
    events = [call("e1"), call("e2", workspace_id="77")]
    for account_id, other in (("acme", "globex"), ("globex", "acme")):
        busy = OfAccountBusy(database, account_id)
        for event, workspace_id in zip(events, ("42", "77"), strict=True):
            hold(store, str(event.call_id), workspace_id=workspace_id)
        store.settle(*events)
        busy.over = True
        assert CallAuthorization(Store(database)).of_account(other, None, NOW).concurrency_in_use == 0
        assert CallAuthorization(Store(database)).of_account(account_id, None, NOW).concurrency_in_use == 1


def test_thousands_of_live_leases_are_counted_exactly_and_none_is_given_out_beyond_the_limit(
    database: Database,
) -> None:
    store = open_store(database, slots=5000)
    run_calls(store, pages=100, calls_a_page=PAGE_SLOTS)
    assert (in_use(store), permission(store).code) == (5000, "concurrency_limit_reached")
    CallLeases(Store(database)).give_back("42", "c-77-7", bound_to=None, now=NOW)
    assert not hold(store, "c-99-49").new
    assert len(at_once(store, [f"racer-{number}" for number in range(8)])) == 1
    assert in_use(store) == 5000
    assert in_use(store, NOW + TTL * SECOND) == 0


def test_a_page_of_leases_is_paid_as_one_unit(database: Database) -> None:
    store = open_store(database, slots=PAGE_SLOTS)
    run_calls(store, pages=1, calls_a_page=PAGE_SLOTS)
    (item,) = stored_pages(store)
    longest_account_id = 64
    size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) + longest_account_id
    assert size < 1024


def run_calls(store: World, *, pages: int, calls_a_page: int) -> None:
    """Leases on `pages` pages, as they are after as many calls took theirs: c-<page>-<number>."""
    expiry = int(NOW.timestamp()) + TTL
    for page in range(pages):
        leases = {lease_key("42", f"c-{page}-{number}"): expiry for number in range(calls_a_page)}
        assert Leases(store.database).write("acme", [LeasePage(page, leases, pages=pages)], NOW)


def stored_pages(store: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = store.database.client.scan(TableName=store.database.table(LeasePageItem))["Items"]
    return items


class OfAccountBusy:
    """Lets no lease of an account be changed, until it is over; a new one is taken."""

    def __init__(self, database: Database, account_id: str) -> None:
        self.over = False
        self._account_id = account_id
        database.client.meta.events.register("provide-client-params.dynamodb.UpdateItem", self._refuse)

    def _refuse(self, params: Any, **_: Any) -> None:
        is_of_account = params["Key"]["account_id"]["S"] == self._account_id
        if not self.over and is_of_account and not params["ExpressionAttributeValues"][":new_leases"]["B"]:
            raise ConnectTimeoutError(endpoint_url="https://dynamodb")


class Killed(BaseException):
    """The process is gone: nothing after this line of it runs."""


class Kill:
    """Kills around the next write of a lease page."""

    def __init__(self, database: Database, operation: str, hook: str) -> None:
        self.done = False
        database.client.meta.events.register_last(f"{hook}.dynamodb.{operation}", self._kill)

    def _kill(self, **_: Any) -> None:
        if not self.done:
            self.done = True
            raise Killed
