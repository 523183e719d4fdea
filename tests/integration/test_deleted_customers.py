"""A customer that was deleted at Stripe is made anew: its cards are gone, and it pays again after a new one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from billing.domain.card import MAX_CARDS
from billing.domain.errors import Conflict
from billing.payments.gateway import Gateway
from billing.services.accounts import change_account
from billing.services.cards import make_default, remove_card
from billing.services.stripe_customer import replace_customer, with_customer
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import RENEWAL, Subscriber

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def deleted(paying: Paying) -> Paying:
    paying.add_card()
    paying.delete_customer()
    return paying


def customers(paying: Paying) -> list[str]:
    """Those that are not deleted."""
    return [each["id"] for each in paying.read("customers")]


def states(paying: Paying) -> list[str]:
    return [card.verification for card in paying.cards]


def test_the_card_page_is_a_new_customers_and_the_card_entered_there_pays(deleted: Paying) -> None:
    deleted.add_card("pm_card_mastercard", key="page-2")
    assert states(deleted) == ["gone", "verified"]
    card = deleted.cards[1].payment_method_id
    assert deleted.wallet.default_card is not None
    assert deleted.wallet.default_card.payment_method_id == card
    assert deleted.top_up("50", card=card).status == "Paid"
    assert len(customers(deleted)) == 1
    assert deleted.read("customers")[0]["metadata"]["talktime_account"] == "acme"


def test_the_same_card_entered_again_is_one_card(deleted: Paying) -> None:
    deleted.add_card(key="page-2")
    assert states(deleted) == ["verified"]
    assert deleted.top_up("50", card=deleted.cards[0].payment_method_id).status == "Paid"


def test_a_payment_page_is_a_new_customers(deleted: Paying) -> None:
    page = deleted.top_up("50")
    deleted.pay_page(page)
    deleted.tell_all()
    assert (deleted.transaction().status, deleted.wallet.balance_micros) == ("Paid", micros("50"))
    assert states(deleted) == ["gone"]


def test_a_page_whose_customer_is_deleted_while_it_is_open_is_replaced_by_another(paying: Paying) -> None:
    page = paying.top_up("50")
    paying.delete_customer()
    paying.stripe.control(f"checkout/sessions/{page.session_id}/expire")
    again = paying.top_up("50", now=LATER)
    assert (again.status, again.session_id != page.session_id) == ("Checkout", True)
    paying.pay_page(again)
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")


def test_a_charge_of_the_lost_card_fails_as_a_card_that_is_gone_and_no_other_is_asked(deleted: Paying) -> None:
    charged = deleted.top_up("50", card=deleted.cards[0].payment_method_id)
    assert charged.status == "Failed"
    assert charged.failure is not None
    assert charged.failure.code == "card_unusable"
    assert (states(deleted), deleted.wallet.default_card) == (["gone"], None)
    with pytest.raises(Conflict, match="the card is gone"):
        deleted.top_up("50", card=deleted.cards[0].payment_method_id, transaction_id="tx_2")


def test_auto_refill_is_suspended_and_goes_on_with_a_new_card(deleted: Paying) -> None:
    deleted.auto_refill(threshold="20", amount="100")
    deleted.charge_pending()
    refill = deleted.wallet.refill
    assert refill is not None
    assert (refill.suspended, refill.enabled, refill.pending) == ("card_unusable", True, None)
    deleted.add_card("pm_card_mastercard", key="page-2", now=LATER)
    deleted.charge_pending(now=LATER)
    assert deleted.wallet.balance_micros == micros("100")


def test_an_unpaid_renewal_is_paid_by_the_new_card_at_once(paying: Paying) -> None:
    acme = Subscriber(paying).subscribed()
    paying.delete_customer()
    assert acme.sweep(RENEWAL) == ["declined"]
    assert acme.wallet.is_past_due
    moment = RENEWAL + timedelta(hours=1)
    acme.at(moment)
    paying.add_card("pm_card_mastercard", key="page-2", now=moment)
    assert (acme.wallet.is_past_due, acme.period.payment) == (False, "paid")
    assert_books_balance(paying.store)


def test_a_changed_name_finds_it_out_too(deleted: Paying) -> None:
    change_account(deleted.store, "acme", name="山田商店", email=None, language=None)
    assert deleted.top_up("50").status == "Checkout"
    assert [each["name"] for each in deleted.read("customers")] == ["山田商店"]


def test_a_card_that_was_being_verified_is_gone(paying: Paying) -> None:
    entered = paying.enter_card()
    paying.fault("/v1/payment_intents", "timeout_before")
    with pytest.raises(Exception, match="APIConnectionError"):
        paying.tell("checkout.session.completed", entered)
    paying.delete_customer()
    paying.reconcile(LATER)
    assert states(paying) in (["gone"], ["failed"])
    paying.add_card(key="page-2", now=LATER)
    assert states(paying) == ["verified"]


def test_workers_that_find_it_out_at_once_make_one_customer_and_lose_no_new_card(deleted: Paying) -> None:
    def find_out(_: int) -> list[object]:
        return with_customer(
            deleted.store, deleted.gateway, "acme", NOW, lambda customer: list(deleted.gateway.cards_of(customer))
        )

    with ThreadPoolExecutor(6) as workers:
        assert list(workers.map(find_out, range(6))) == [[]] * 6
    assert len(customers(deleted)) == 1
    deleted.add_card("pm_card_mastercard", key="page-2")
    replace_customer(deleted.store, deleted.gateway, "acme", NOW)  # by one that was slow
    assert states(deleted) == ["gone", "verified"]
    assert len(customers(deleted)) == 1


def test_whoever_dies_between_the_lost_cards_and_the_new_customer_is_made_up_for(
    deleted: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Gateway, "create_customer", die)
        with pytest.raises(KeyboardInterrupt):
            deleted.top_up("50")
    assert states(deleted) == ["gone"]
    assert deleted.top_up("50").status == "Checkout"
    assert len(customers(deleted)) == 1


def test_a_customer_deleted_twice_is_made_anew_twice_within_minutes(deleted: Paying) -> None:
    deleted.add_card("pm_card_mastercard", key="page-2")
    deleted.delete_customer()
    deleted.add_card("pm_card_amex", key="page-3")
    assert {card.brand: card.verification for card in deleted.cards} == {
        "visa": "gone",
        "mastercard": "gone",
        "amex": "verified",
    }


def test_cards_that_are_gone_leave_room_for_others_and_can_be_removed(paying: Paying) -> None:
    for number in range(2):
        paying.add_card(("pm_card_visa", "pm_card_mastercard")[number], key=f"page-{number}")
    paying.delete_customer()
    paying.top_up("50")
    assert states(paying) == ["gone", "gone"]
    for card in paying.cards:
        remove_card(paying.store, paying.gateway, "acme", card.payment_method_id)
    assert paying.stored_cards == []
    assert MAX_CARDS == 20


def test_a_card_that_was_detached_by_hand_is_gone_once_it_is_charged_and_another_is_the_default(paying: Paying) -> None:
    paying.add_card()
    paying.add_card("pm_card_mastercard", key="page-2", now=NOW + timedelta(seconds=1))
    first, second = (card.payment_method_id for card in paying.cards)
    paying.stripe.control(f"payment_methods/{first}/detach")
    charged = paying.top_up("50", card=first)
    assert charged.failure is not None
    assert (charged.status, charged.failure.code) == ("Failed", "card_unusable")
    assert states(paying) == ["gone", "verified"]
    assert paying.wallet.default_card is not None
    assert paying.wallet.default_card.payment_method_id == second
    with pytest.raises(Conflict):
        make_default(paying.store, "acme", first, NOW)
