"""Cards: entered on Stripe's page, proved by a hold that is voided, one of them the default."""

from dataclasses import replace

import pytest

from billing.domain.card import MAX_CARDS, MAX_CARDS_NOT_KEPT, Verification
from billing.domain.errors import Conflict
from billing.payments.errors import PaymentsUnavailable
from billing.services.cards import CardNotFound, make_default, remove_card
from billing.store.cards import Cards
from billing.words.decline_texts import why_not_paid
from tests.builders import NOW
from tests.paying_account import Paying

pytestmark = pytest.mark.usefixtures("paying")


def test_a_card_is_verified_by_a_hold_of_one_dollar_that_is_voided_and_appears_nowhere(paying: Paying) -> None:
    paying.add_card()
    (card,) = paying.cards
    assert (card.brand, card.last4, card.verification) == ("visa", "4242", "verified")
    (hold,) = paying.read("payment_intents")
    assert (hold["amount"], hold["status"], hold["amount_received"]) == (100, "canceled", 0)
    assert paying.history == []
    assert paying.wallet.balance_micros == 0


def test_the_first_card_becomes_the_default_and_the_second_does_not(paying: Paying) -> None:
    paying.add_card("pm_card_visa")
    paying.add_card("pm_card_mastercard", key="page-2")
    visa, mastercard = paying.cards
    assert paying.wallet.default_card is not None
    assert paying.wallet.default_card.payment_method_id == visa.payment_method_id
    make_default(paying.store, "acme", mastercard.payment_method_id, NOW)
    assert paying.wallet.default_card is not None
    assert paying.wallet.default_card.payment_method_id == mastercard.payment_method_id


def test_a_card_whose_hold_is_declined_is_not_kept_and_says_why(paying: Paying) -> None:
    paying.add_card("pm_card_chargeCustomerFail")
    (card,) = paying.cards
    assert card.verification == "failed"
    assert card.failure is not None
    assert "declined" in why_not_paid(card.failure)
    assert paying.wallet.default_card is None
    assert paying.gateway.method(card.payment_method_id).customer_id is None


def test_the_same_card_added_twice_is_one_card(paying: Paying) -> None:
    paying.add_card()
    first = paying.cards
    paying.add_card(key="page-2")
    assert paying.cards == first
    assert len(paying.read("payment_methods", customer=str(paying.read("customers")[0]["id"]))) == 1


def test_a_card_told_of_twice_is_verified_once(paying: Paying) -> None:
    session = paying.enter_card()
    for _ in range(3):
        paying.tell("checkout.session.completed", session)
    assert len(paying.cards) == 1
    assert len(paying.read("payment_intents")) == 1


def test_the_default_card_cannot_be_removed_while_there_is_another(paying: Paying) -> None:
    paying.add_card("pm_card_visa")
    paying.add_card("pm_card_mastercard", key="page-2")
    visa, mastercard = paying.cards
    with pytest.raises(Conflict) as refusal:
        remove_card(paying.store, paying.gateway, "acme", visa.payment_method_id)
    assert refusal.value.code == "card_is_default"
    make_default(paying.store, "acme", mastercard.payment_method_id, NOW)
    remove_card(paying.store, paying.gateway, "acme", visa.payment_method_id)
    assert paying.cards == [mastercard]
    assert paying.gateway.method(visa.payment_method_id).customer_id is None


def test_removing_the_last_card_switches_auto_refill_off_and_says_so(paying: Paying) -> None:
    paying.add_card()
    paying.store.adjust("50", "wire")
    paying.auto_refill()
    (card,) = paying.cards
    removed = remove_card(paying.store, paying.gateway, "acme", card.payment_method_id)
    assert removed.auto_refill_switched_off
    assert paying.wallet.default_card is None
    assert paying.wallet.refill is not None
    assert not paying.wallet.refill.enabled
    assert paying.cards == []
    with pytest.raises(CardNotFound):
        remove_card(paying.store, paying.gateway, "acme", card.payment_method_id)


def test_a_removed_card_that_stripe_could_not_be_told_of_is_forgotten_there_later(paying: Paying) -> None:
    paying.add_card()
    (card,) = paying.cards
    paying.fault("/v1/payment_methods/*/detach", "timeout_before")
    remove_card(paying.store, paying.gateway, "acme", card.payment_method_id)
    assert paying.cards == []
    assert paying.gateway.method(card.payment_method_id).customer_id is not None
    paying.reconcile(NOW.replace(hour=13))
    assert paying.gateway.method(card.payment_method_id).customer_id is None
    assert paying.stored_cards == []


def test_a_card_is_neither_removed_nor_made_default_while_it_is_being_verified(paying: Paying) -> None:
    session = paying.enter_card()
    paying.fault("/v1/payment_intents", "timeout_before")
    with pytest.raises(PaymentsUnavailable):
        paying.tell("checkout.session.completed", session)
    (card,) = paying.cards
    assert card.verification == "pending"
    for refused in (
        lambda: remove_card(paying.store, paying.gateway, "acme", card.payment_method_id),
        lambda: make_default(paying.store, "acme", card.payment_method_id, NOW),
    ):
        with pytest.raises(Conflict) as refusal:
            refused()
        assert refusal.value.code == "card_not_verified"


def test_a_removed_card_can_be_added_again(paying: Paying) -> None:
    paying.add_card()
    remove_card(paying.store, paying.gateway, "acme", paying.cards[0].payment_method_id)
    paying.add_card(key="page-2")
    (card,) = paying.cards
    assert card.is_usable
    assert paying.wallet.default_card is not None


def test_a_card_is_added_again_although_stripe_still_has_the_one_that_was_removed(paying: Paying) -> None:
    paying.add_card()
    (removed,) = paying.cards
    paying.fault("/v1/payment_methods/*/detach", "timeout_before")
    remove_card(paying.store, paying.gateway, "acme", removed.payment_method_id)
    paying.add_card(key="page-2")
    (card,) = paying.cards
    assert card.is_usable
    assert card.payment_method_id != removed.payment_method_id
    assert paying.gateway.method(removed.payment_method_id).customer_id is None


def test_a_hold_that_is_found_once_its_card_is_verified_is_released(paying: Paying) -> None:
    paying.add_card()
    (card,) = paying.cards
    late = paying.gateway.place_hold(card, str(paying.read("customers")[0]["id"]), "USD", NOW.replace(hour=23))
    assert late.report.outcome == "held"
    paying.tell("payment_intent.amount_capturable_updated", late.intent_id)
    assert {intent["status"] for intent in paying.read("payment_intents")} == {"canceled"}
    assert paying.cards == [card]


@pytest.mark.parametrize(("currency", "minor_units"), [("JPY", 150), ("OMR", 1000), ("AED", 400), ("HUF", 40000)])
def test_the_hold_is_about_a_dollar_and_what_stripe_accepts_in_the_currency(
    paying: Paying, currency: str, minor_units: int
) -> None:
    other = Paying(paying.database, paying.stripe, "globex")
    other.open(currency=currency)
    other.add_card()
    assert other.cards[0].is_usable
    assert other.read("payment_intents")[0]["amount"] == minor_units


def test_a_card_whose_network_renews_it_is_shown_so_and_its_new_end_will_be_announced(paying: Paying) -> None:
    paying.add_card()
    (card,) = paying.cards
    Cards(paying.database).mark_expiry_told(card, 7)
    paying.stripe.control(f"payment_methods/{card.payment_method_id}", {"exp_month": 3, "exp_year": 2031})
    paying.tell_all()
    (renewed,) = paying.cards
    assert (renewed.exp_month, renewed.exp_year, renewed.expiry_told_days) == (3, 2031, None)


@pytest.mark.parametrize(("verification", "most"), [("verified", MAX_CARDS), ("failed", MAX_CARDS_NOT_KEPT)])
def test_no_page_opens_for_one_card_too_many_until_one_is_removed(
    paying: Paying, verification: Verification, most: int
) -> None:
    paying.add_card()
    (first,) = paying.cards
    methods = Cards(paying.database)
    there = most - (verification == "verified")
    for n in range(there):
        card = replace(first, fingerprint=f"fp_{n}", payment_method_id=f"pm_{n}", verification=verification)
        methods.add(card)
    with pytest.raises(Conflict) as refusal:
        paying.enter_card(key="page-2")
    assert refusal.value.code == "too_many_cards"
    methods.forget(card)
    paying.enter_card(key="page-3")
