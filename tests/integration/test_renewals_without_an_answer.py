"""A renewal that Stripe does not answer for days: a person hears of it, and no allowance is given on trust for ever."""

from datetime import datetime, timedelta

import pytest

from billing.domain.permission import decide
from billing.services.wallet_as_of import as_of
from tests.builders import call, give_workspace, micros
from tests.paying_account import UNREACHABLE, Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, STARTER, Subscriber

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
THREE_DAYS = timedelta(hours=72)


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    """Its renewal is asked for, and Stripe does not answer."""
    subscriber = Subscriber(paying).subscribed()
    give_workspace(paying.database)
    paying.fault("/v1/payment_intents", UNREACHABLE, times=1000)
    paying.fault("/v1/payment_intents", UNREACHABLE, method="GET", times=1000)
    assert subscriber.sweep(RENEWAL) == ["unknown"]
    return subscriber


def answers_again(acme: Subscriber) -> None:
    acme.paying.stripe.control("faults", method="DELETE")


def unanswered(acme: Subscriber, now: datetime) -> tuple[int, int, int]:
    acme.at(now)
    counts = acme.paying.reconcile(now).counts
    return (
        counts["PaymentsUnansweredAnHour"],
        counts["RenewalsUnansweredAnHour"],
        counts["RenewalsUnanswered72Hours"],
    )


def spend(acme: Subscriber, call_id: str, ended_at: datetime) -> int:
    """What a minute costs that ended then: 0 where the allowance was drawn."""
    before = acme.wallet.paid_micros
    acme.paying.store.settle(call(call_id, seconds="60", ended_at=ended_at), now=ended_at)
    return before - acme.wallet.paid_micros


def test_a_person_hears_of_it_after_an_hour_and_again_after_72(acme: Subscriber) -> None:
    assert unanswered(acme, RENEWAL + HOUR - MINUTE) == (0, 0, 0)
    assert unanswered(acme, RENEWAL + HOUR + 5 * MINUTE) == (0, 1, 0)
    assert unanswered(acme, RENEWAL + THREE_DAYS + 5 * MINUTE) == (0, 1, 1)
    answers_again(acme)
    assert unanswered(acme, RENEWAL + THREE_DAYS + 15 * MINUTE) == (0, 0, 0)


def test_a_top_up_without_an_answer_is_a_payment_and_no_renewal(acme: Subscriber) -> None:
    now = RENEWAL + 2 * HOUR
    acme.paying.top_up("50", card=acme.paying.cards[0].payment_method_id, now=now)
    assert unanswered(acme, now + HOUR + MINUTE) == (1, 1, 0)


def test_from_72_hours_on_no_allowance_is_drawn_and_nothing_is_locked(acme: Subscriber) -> None:
    assert spend(acme, "in-time", RENEWAL + THREE_DAYS - MINUTE) == 0
    assert spend(acme, "late", RENEWAL + THREE_DAYS) == micros("0.60")
    assert acme.period.used == {"call_minutes": 60_000_000}
    assert (acme.wallet.is_locked, acme.wallet.is_past_due) == (False, False)


def test_whether_a_call_may_start_then_is_the_credit_s_question(acme: Subscriber) -> None:
    for moment, code in ((RENEWAL + THREE_DAYS - MINUTE, "allowed"), (RENEWAL + THREE_DAYS, "no_credit")):
        wallet, plan = as_of(acme.paying.store, acme.wallet, moment)
        assert decide(wallet, plan, moment).code == code
    acme.paying.store.adjust("1", "wire", now=RENEWAL)
    wallet, plan = as_of(acme.paying.store, acme.wallet, RENEWAL + THREE_DAYS)
    assert decide(wallet, plan, RENEWAL + THREE_DAYS).code == "allowed"


def test_the_answer_decides_and_a_paid_month_has_its_allowance_whole_but_for_what_was_drawn_on_trust(
    acme: Subscriber,
) -> None:
    spend(acme, "in-time", RENEWAL + HOUR)
    spend(acme, "late", RENEWAL + THREE_DAYS + HOUR)
    answers_again(acme)
    now = RENEWAL + THREE_DAYS + 2 * HOUR
    assert acme.sweep(now) == ["paid"]
    assert acme.charges == [3000, 3000]
    assert spend(acme, "after", now + HOUR) == 0
    assert acme.period.used == {"call_minutes": 120_000_000}
    assert_books_balance(acme.paying.store)


def test_the_answer_decides_and_an_unpaid_month_is_tried_again_on_its_days(acme: Subscriber) -> None:
    answers_again(acme)
    acme.paying.behave("insufficient_funds")
    now = RENEWAL + THREE_DAYS + HOUR
    assert acme.sweep(now) == ["declined"]
    assert (acme.period.payment, acme.subscription.due_at) == ("failed", now + timedelta(days=1))


def test_a_month_for_which_nobody_was_asked_is_trusted(paying: Paying) -> None:
    """A sweep that did not run is our fault, and no reason to charge a customer's calls."""
    subscriber = Subscriber(paying).subscribed(STARTER)
    give_workspace(paying.database)
    assert spend(subscriber, "late", RENEWAL + 2 * THREE_DAYS) == 0


def test_a_month_that_a_former_release_asked_for_counts_from_that_asking(acme: Subscriber) -> None:
    acme.paying.database.client.update_item(
        TableName="wallets",
        Key={"account_id": {"S": "acme"}},
        UpdateExpression="REMOVE #period.asked_at",
        ExpressionAttributeNames={"#period": "period"},
    )
    assert acme.period.asked_at is None
    assert acme.sweep(RENEWAL + HOUR) == ["unknown"]
    assert acme.period.asked_at == RENEWAL
