from typing import Any

import httpx
import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay

SUCCESS = "https://talktime.example/done"


def _missing(status: int, asks: list[Any]) -> None:
    for ask in asks:
        with pytest.raises(InvalidRequestError, match="No such customer: 'cus_") as refused:
            ask()
        assert (refused.value.http_status, refused.value.code) == (status, "resource_missing")
        assert (refused.value.param == "customer") == (status == 400)


def test_a_deleted_customer_is_still_answered_as_deleted(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    answer = stripe_client.v1.customers.delete(customer.id)
    expected = {"id": customer.id, "object": "customer", "deleted": True}
    assert answer.to_dict() == expected
    assert stripe_client.v1.customers.retrieve(customer.id).to_dict() == expected
    assert customer.id not in [item.id for item in stripe_client.v1.customers.list().data]


def test_a_deleted_customer_can_be_neither_named_nor_changed(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    gone = customer.id
    client = stripe_client
    client.v1.customers.delete(gone)
    by_parameter: list[Any] = [
        lambda: client.v1.payment_intents.create({"amount": 2000, "currency": "usd", "customer": gone}),
        lambda: client.v1.setup_intents.create({"customer": gone}),
        lambda: client.v1.checkout.sessions.create(
            {"mode": "setup", "currency": "usd", "customer": gone, "success_url": SUCCESS}
        ),
        lambda: client.v1.payment_methods.attach("pm_card_visa", {"customer": gone}),
        lambda: client.v1.payment_intents.list({"customer": gone}),
        lambda: client.v1.payment_methods.list({"customer": gone}),
        lambda: client.v1.charges.list({"customer": gone}),
    ]
    by_path: list[Any] = [
        lambda: client.v1.customers.update(gone, {"name": "Again"}),
        lambda: client.v1.customers.payment_methods.list(gone),
        lambda: client.v1.customers.delete(gone),
    ]
    _missing(400, by_parameter)
    _missing(404, by_path)


def test_what_a_deleted_customer_left_open_can_be_finished_by_nobody(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    client = stripe_client
    intent = client.v1.payment_intents.create({"amount": 2000, "currency": "usd", "customer": customer.id})
    setup = client.v1.setup_intents.create({"customer": customer.id})
    page = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "usd", "customer": customer.id, "success_url": SUCCESS}
    )
    client.v1.customers.delete(customer.id)
    confirm: Any = {"payment_method": "pm_card_visa", "return_url": SUCCESS}
    _missing(
        400,
        [
            lambda: client.v1.payment_intents.confirm(intent.id, confirm),
            lambda: client.v1.setup_intents.confirm(setup.id, confirm),
        ],
    )
    with pytest.raises(httpx.HTTPStatusError, match="No such customer"):
        simulator.control(f"checkout/sessions/{page.id}/complete")


def test_what_a_deleted_customer_paid_stays_with_its_id(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    stripe_client.v1.customers.delete(customer.id)
    read = stripe_client.v1.payment_intents.retrieve(paid.id, {"expand": ["latest_charge.customer"]})
    assert read.customer == customer.id
    assert isinstance(read.latest_charge, stripe.Charge)
    assert isinstance(read.latest_charge.customer, stripe.Customer)
    assert read.latest_charge.customer.deleted
    assert stripe_client.v1.refunds.create({"payment_intent": paid.id}).status == "succeeded"


def test_the_cards_of_a_deleted_customer_are_nobodys_and_useless(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    stripe_client.v1.customers.delete(customer.id)
    assert stripe_client.v1.payment_methods.retrieve(saved_card.id).customer is None
    other = stripe_client.v1.customers.create({"name": "Again"})
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_methods.attach(saved_card.id, {"customer": other.id})
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.payment_intents.create(
            {"amount": 2000, "currency": "usd", "customer": other.id, "payment_method": saved_card.id}
        )
    assert refused.value.param == "payment_method"


@pytest.mark.parametrize("by_request", [True, False])
def test_a_deletion_is_told_with_the_request_behind_it_if_there_was_one(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, by_request: bool
) -> None:
    if by_request:
        stripe_client.v1.customers.delete(customer.id)
    else:
        simulator.control(f"customers/{customer.id}/delete")
    (event,) = stripe_client.v1.events.list({"type": "customer.deleted"}).data
    assert (event.data.object["id"], event.data.object["name"]) == (customer.id, customer.name)
    assert event.request is not None
    assert (event.request.id is not None) == by_request


def test_a_card_taken_away_in_the_dashboard_is_told_as_detached(
    simulator: RunningSimulator,
    stripe_client: StripeClient,
    customer: stripe.Customer,
    saved_card: stripe.PaymentMethod,
) -> None:
    simulator.control(f"payment_methods/{saved_card.id}/detach")
    (event,) = stripe_client.v1.events.list({"type": "payment_method.detached"}).data
    assert (event.data.object["id"], event.data.object["customer"]) == (saved_card.id, None)
    assert event.data.previous_attributes is not None
    assert event.data.previous_attributes["customer"] == customer.id
    assert stripe_client.v1.customers.payment_methods.list(customer.id).data == []


def test_deleting_takes_no_parameters(simulator: RunningSimulator, customer: stripe.Customer) -> None:
    answer = httpx.delete(
        f"{simulator.url}/v1/customers/{customer.id}?reason=spam",
        headers={"Authorization": f"Bearer {simulator.api_key}"},
        trust_env=False,
    )
    assert answer.json()["error"]["code"] == "parameter_unknown"
