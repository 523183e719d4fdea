"""A run of reconciliation says by its moment what is due. What it asks, gives up and posts is so by the clock."""

from datetime import timedelta

import pytest

from billing.payments.errors import PaymentsUnavailable
from billing.services.cards import remove_card
from billing.services.set_auto_refill import set_auto_refill
from tests.builders import NOW
from tests.paying_account import UNREACHABLE, Paying

A_DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def unanswered(paying: Paying) -> Paying:
    """With a refill of which Stripe has never heard."""
    paying.add_card()
    paying.fault("/v1/payment_intents", UNREACHABLE)
    paying.auto_refill()
    paying.charge_pending()
    return paying


def status(paying: Paying) -> str:
    return paying.history[0].status


def test_a_run_that_comes_late_gives_up_nothing_that_it_has_just_asked_for(unanswered: Paying) -> None:
    unanswered.fault("/v1/payment_intents", UNREACHABLE)
    unanswered.reconcile(NOW + 5 * MINUTE, clock=NOW + 45 * MINUTE)
    set_auto_refill(unanswered.store, "acme", None, NOW)
    unanswered.reconcile(NOW + 46 * MINUTE)
    assert status(unanswered) == "Processing"
    unanswered.reconcile(NOW + 56 * MINUTE)
    assert status(unanswered) == "Failed"


def test_a_run_as_of_a_later_day_puts_nothing_off_until_then(unanswered: Paying) -> None:
    unanswered.fault("/v1/payment_intents", UNREACHABLE)
    unanswered.reconcile(NOW + 40 * A_DAY, clock=NOW + 5 * MINUTE)
    unanswered.reconcile(NOW + 10 * MINUTE)
    assert status(unanswered) == "Paid"
    assert unanswered.history[0].paid_at == NOW + 10 * MINUTE


def test_a_run_as_of_a_later_day_gives_up_nothing_that_may_be_on_its_way(unanswered: Paying) -> None:
    set_auto_refill(unanswered.store, "acme", None, NOW)
    unanswered.reconcile(NOW + A_DAY, clock=NOW + MINUTE)
    assert status(unanswered) == "Processing"


def test_what_a_customer_that_stripe_no_longer_knows_had_open_ends_all_the_same(unanswered: Paying) -> None:
    set_auto_refill(unanswered.store, "acme", None, NOW)
    unanswered.delete_customer()
    for minutes in range(5, 30, 5):
        assert unanswered.reconcile(NOW + minutes * MINUTE).stuck == 0
    assert status(unanswered) == "Failed"


def test_cards_of_a_customer_that_stripe_no_longer_knows_end_all_the_same(paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", UNREACHABLE)
    with pytest.raises(PaymentsUnavailable):
        paying.tell("checkout.session.completed", paying.enter_card("pm_card_mastercard", key="page-2"))
    pending = next(each for each in paying.cards if each.verification == "pending")
    paying.delete_customer()
    paying.reconcile(NOW + 5 * MINUTE)
    left = next(each for each in paying.stored_cards if each.fingerprint == pending.fingerprint)
    assert left.verification == "gone"
    remove_card(paying.store, paying.gateway, "acme", left.payment_method_id)
    assert paying.reconcile(NOW + 10 * MINUTE).stuck == 0
    assert [each.fingerprint for each in paying.stored_cards] == [paying.cards[0].fingerprint]
