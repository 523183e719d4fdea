from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe
from stripe import APIError, CardError, IdempotencyError, InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay
from tests.patience import WITHIN_SECONDS, until

INTENT: Any = {"amount": 2000, "currency": "usd"}


def _post(running: RunningSimulator, path: str, data: dict[str, str], key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {running.api_key}", "Idempotency-Key": key}
    return httpx.post(f"{running.url}{path}", data=data, headers=headers, timeout=WITHIN_SECONDS)


def _count(client: StripeClient, customer: stripe.Customer) -> int:
    return len(client.v1.payment_intents.list({"customer": customer.id}).data)


def test_the_same_key_and_parameters_give_the_first_answer_again(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    key = str(uuid4())
    params: Any = INTENT | {"customer": customer.id}
    first, second = (stripe_client.v1.payment_intents.create(params, {"idempotency_key": key}) for _ in range(2))
    assert first.id == second.id
    assert _count(stripe_client, customer) == 1
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"


def test_a_replayed_answer_is_the_first_one_even_when_the_object_has_changed_since(
    stripe_client: StripeClient,
) -> None:
    key = str(uuid4())
    first = stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": key})
    stripe_client.v1.payment_intents.cancel(first.id)
    again = stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": key})
    assert (again.id, again.status) == (first.id, "requires_payment_method")


def test_the_same_key_with_other_parameters_is_an_error(stripe_client: StripeClient) -> None:
    key = str(uuid4())
    stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": key})
    with pytest.raises(IdempotencyError) as refused:
        stripe_client.v1.payment_intents.create(INTENT | {"amount": 2001}, {"idempotency_key": key})
    assert refused.value.http_status == 400


def test_the_order_of_parameters_does_not_matter_to_a_key(simulator: RunningSimulator) -> None:
    first, second = (
        _post(simulator, "/v1/customers", data, "key-1").json()["id"]
        for data in ({"name": "A", "description": "B"}, {"description": "B", "name": "A"})
    )
    assert first == second


def test_the_same_key_at_another_endpoint_is_an_error(stripe_client: StripeClient) -> None:
    key = str(uuid4())
    stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": key})
    with pytest.raises(IdempotencyError):
        stripe_client.v1.customers.create({"name": "Acme"}, {"idempotency_key": key})


def test_a_decline_is_replayed_and_not_tried_again(stripe_client: StripeClient, customer: stripe.Customer) -> None:
    key = str(uuid4())
    params: Any = INTENT | {
        "customer": customer.id, "payment_method": "pm_card_chargeDeclined", "confirm": True, "off_session": True,
    }  # fmt: skip
    for _ in range(2):
        with pytest.raises(CardError):
            stripe_client.v1.payment_intents.create(params, {"idempotency_key": key})
    assert _count(stripe_client, customer) == 1


def test_a_key_survives_parameters_that_were_refused_before_anything_began(stripe_client: StripeClient) -> None:
    key = str(uuid4())
    for amount in ("many", 0):
        wrong: Any = {"amount": amount, "currency": "usd"}
        with pytest.raises(InvalidRequestError):
            stripe_client.v1.payment_intents.create(wrong, {"idempotency_key": key})
    assert stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": key}).amount == 2000


def test_a_key_is_at_most_255_characters_long(stripe_client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_intents.create(INTENT, {"idempotency_key": "k" * 256})


@pytest.mark.parametrize(("fault", "made"), [("500_before", 0), ("500_after", 1)])
def test_a_500_is_replayed_whether_or_not_anything_was_done(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, fault: str, made: int
) -> None:
    simulator.control("faults", {"method": "POST", "path": "/v1/payment_intents", "fault": fault, "times": 1})
    params: Any = INTENT | {"customer": customer.id}
    for _ in range(2):
        with pytest.raises(APIError) as failed:
            stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-1"})
        assert failed.value.http_status == 500
    assert _count(stripe_client, customer) == made
    assert stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-2"}).amount == 2000


def test_a_key_in_use_is_a_409_and_then_the_answer(simulator: RunningSimulator) -> None:
    simulator.control("faults", {"method": "POST", "path": "/v1/customers", "fault": "slow", "seconds": 60})
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_post, simulator, "/v1/customers", {"name": "A"}, "key-1")
        until(lambda: simulator.control("requests", method="GET")["requests"])
        second = _post(simulator, "/v1/customers", {"name": "A"}, "key-1")
        simulator.control("faults", method="DELETE")
    assert (first.result().status_code, second.status_code) == (200, 409)
    error = second.json()["error"]
    assert (error["type"], error["code"]) == ("idempotency_error", "idempotency_key_in_use")
    assert _post(simulator, "/v1/customers", {"name": "A"}, "key-1").headers["idempotent-replayed"] == "true"


def test_a_key_is_forgotten_after_a_day_and_charges_again(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    params: Any = INTENT | {"customer": customer.id}
    first = stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-1"})
    day = 24 * 3600
    simulator.control("clock", {"now": first.created + day - 60})
    assert stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-1"}).id == first.id
    simulator.control("clock", {"now": first.created + day + 60})
    assert stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-1"}).id != first.id


def test_a_key_does_not_touch_what_is_only_read(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id, capture_method="manual")
    key: stripe.RequestOptions = {"idempotency_key": str(uuid4())}
    assert stripe_client.v1.payment_intents.retrieve(paid.id, None, key).status == "requires_capture"
    stripe_client.v1.payment_intents.cancel(paid.id)
    assert stripe_client.v1.payment_intents.retrieve(paid.id, None, key).status == "canceled"
