"""What a card's new expiry date mends: what its old date broke, and nothing else."""

from collections.abc import Callable

import pytest

from billing.services.cards import remove_card
from tests.builders import NOW, micros
from tests.integration.test_renewed_cards import DECEMBER, MINUTE, NEW_DATE, OLD_DATE, be_at, date_of, renew
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, STARTER, Subscriber


@pytest.fixture
def acme(paying: Paying) -> Paying:
    """With one card, good to the end of November, and in December by now."""
    paying.add_card(expires=OLD_DATE)
    be_at(paying, DECEMBER)
    return paying


def suspended(acme: Paying) -> None:
    """Below its threshold, with an auto-refill that the expired card has stopped."""
    acme.auto_refill(now=DECEMBER)
    acme.charge_pending(now=DECEMBER)
    assert acme.wallet.refill is not None
    assert acme.wallet.refill.suspended == "expired_card"


def network_renews(acme: Paying) -> None:
    (card,) = acme.cards
    date = {"exp_year": NEW_DATE[0], "exp_month": NEW_DATE[1]}
    acme.stripe.control(f"payment_methods/{card.payment_method_id}", date)
    acme.tell("payment_method.automatically_updated", card.payment_method_id, now=DECEMBER)


def remove_and_enter(acme: Paying) -> None:
    remove_card(acme.store, acme.gateway, "acme", acme.cards[0].payment_method_id)
    renew(acme)
    acme.auto_refill(now=DECEMBER)


@pytest.mark.parametrize("heal", [renew, network_renews, remove_and_enter])
def test_an_auto_refill_that_an_expired_card_stopped_goes_on_with_its_new_date(
    acme: Paying, heal: Callable[[Paying], None]
) -> None:
    suspended(acme)
    heal(acme)
    assert acme.charge_pending(now=DECEMBER) is None, "two refills are a minute apart"
    acme.reconcile(DECEMBER + MINUTE)
    charged = acme.charge_pending(now=DECEMBER + MINUTE)
    assert charged is not None
    assert charged.status == "Paid"
    assert acme.wallet.refill is not None
    assert acme.wallet.refill.suspended is None
    assert acme.wallet.balance_micros == micros("100")
    assert_books_balance(acme.store)


@pytest.mark.parametrize("heal", [renew, network_renews])
def test_an_auto_refill_that_stopped_for_another_reason_waits_on(acme: Paying, heal: Callable[[Paying], None]) -> None:
    be_at(acme, NOW)
    acme.behave("lost_card")
    acme.auto_refill()
    acme.charge_pending()
    be_at(acme, DECEMBER)
    heal(acme)
    assert acme.wallet.refill is not None
    assert (acme.wallet.refill.suspended, acme.wallet.refill.pending) == ("lost_card", None)
    assert [date_of(card) for card in acme.cards] == [NEW_DATE]
    assert [each.status for each in acme.history] == ["Failed"]


def test_a_refill_by_the_old_date_that_the_new_one_overtakes_is_made_again_with_that_and_charged_once(
    acme: Paying,
) -> None:
    acme.auto_refill(now=DECEMBER)
    renew(acme)
    first = acme.charge_pending(now=DECEMBER)
    assert first is not None
    assert first.status == "Processing", "the old one is not asked"
    again = DECEMBER + 11 * MINUTE
    acme.reconcile(again)
    second = acme.charge_pending(now=again)
    assert second is not None
    assert (second.status, second.payment_method_id) == ("Paid", acme.cards[0].payment_method_id)
    assert acme.charge_pending(now=again) is None
    assert [each.failure and each.failure.code for each in acme.history] == [None, "no_longer_wanted"]
    assert acme.wallet.balance_micros == micros("100")
    assert acme.wallet.refill is not None
    assert (acme.wallet.refill.suspended, acme.wallet.refill.failures) == (None, 0)


@pytest.fixture
def past_due(paying: Paying) -> Subscriber:
    """A subscription whose renewal found the card expired."""
    subscriber = Subscriber(paying).subscribed()
    date = {"exp_year": OLD_DATE[0], "exp_month": OLD_DATE[1]}
    paying.stripe.control(f"payment_methods/{paying.cards[0].payment_method_id}", date)
    paying.tell_all()
    assert subscriber.sweep(RENEWAL) == ["declined"]
    return subscriber


def enter_at_renewal(paying: Paying) -> None:
    paying.add_card(key="page-2", expires=NEW_DATE, now=RENEWAL + MINUTE)


@pytest.mark.parametrize("heal", [enter_at_renewal, network_renews])
def test_an_unpaid_renewal_is_tried_at_once_with_the_cards_new_date(
    past_due: Subscriber, heal: Callable[[Paying], None]
) -> None:
    heal(past_due.paying)
    assert past_due.charges == [3000, 3000]
    assert (past_due.period.payment, past_due.subscription.dunning) == ("paid", None)
    assert_books_balance(past_due.paying.store)


def test_an_update_without_another_date_tries_nothing(past_due: Subscriber) -> None:
    (card,) = past_due.paying.cards
    past_due.paying.stripe.control(f"payment_methods/{card.payment_method_id}", {"last4": "1881"})
    for _ in range(2):
        past_due.paying.tell("payment_method.automatically_updated", card.payment_method_id, now=RENEWAL + MINUTE)
    assert past_due.paying.cards[0].last4 == "1881"
    assert len(past_due.renewals) == 1


def test_a_renewal_by_the_old_date_that_the_new_one_overtakes_is_paid_once_with_that(paying: Paying) -> None:
    subscriber = Subscriber(paying)
    paying.add_card(expires=(2027, 1))
    subscriber.put(STARTER)
    paying.fault("/v1/payment_intents", "timeout_before")
    assert subscriber.sweep(RENEWAL) == ["unknown"]
    paying.add_card(key="page-2", expires=NEW_DATE, now=RENEWAL + MINUTE)
    subscriber.sweep(RENEWAL + 5 * MINUTE)
    subscriber.sweep(RENEWAL + 10 * MINUTE)
    assert subscriber.charges == [3000, 3000]
    assert [each.status for each in subscriber.renewals] == ["Failed", "Paid"]
    assert_books_balance(paying.store)
