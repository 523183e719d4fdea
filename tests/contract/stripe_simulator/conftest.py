"""A Stripe to test: the simulator, or with STRIPE_API_KEY=sk_test_... Stripe's own test mode.

A test that takes only `stripe_client` and what is built on it uses Stripe's public API and runs against both. One that
takes `simulator` uses the control API, and is skipped against Stripe.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import stripe
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator, running_simulator
from tests.patience import WITHIN_SECONDS

REAL_KEY = os.environ.get("STRIPE_API_KEY", "")

Pay = Callable[..., stripe.PaymentIntent]


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[RunningSimulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def simulator(shared_simulator: RunningSimulator) -> RunningSimulator:
    if REAL_KEY:
        pytest.skip("uses the simulator's control API")
    shared_simulator.control("reset")
    return shared_simulator


def client_of(running: RunningSimulator) -> StripeClient:
    """The SDK's client of a simulator, without retries: what happens is what the test sees."""
    return StripeClient(
        running.api_key,
        base_addresses={"api": running.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=WITHIN_SECONDS),
    )


@pytest.fixture
def stripe_client(request: pytest.FixtureRequest) -> StripeClient:
    if REAL_KEY:
        if not REAL_KEY.startswith("sk_test_"):
            pytest.fail("STRIPE_API_KEY must be a key of Stripe's test mode")
        return StripeClient(REAL_KEY, max_network_retries=2)
    running: RunningSimulator = request.getfixturevalue("simulator")
    return client_of(running)


def intent_inside(refused: stripe.CardError) -> stripe.PaymentIntent:
    """The PaymentIntent that a decline carries."""
    assert refused.error is not None
    assert refused.error.payment_intent is not None
    return refused.error.payment_intent


@pytest.fixture
def customer(stripe_client: StripeClient) -> stripe.Customer:
    return stripe_client.v1.customers.create({"name": "Acme LLC", "email": "billing@acme.example"})


@pytest.fixture
def saved_card(stripe_client: StripeClient, customer: stripe.Customer) -> stripe.PaymentMethod:
    return stripe_client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})


@pytest.fixture
def pay(stripe_client: StripeClient, customer: stripe.Customer) -> Pay:
    """Charge a card of the customer off session, as Talktime does: 20.00 USD unless told otherwise."""

    def charge(payment_method: str, **changes: Any) -> stripe.PaymentIntent:
        params: Any = {
            "amount": 2000,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": payment_method,
            "off_session": True,
            "confirm": True,
            "error_on_requires_action": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
        return stripe_client.v1.payment_intents.create(params | changes, {"idempotency_key": str(uuid4())})

    return charge
