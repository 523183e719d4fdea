from typing import Any

import stripe
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay

HOUR = 3600
DAY = 24 * HOUR


def _set(simulator: RunningSimulator, now: int | None) -> None:
    simulator.control("clock", {"now": now})


def _open_page(client: StripeClient, **changes: Any) -> stripe.checkout.Session:
    price: Any = {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Credit"}}
    params: Any = {
        "mode": "payment",
        "success_url": "https://talktime.example/done",
        "line_items": [{"price_data": price, "quantity": 1}],
    }
    return client.v1.checkout.sessions.create(params | changes)


def test_a_page_closes_at_its_hour_by_the_simulators_clock(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    page = _open_page(stripe_client)
    read = stripe_client.v1.checkout.sessions.retrieve
    _set(simulator, page.expires_at - 60)
    assert read(page.id).status == "open"
    _set(simulator, page.expires_at)
    assert read(page.id).status == "expired"
    _set(simulator, None)
    assert read(page.id).status == "expired"


def test_back_at_the_real_time_what_is_made_is_of_the_real_time(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _set(simulator, customer.created + 40 * DAY)
    later = stripe_client.v1.customers.create({"name": "Later"})
    _set(simulator, None)
    page = _open_page(stripe_client)
    assert later.created >= customer.created + 40 * DAY
    assert customer.created <= page.created < customer.created + HOUR
    assert stripe_client.v1.checkout.sessions.retrieve(page.id).status == "open"
    shown = {event.data.object["id"] for event in stripe_client.v1.events.list({"type": "customer.created"}).data}
    assert shown == {customer.id, later.id}


def test_a_hold_is_released_by_the_clock_and_not_taken_again_when_it_goes_back(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    released, kept = (pay(saved_card.id, capture_method="manual") for _ in range(2))
    stripe_client.v1.payment_intents.capture(kept.id)
    _set(simulator, released.created + 7 * DAY)
    read = stripe_client.v1.payment_intents.retrieve
    assert [read(intent.id).status for intent in (released, kept)] == ["canceled", "succeeded"]
    _set(simulator, None)
    assert read(released.id).status == "canceled"


def test_an_idempotency_key_is_kept_a_day_by_the_clock_also_when_it_goes_back(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    def create() -> str:
        return stripe_client.v1.customers.create({"name": "A"}, {"idempotency_key": "key-1"}).id

    first = create()
    _set(simulator, customer.created + DAY + HOUR)
    second = create()
    _set(simulator, None)
    assert (create(), first != second) == (second, True)


def test_an_intent_that_nobody_confirms_stays_as_it_is_until_it_is_canceled(
    simulator: RunningSimulator,
    stripe_client: StripeClient,
    customer: stripe.Customer,
    saved_card: stripe.PaymentMethod,
) -> None:
    params: Any = {"amount": 2000, "currency": "usd", "customer": customer.id, "payment_method": saved_card.id}
    intent = stripe_client.v1.payment_intents.create(params)
    _set(simulator, intent.created + 300 * DAY)
    read = stripe_client.v1.payment_intents.retrieve(intent.id)
    assert (read.status, read.latest_charge) == ("requires_confirmation", None)
    canceled = stripe_client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert stripe_client.v1.charges.list({"payment_intent": intent.id}).data == []
