"""A worker dies around any of its steps, or between Stripe's answer and the books: the month is charged once."""

from datetime import timedelta
from typing import Any

import pytest

from tests.builders import NOW, dunning_of
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import PRO, RENEWAL, Subscriber

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("finished_by", ["message", "sweep", "webhook", "reconciliation"])
def test_a_kill_around_any_write_charges_the_month_once(
    acme: Subscriber, write: int, moment: str, finished_by: str
) -> None:
    (order,) = acme.orders(RENEWAL)
    KillSwitch(acme.paying.database, write, moment=moment)
    with pytest.raises(Killed):
        acme.renew(order)
    match finished_by:
        case "message":
            acme.renew(order)
        case "webhook":
            acme.paying.tell_all()
        case "reconciliation":
            acme.paying.reconcile(RENEWAL + FIVE_MINUTES)
        case _:
            pass
    acme.sweep(RENEWAL + FIVE_MINUTES)
    acme.sweep(RENEWAL + 2 * FIVE_MINUTES)
    assert acme.charges == [3000, 3000]
    assert (acme.period.start, acme.period.payment) == (RENEWAL, "paid")
    assert_books_balance(acme.paying.store)


def test_the_kills_above_stand_around_every_write_of_a_renewal(acme: Subscriber) -> None:
    switch = KillSwitch(acme.paying.database, None, moment="before")
    acme.sweep(RENEWAL)
    assert switch.writes == 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_kill_around_any_write_of_a_change_charges_it_once(acme: Subscriber, write: int, moment: str) -> None:
    mid = NOW + timedelta(days=15)
    KillSwitch(acme.paying.database, write, moment=moment)
    with pytest.raises(Killed):
        acme.put(PRO, mid)
    acme.put(PRO, mid + timedelta(minutes=1))
    assert acme.period.plan_id == "pro"
    assert acme.charges == [3000, 3000]
    assert_books_balance(acme.paying.store)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_kill_around_a_declined_try_counts_it_once(acme: Subscriber, write: int, moment: str) -> None:
    acme.paying.behave("insufficient_funds")
    (order,) = acme.orders(RENEWAL)
    KillSwitch(acme.paying.database, write, moment=moment)
    with pytest.raises(Killed):
        acme.renew(order)
    for outcome in (acme.renew(order), acme.renew(order)):
        assert outcome in {"declined", "void"}
    acme.paying.tell_all()
    assert dunning_of(acme.wallet).attempts == 1
    assert [each.status for each in acme.renewals] == ["Failed"]


def test_a_decline_that_is_told_late_by_its_webhook_does_not_spoil_the_next_try(acme: Subscriber) -> None:
    acme.paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    declined: list[dict[str, Any]] = acme.paying.events
    acme.paying.behave("succeed")
    acme.paying.fault("/v1/payment_intents", "timeout_after")
    next_day = RENEWAL + timedelta(days=1)
    assert acme.sweep(next_day) == ["unknown"]
    for event in declined:
        acme.paying.tell(event["type"], event["data"]["object"]["id"], now=next_day)
    assert acme.sweep(next_day + FIVE_MINUTES) == ["paid"]
    assert acme.charges == [3000, 3000]
    assert_books_balance(acme.paying.store)
