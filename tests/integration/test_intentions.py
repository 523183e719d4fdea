"""An old intention is looked at again before a card is asked: what nobody wants any more is charged to nobody."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from billing.services.adjust_balance import give_credit
from billing.services.charge_card import charge_card
from billing.services.lock_account import lock_account
from billing.services.set_auto_refill import set_auto_refill
from billing.store.transactions import Transactions
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import RETURN_URL, UNREACHABLE, Paying
from tests.platform_of_one import assert_books_balance

A_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
A_SWEEP = 5 * MINUTE


@pytest.fixture
def refilling(paying: Paying) -> Paying:
    """Below its threshold, with a refill of 100.00 that Stripe has never heard of."""
    paying.add_card()
    paying.store.adjust("5", "opening")
    paying.fault("/v1/payment_intents", UNREACHABLE)
    paying.auto_refill()
    assert paying.charge_pending() is not None
    (refill,) = paying.history
    assert refill.status == "Processing"
    return paying


def charges(paying: Paying) -> list[int]:
    """What cards were charged, in cents, the newest first."""
    return [each["amount"] for each in paying.read("payment_intents") if each["status"] == "succeeded"]


def status(paying: Paying) -> str:
    """Of the newest payment."""
    return paying.history[0].status


def sweep(paying: Paying, minutes: int) -> None:
    """Each five minutes, as long as that."""
    for passed in range(5, minutes + 1, 5):
        paying.reconcile(NOW + passed * MINUTE)


def switched_off(paying: Paying) -> None:
    set_auto_refill(paying.store, "acme", None, NOW)


def locked(paying: Paying) -> None:
    lock_account(paying.store, "acme", "欺诈嫌疑")


def wired(paying: Paying) -> None:
    paying.store.adjust("500", "wire-4711")


def another_card(paying: Paying) -> None:
    from billing.services.cards import make_default

    paying.add_card("pm_card_mastercard", key="page-2")
    make_default(paying.store, "acme", paying.cards[-1].payment_method_id, NOW)
    switched_off(paying)


@pytest.mark.parametrize("happens", [switched_off, locked, wired, another_card])
def test_a_refill_that_is_wanted_no_more_is_never_asked_for_again(
    refilling: Paying, happens: Callable[[Paying], None]
) -> None:
    happens(refilling)
    sweep(refilling, 5)
    assert status(refilling) == "Processing", "a request may still be on its way"
    sweep(refilling, 60)
    given_up = refilling.history[0]
    assert given_up.failure is not None
    assert (given_up.status, given_up.failure.code, charges(refilling)) == ("Failed", "no_longer_wanted", [])
    refill = refilling.wallet.refill
    assert refill is not None
    assert (refill.pending, refill.failures, refill.charged_micros) == (None, 0, 0)
    assert_books_balance(refilling.store)


def test_a_refill_that_is_wanted_is_asked_for_again_and_charged_once(refilling: Paying) -> None:
    sweep(refilling, 15)
    assert (status(refilling), charges(refilling)) == ("Paid", [10000])


def test_a_refill_of_more_than_is_missing_by_now_makes_room_for_one_of_as_much(paying: Paying) -> None:
    paying.add_card()
    paying.store.adjust("-250", "opening")
    paying.fault("/v1/payment_intents", UNREACHABLE)
    paying.auto_refill()
    paying.charge_pending()
    paying.store.adjust("180", "wire")
    sweep(paying, 20)
    paying.charge_pending(now=NOW + 20 * MINUTE)
    assert [(each.status, each.amount_micros) for each in paying.history] == [
        ("Paid", micros("100")),
        ("Failed", micros("300")),
    ]
    assert charges(paying) == [10000]


def test_a_refill_whose_stream_came_days_late_is_looked_at_before_its_card_is_asked(paying: Paying) -> None:
    paying.add_card()
    paying.auto_refill()
    switched_off(paying)
    paying.charge_pending(now=NOW + 3 * A_DAY)
    assert (status(paying), charges(paying)) == ("Failed", [])


def test_what_was_given_up_and_arrives_all_the_same_is_credit(refilling: Paying) -> None:
    refill = refilling.history[0]
    switched_off(refilling)
    sweep(refilling, 15)
    assert status(refilling) == "Failed"
    refilling.make_intent_of(refill, confirm="true", off_session="true")
    refilling.tell_all()
    assert status(refilling) == "Paid"
    assert refilling.wallet.balance_micros == micros("105")
    assert_books_balance(refilling.store)


def test_not_known_is_never_taken_for_no(refilling: Paying) -> None:
    switched_off(refilling)
    for minutes in range(5, 120, 5):
        refilling.fault("/v1/payment_intents", UNREACHABLE, method="GET")
        refilling.reconcile(NOW + minutes * MINUTE)
    assert status(refilling) == "Processing"
    refilling.reconcile(NOW + 120 * MINUTE)
    assert status(refilling) == "Failed"


def test_a_payment_behind_more_than_300_others_is_found(paying: Paying) -> None:
    paying.add_card()
    paying.auto_refill()
    paying.fault("/v1/payment_intents", "timeout_after")
    paying.charge_pending()
    refill = paying.history[0]
    customer = str(paying.read("customers")[0]["id"])
    for _ in range(310):
        paying.make_intent(amount="100", currency="usd", customer=customer)
    switched_off(paying)
    a_day_later = NOW + 25 * timedelta(hours=1)
    paying.stripe.control("clock", {"now": int(a_day_later.timestamp())})
    paying.reconcile(a_day_later)
    assert paying.transaction(refill.transaction_id).status == "Paid"
    assert paying.wallet.balance_micros == micros("100")


def test_a_payment_that_stripe_has_and_nobody_confirmed_is_canceled_after_an_hour(refilling: Paying) -> None:
    intent = refilling.make_intent_of(refilling.history[0])
    sweep(refilling, 55)
    assert status(refilling) == "Processing"
    sweep(refilling, 65)
    ended = refilling.history[0]
    assert ended.failure is not None
    assert (ended.status, ended.failure.code) == ("Failed", "canceled")
    assert [each["status"] for each in refilling.read("payment_intents") if each["id"] == intent] == ["canceled"]
    refill = refilling.wallet.refill
    assert refill is not None
    assert (refill.pending, refill.failures) == (None, 0)


def test_a_top_up_that_nobody_confirmed_blocks_nothing_after_an_hour(paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", UNREACHABLE)
    started = paying.top_up("50", card=paying.cards[0].payment_method_id)
    paying.make_intent_of(started)
    sweep(paying, 65)
    assert status(paying) == "Failed"


def test_a_top_up_that_is_asked_for_again_is_not_abandoned_an_hour_after_the_first_time(paying: Paying) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    for minutes in (0, 58):
        paying.fault("/v1/payment_intents", UNREACHABLE)
        paying.top_up("50", card=card, now=NOW + minutes * MINUTE)
    sweep(paying, 100)
    assert status(paying) == "Processing"
    sweep(paying, 125)
    assert status(paying) == "Failed"


def test_a_card_is_not_kept_for_a_hold_that_no_bank_was_asked_for(paying: Paying) -> None:
    """The hold was made and nobody confirmed it; canceled later, it proves nothing."""
    session = paying.enter_card()
    paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(Exception, match="APIConnectionError"):
        paying.tell("checkout.session.completed", session)
    (card,) = paying.stored_cards
    paying.make_intent(
        amount="100",
        currency="usd",
        customer=str(paying.read("customers")[0]["id"]),
        payment_method=card.payment_method_id,
        capture_method="manual",
        **{
            "metadata[talktime_account]": "acme",
            "metadata[talktime_stage]": "test",
            "metadata[talktime_card]": card.payment_method_id,
        },
    )
    paying.behave("lost_card", card)
    sweep(paying, 55)
    assert [each.verification for each in paying.stored_cards] == ["pending"]
    sweep(paying, 75)
    assert [each.verification for each in paying.stored_cards] == ["failed"], "its bank was asked in the end"


def test_a_run_as_of_a_later_time_burns_no_credit_early(paying: Paying) -> None:
    give_credit(
        paying.store, "acme", micros=micros("50"), expires_at=NOW + A_DAY, reason="welcome", grant_id="g1", now=NOW
    )
    paying.reconcile(NOW + 40 * A_DAY, clock=NOW)
    assert paying.wallet.balance_micros == micros("50")
    paying.reconcile(NOW + A_DAY)
    assert paying.wallet.balance_micros == 0


def test_what_another_worker_has_just_asked_for_is_not_given_up_by_one_that_read_it_before(refilling: Paying) -> None:
    refill = refilling.history[0]
    switched_off(refilling)
    later = NOW + 11 * MINUTE
    asked = replace(refill, asked_at=later)
    assert Transactions(refilling.database).move(refill, asked)
    left = charge_card(refilling.store, refilling.gateway, refill, return_url=RETURN_URL, now=later)
    assert left.status == "Processing"
    refilling.reconcile(later + 10 * MINUTE)
    assert refilling.history[0].status == "Failed"


def test_of_two_workers_that_go_on_with_the_same_charge_one_asks(refilling: Paying) -> None:
    refill = refilling.history[0]
    later = NOW + 5 * MINUTE
    with ThreadPoolExecutor(8) as workers:
        charge = partial(charge_card, refilling.store, refilling.gateway, refill, return_url=RETURN_URL, now=later)
        list(workers.map(lambda _: charge(), range(8)))
    assert charges(refilling) == [10000]
    requests = refilling.stripe.control("requests", method="GET")["requests"]
    asked = [each for each in requests if (each["method"], each["path"]) == ("POST", "/v1/payment_intents")]
    assert len(asked) == 3, "the hold, the request that was lost, and one more"


@pytest.mark.parametrize("happens", [None, switched_off])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4])
def test_a_kill_around_any_write_leaves_a_charge_that_ends_once_and_right(
    refilling: Paying, write: int, moment: str, happens: Callable[[Paying], None] | None
) -> None:
    if happens is not None:
        happens(refilling)
    for minutes in (5, 11):
        switch = KillSwitch(refilling.database, write, moment=moment)
        with suppress(Killed):
            refilling.reconcile(NOW + minutes * MINUTE)
        switch.disarm()
    for minutes in (20, 25, 30):
        assert refilling.reconcile(NOW + minutes * MINUTE).stuck == 0
    ended = ("Paid", [10000]) if happens is None else ("Failed", [])
    assert (status(refilling), charges(refilling)) == ended
    assert refilling.wallet.refill is not None
    assert refilling.wallet.refill.pending is None
    assert_books_balance(refilling.store)
