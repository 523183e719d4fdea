from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe
from stripe import APIConnectionError, APIError, RateLimitError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay, client_of
from tests.patience import until


def _arm(simulator: RunningSimulator, fault: str, times: int = 1, path: str = "/v1/payment_intents") -> None:
    body = {"method": "POST", "path": path, "fault": fault, "times": times, "seconds": 0.1}
    simulator.control("faults", body)


def _create(client: StripeClient, customer: stripe.Customer) -> stripe.PaymentIntent:
    return _create_as(client, customer, "intent-1")


def _create_as(client: StripeClient, customer: stripe.Customer, key: str) -> stripe.PaymentIntent:
    params: Any = {"amount": 2000, "currency": "usd", "customer": customer.id}
    return client.v1.payment_intents.create(params, {"idempotency_key": key})


def _made(client: StripeClient, customer: stripe.Customer) -> list[str]:
    return [intent.id for intent in client.v1.payment_intents.list({"customer": customer.id}).data]


def test_a_timeout_before_leaves_nothing_and_the_key_unused(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "timeout_before")
    with pytest.raises(APIConnectionError):
        _create(stripe_client, customer)
    assert _made(stripe_client, customer) == []
    created = _create(stripe_client, customer)
    assert created.last_response is not None
    assert "Idempotent-Replayed" not in created.last_response.headers


def test_a_timeout_after_leaves_what_was_done_and_the_answer_behind_the_key(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "timeout_after")
    with pytest.raises(APIConnectionError):
        _create(stripe_client, customer)
    made = _made(stripe_client, customer)
    assert len(made) == 1
    assert _create(stripe_client, customer).id == made[0]
    assert _made(stripe_client, customer) == made


def test_too_many_requests_touch_nothing(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "429", times=2)
    for _ in range(2):
        with pytest.raises(RateLimitError) as refused:
            _create(stripe_client, customer)
        assert refused.value.error is not None
        assert (refused.value.http_status, refused.value.error.code) == (429, "rate_limit")
    assert _made(stripe_client, customer) == []
    assert _create(stripe_client, customer).status == "requires_payment_method"


def test_a_payment_made_behind_a_500_still_tells_by_its_event(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    _arm(simulator, "500_after")
    with pytest.raises(APIError):
        pay(saved_card.id, metadata={"transaction_id": "tx-1"})
    succeeded = stripe_client.v1.events.list({"type": "payment_intent.succeeded"}).data
    assert [event.data.object["metadata"]["transaction_id"] for event in succeeded] == ["tx-1"]


def test_the_sdk_finishes_what_a_lost_answer_began(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "timeout_after")
    patient = StripeClient(simulator.api_key, base_addresses={"api": simulator.url}, max_network_retries=2)
    created = _create(patient, customer)
    assert _made(stripe_client, customer) == [created.id]


def test_a_fault_meets_only_its_method_and_path(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "429", path="/v1/payment_intents/*/cancel")
    created = _create(stripe_client, customer)
    assert stripe_client.v1.payment_intents.retrieve(created.id).status == "requires_payment_method"
    with pytest.raises(RateLimitError):
        stripe_client.v1.payment_intents.cancel(created.id)
    assert stripe_client.v1.payment_intents.cancel(created.id).status == "canceled"


def test_many_slow_requests_hold_up_nothing_else(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    many = 20
    simulator.control("faults", {"method": "*", "path": "*", "fault": "slow", "times": many, "seconds": 60})

    def ask(number: int) -> str:
        client = client_of(simulator)
        if number % 2:
            return client.v1.customers.retrieve(customer.id).id
        return str(_create_as(client, customer, f"key-{number}").customer)

    with ThreadPoolExecutor(many) as pool:
        slow = [pool.submit(ask, number) for number in range(many)]
        until(lambda: len(simulator.control("requests", method="GET")["requests"]) == 1 + many)
        assert stripe_client.v1.customers.retrieve(customer.id).id == customer.id
        assert _made(stripe_client, customer) == []
        assert not any(answer.done() for answer in slow)
        simulator.control("faults", method="DELETE")
        assert {answer.result() for answer in slow} == {customer.id}
    assert len(_made(stripe_client, customer)) == many // 2


def test_faults_come_in_the_order_they_were_armed(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    _arm(simulator, "500_before")
    _arm(simulator, "429")
    kinds = []
    for number in range(2):
        with pytest.raises(stripe.StripeError) as failed:
            stripe_client.v1.payment_intents.create(
                {"amount": 2000, "currency": "usd", "customer": customer.id}, {"idempotency_key": f"order-{number}"}
            )
        kinds.append(failed.value.http_status)
    assert kinds == [500, 429]
