from typing import Any
from uuid import uuid4

import pytest
import stripe
from stripe import CardError, InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator, running_simulator
from tests.contract.stripe_simulator.conftest import Pay, client_of


def test_a_customer_is_read_back_as_it_was_created(stripe_client: StripeClient) -> None:
    created = stripe_client.v1.customers.create(
        {"name": "شركة أكمي", "email": "a+b@acme.example", "metadata": {"account_id": "acme"}}
    )
    read = stripe_client.v1.customers.retrieve(created.id)
    assert (read.name, read.email) == ("شركة أكمي", "a+b@acme.example")
    assert read.metadata is not None
    assert read.metadata["account_id"] == "acme"


def test_an_update_changes_what_is_given_and_an_empty_value_removes_it(stripe_client: StripeClient) -> None:
    created = stripe_client.v1.customers.create({"name": "Acme", "phone": "+1 555", "metadata": {"a": "1", "b": "2"}})
    changed = stripe_client.v1.customers.update(created.id, {"phone": "", "metadata": {"a": "", "c": "3"}})
    assert (changed.name, changed.phone) == ("Acme", None)
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}


def test_an_unknown_customer_is_a_404_in_the_path_and_a_400_in_a_parameter(stripe_client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError) as in_path:
        stripe_client.v1.customers.retrieve("cus_unknown")
    with pytest.raises(InvalidRequestError) as in_parameter:
        stripe_client.v1.payment_intents.create({"amount": 1000, "currency": "usd", "customer": "cus_unknown"})
    assert (in_path.value.http_status, in_path.value.code) == (404, "resource_missing")
    assert (in_parameter.value.http_status, in_parameter.value.param) == (400, "customer")


def test_a_default_payment_method_must_be_the_customers_own(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    change: Any = {"invoice_settings": {"default_payment_method": saved_card.id}}
    changed = stripe_client.v1.customers.update(customer.id, change)
    assert changed.invoice_settings is not None
    assert changed.invoice_settings.default_payment_method == saved_card.id
    other = stripe_client.v1.customers.create({"name": "Other"})
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.customers.update(other.id, change)


def test_the_same_card_added_twice_is_two_payment_methods_with_one_fingerprint(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    first, second, other = (
        stripe_client.v1.payment_methods.attach(token, {"customer": customer.id})
        for token in ("pm_card_visa", "pm_card_visa", "pm_card_mastercard")
    )
    assert first.card is not None
    assert second.card is not None
    assert other.card is not None
    assert first.id != second.id
    assert first.card.fingerprint == second.card.fingerprint != other.card.fingerprint


def test_a_test_card_has_its_brand_and_last_four(stripe_client: StripeClient, customer: stripe.Customer) -> None:
    method = stripe_client.v1.payment_methods.attach("pm_card_amex", {"customer": customer.id})
    assert method.card is not None
    assert (method.card.brand, method.card.last4) == ("amex", "0005")


def test_a_customers_cards_are_listed_newest_first_until_detached(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    second = stripe_client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    cards = stripe_client.v1.customers.payment_methods.list(customer.id, {"type": "card"})
    assert [card.id for card in cards.data] == [second.id, saved_card.id]
    stripe_client.v1.payment_methods.detach(second.id)
    left = stripe_client.v1.payment_methods.list({"customer": customer.id, "type": "card"})
    assert [card.id for card in left.data] == [saved_card.id]


def test_a_detached_card_can_neither_pay_nor_be_attached_again(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    stripe_client.v1.payment_methods.detach(saved_card.id)
    with pytest.raises(InvalidRequestError):
        pay(saved_card.id)
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_methods.attach(saved_card.id, {"customer": customer.id})


def test_a_card_that_is_declined_cannot_even_be_attached(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    with pytest.raises(CardError) as refused:
        stripe_client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    assert stripe_client.v1.customers.payment_methods.list(customer.id).data == []


def test_a_customer_is_not_created_with_a_card_that_is_declined(stripe_client: StripeClient) -> None:
    email = f"{uuid4()}@acme.example"
    with pytest.raises(CardError):
        stripe_client.v1.customers.create({"email": email, "payment_method": "pm_card_chargeDeclined"})
    assert stripe_client.v1.customers.list({"email": email}).data == []


def test_a_fingerprint_is_of_the_card_and_not_of_the_account(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    del simulator  # Stripe's fingerprints differ from one account to another
    with running_simulator() as other:
        clients = (stripe_client, client_of(other))
        cards = [client.v1.payment_methods.retrieve("pm_card_visa").card for client in clients]
    assert cards[0] is not None
    assert cards[1] is not None
    assert cards[0].fingerprint == cards[1].fingerprint


def test_a_card_of_another_customer_cannot_pay(stripe_client: StripeClient, pay: Pay) -> None:
    other = stripe_client.v1.customers.create({"name": "Other"})
    foreign = stripe_client.v1.payment_methods.attach("pm_card_visa", {"customer": other.id})
    with pytest.raises(InvalidRequestError) as refused:
        pay(foreign.id)
    assert refused.value.param == "payment_method"


def test_a_saved_card_can_be_made_to_decline_and_to_work_again(
    simulator: RunningSimulator, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    simulator.control(f"payment_methods/{saved_card.id}", {"behavior": "insufficient_funds"})
    with pytest.raises(CardError) as refused:
        pay(saved_card.id)
    assert refused.value.error is not None
    assert refused.value.error.decline_code == "insufficient_funds"
    simulator.control(f"payment_methods/{saved_card.id}", {"behavior": "succeed"})
    assert pay(saved_card.id).status == "succeeded"


def test_a_card_with_a_new_number_says_so_on_each_later_charge(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    before = pay(saved_card.id)
    simulator.control(f"payment_methods/{saved_card.id}", {"number": "4000056655665556"})
    after = pay(saved_card.id)
    method = stripe_client.v1.payment_methods.retrieve(saved_card.id).card
    old, new = (_card_charged(stripe_client, intent) for intent in (before, after))
    assert saved_card.card is not None
    assert method is not None
    assert (old.last4, old.fingerprint) == ("4242", saved_card.card.fingerprint)
    assert (new.last4, new.fingerprint) == ("5556", method.fingerprint)
    assert old.fingerprint != new.fingerprint


def _card_charged(client: StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge.PaymentMethodDetails.Card:
    details = client.v1.charges.retrieve(str(intent.latest_charge)).payment_method_details
    assert details is not None
    assert details.card is not None
    return details.card


def test_a_card_declines_from_the_month_after_its_expiry(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    november = 1_793_491_200  # 2026-11-01 00:00 UTC
    simulator.control("clock", {"now": november - 60})
    simulator.control(f"payment_methods/{saved_card.id}", {"exp_month": 10, "exp_year": 2026})
    assert pay(saved_card.id).status == "succeeded"
    simulator.control("clock", {"now": november})
    with pytest.raises(CardError) as refused:
        pay(saved_card.id)
    assert refused.value.code == "expired_card"
    card = stripe_client.v1.payment_methods.retrieve(saved_card.id).card
    assert card is not None
    assert (card.exp_month, card.exp_year) == (10, 2026)


def test_lists_are_paged_newest_first(stripe_client: StripeClient) -> None:
    email = f"{uuid4()}@acme.example"
    ids = [stripe_client.v1.customers.create({"email": email, "name": str(number)}).id for number in range(3)]
    first = stripe_client.v1.customers.list({"email": email, "limit": 2})
    assert ([item.id for item in first.data], first.has_more) == ([ids[2], ids[1]], True)
    rest = stripe_client.v1.customers.list({"email": email, "limit": 2, "starting_after": first.data[-1].id})
    assert ([item.id for item in rest.data], rest.has_more) == ([ids[0]], False)
    whole = stripe_client.v1.customers.list({"email": email, "limit": 3})
    assert (len(whole.data), whole.has_more) == (3, False)
    back = stripe_client.v1.customers.list({"email": email, "limit": 1, "ending_before": ids[0]})
    assert ([item.id for item in back.data], back.has_more) == ([ids[1]], True)
    assert [item.id for item in first.auto_paging_iter()] == ids[::-1]


def test_a_page_has_1_to_100_objects(stripe_client: StripeClient) -> None:
    for limit in (0, 101):
        with pytest.raises(InvalidRequestError) as refused:
            stripe_client.v1.customers.list({"limit": limit})
        assert refused.value.param == "limit"
