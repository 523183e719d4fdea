"""A worker dies before or after any of its writes: the queue delivers again, and the books are as if it had not."""

from typing import Any

import pytest

from billing.services.settle_usage import UsageSettlement
from billing.store.database import Database
from tests.builders import NOW, call, calls_feature, detection_feature, micros, plan, received
from tests.platform_of_one import World, assert_books_balance

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")
BATCH = [
    *(call(f"e{n}", seconds="30", workspace_id="42" if n % 2 else "77") for n in range(6)),
    call("lost", workspace_id="404"),
    call("odd", unit="fortnight"),
]


class Killed(BaseException):
    """The process is gone: nothing after this line of it runs."""


class KillSwitch:
    """Kills before or after the n-th write to DynamoDB, counted from 1; counts on where n is None."""

    def __init__(self, database: Database, at: int | None, *, moment: str) -> None:
        self.writes = 0
        self._at = at
        for operation in WRITES:
            database.client.meta.events.register(f"before-call.dynamodb.{operation}", self._count)
            hook = "before-call" if moment == "before" else "after-call"
            database.client.meta.events.register_last(f"{hook}.dynamodb.{operation}", self._kill)

    def disarm(self) -> None:
        """So many writes there were not: later ones are another process's."""
        self._at = None

    def _count(self, **_: Any) -> None:
        self.writes += 1

    def _kill(self, **_: Any) -> None:
        if self.writes == self._at:
            self._at = None
            raise Killed


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    free = plan(calls_feature(included_minutes=1), detection_feature())
    store.open_account(free, paid="1")
    store.open_account(free, account_id="globex", workspaces=("77",), paid="1")
    return store


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_kill_around_any_write_loses_nothing_and_charges_nothing_twice(store: World, write: int, moment: str) -> None:
    switch = KillSwitch(store.database, write, moment=moment)
    with pytest.raises(Killed):
        UsageSettlement(store).settle_batch([received(event) for event in BATCH], NOW)
    delivered_again = [received(event, redelivered=True) for event in BATCH]
    outcome = UsageSettlement(store).settle_batch(delivered_again, NOW)
    assert outcome.failed == set()
    assert switch.writes >= write
    for account_id in ("acme", "globex"):
        assert store.wallet(account_id).balance_micros == micros("0.94")
        assert store.wallet(account_id).sequence == 4
        assert_books_balance(store, account_id)
    assert store.rejected_codes() == ["unknown_unit", "unknown_workspace"]


def test_the_kills_above_stand_around_every_write_of_the_batch(store: World) -> None:
    switch = KillSwitch(store.database, None, moment="before")
    UsageSettlement(store).settle_batch([received(event) for event in BATCH], NOW)
    assert switch.writes == 4
