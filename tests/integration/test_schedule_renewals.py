"""A sweep finds what is due by its moment, in every shard, and what earlier sweeps missed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from billing.contracts.renewal_queue import decode, encode, moment_of
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import RENEWAL_SHARDS, check_quantities, renewal_shard
from billing.domain.subscription_life import subscribe
from billing.domain.terms import Terms
from billing.domain.wallet import Wallet
from billing.services.schedule_renewals import schedule_renewals
from billing.store.database import Database
from billing.store.store import Store
from billing.store.wallets import new_wallet_put
from infra.paths import EVENTS
from tests.builders import NOW, change
from tests.subscriber import RENEWAL, STARTER, OrderBook

TERMS = Terms(STARTER.plan_id, STARTER.version, check_quantities(STARTER, {}))


def account(database: Database, account_id: str, *, starts_at: datetime = NOW, canceled: bool = False) -> None:
    wallet = change(subscribe(Wallet(account_id, "USD"), TERMS, starts_at), canceled=canceled)
    assert database.write_all([new_wallet_put(database, wallet)])


def found(database: Database, now: datetime) -> list[str]:
    book = OrderBook()
    sweep = schedule_renewals(Store(database), book, now)
    assert (sweep.due, sweep.queued) == (len(book.orders), len(book.orders))
    return sorted(order.account_id for order in book.orders)


def test_accounts_of_every_shard_are_found_from_the_second_of_their_renewal(database: Database) -> None:
    names = [f"account-{number}" for number in range(100)]
    assert {renewal_shard(name) for name in names} == set(range(RENEWAL_SHARDS))
    for name in names:
        account(database, name)
    assert found(database, RENEWAL - timedelta(seconds=1)) == []
    assert found(database, RENEWAL) == sorted(names)


def test_what_is_due_is_found_for_three_days_and_by_the_first_sweep_of_each_day_for_longer(database: Database) -> None:
    account(database, "acme")
    assert found(database, RENEWAL + timedelta(days=3)) == ["acme"]
    assert found(database, RENEWAL + timedelta(days=4)) == []
    assert found(database, datetime(2027, 1, 20, 0, 4, tzinfo=UTC)) == ["acme"]


@pytest.mark.parametrize(("minutes", "overdue"), [(0, 0), (59, 0), (60, 1), (3 * 24 * 60, 1)])
def test_what_waits_for_an_hour_is_overdue(database: Database, minutes: int, overdue: int) -> None:
    account(database, "acme")
    assert schedule_renewals(Store(database), OrderBook(), RENEWAL + timedelta(minutes=minutes)).overdue == overdue


def test_a_canceled_account_is_in_no_index(database: Database) -> None:
    account(database, "gone", canceled=True)
    assert found(database, RENEWAL) == []


def test_an_order_comes_out_of_the_queue_as_it_went_in() -> None:
    for due_at in (RENEWAL, None):
        order = RenewalOrder("acme", due_at, RENEWAL + timedelta(minutes=5))
        assert decode(encode(order)) == order


def test_a_sweep_runs_as_of_the_moment_that_its_event_names_or_now() -> None:
    sample = json.loads((EVENTS / "schedule" / "sweep.json").read_text())
    Draft202012Validator(json.loads((EVENTS / "schedule" / "schema.json").read_text())).validate(sample)
    assert moment_of(sample, NOW) == datetime(2026, 12, 23, 0, 5, tzinfo=UTC)
    assert moment_of({}, NOW) == NOW
