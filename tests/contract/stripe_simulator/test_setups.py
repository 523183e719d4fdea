from typing import Any

import pytest
import stripe
from stripe import CardError, InvalidRequestError, StripeClient

from tests.contract.stripe_simulator.conftest import Pay

NO_REDIRECTS: Any = {"enabled": True, "allow_redirects": "never"}


def _set_up(client: StripeClient, customer: stripe.Customer, token: str) -> stripe.SetupIntent:
    return client.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": token,
            "confirm": True,
            "automatic_payment_methods": NO_REDIRECTS,
        }
    )


def test_a_setup_saves_the_card_to_the_customer(
    stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    setup = _set_up(stripe_client, customer, "pm_card_visa")
    assert (setup.status, setup.usage) == ("succeeded", "off_session")
    method = stripe_client.v1.payment_methods.retrieve(str(setup.payment_method))
    assert method.customer == customer.id
    assert pay(method.id).status == "succeeded"


def test_a_refused_setup_keeps_its_error_and_saves_nothing(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    with pytest.raises(CardError) as refused:
        _set_up(stripe_client, customer, "pm_card_chargeDeclinedInsufficientFunds")
    assert refused.value.error is not None
    assert refused.value.error.setup_intent is not None
    setup = stripe_client.v1.setup_intents.retrieve(refused.value.error.setup_intent.id)
    assert setup.status == "requires_payment_method"
    assert setup.last_setup_error is not None
    assert setup.last_setup_error.decline_code == "insufficient_funds"
    assert stripe_client.v1.customers.payment_methods.list(customer.id).data == []


def test_a_setup_can_be_confirmed_later_and_only_once(stripe_client: StripeClient, customer: stripe.Customer) -> None:
    setup = stripe_client.v1.setup_intents.create({"customer": customer.id, "automatic_payment_methods": NO_REDIRECTS})
    assert setup.status == "requires_payment_method"
    done = stripe_client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
    assert done.status == "succeeded"
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "setup_intent_unexpected_state"
    listed = stripe_client.v1.setup_intents.list({"customer": customer.id})
    assert [item.id for item in listed.data] == [setup.id]


def test_a_bank_that_wants_the_cardholder_asks_for_an_action(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    assert _set_up(stripe_client, customer, "pm_card_authenticationRequiredOnSetup").status == "requires_action"
