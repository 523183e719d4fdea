import json
from collections.abc import Iterator

import pytest
import stripe
from stripe import SignatureVerificationError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay
from tests.contract.stripe_simulator.receiver import Receiver, running_receiver

SECRET = "whsec_of_the_tests"


@pytest.fixture
def receiver(simulator: RunningSimulator) -> Iterator[Receiver]:
    with running_receiver() as running:
        simulator.control("webhook_endpoint", {"url": running.url, "secret": SECRET})
        yield running
        simulator.control("webhooks/flush")
        simulator.control("webhook_endpoint", method="DELETE")


def _types(receiver: Receiver) -> list[str]:
    return [str(event.type) for event in receiver.events(SECRET)]


def test_a_payment_is_told_by_signed_events_of_this_api_version(
    simulator: RunningSimulator, receiver: Receiver, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    simulator.control("webhooks/flush")
    assert _types(receiver) == [
        "customer.created",
        "payment_method.attached",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    last = receiver.events(SECRET)[-1]
    assert (last.api_version, last.data.object["id"]) == (stripe.api_version, paid.id)
    assert last.request is not None
    assert last.request.idempotency_key is not None


def test_an_event_holds_the_object_as_it_was_then(
    simulator: RunningSimulator, receiver: Receiver, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    pay(saved_card.id)
    simulator.control("webhooks/flush")
    by_type = {str(event.type): event for event in receiver.events(SECRET)}
    assert by_type["payment_intent.created"].data.object["status"] == "requires_confirmation"
    assert by_type["payment_intent.succeeded"].data.object["status"] == "succeeded"


def test_a_refund_event_says_what_was_refunded_before(
    simulator: RunningSimulator,
    receiver: Receiver,
    stripe_client: StripeClient,
    saved_card: stripe.PaymentMethod,
    pay: Pay,
) -> None:
    paid = pay(saved_card.id)
    for amount in (500, 300):
        stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": amount})
    simulator.control("webhooks/flush")
    refunded = [event for event in receiver.events(SECRET) if event.type == "charge.refunded"]
    steps = [(event.data.previous_attributes["amount_refunded"], event.data.object["amount_refunded"])
             for event in refunded if event.data.previous_attributes]  # fmt: skip
    assert steps == [(0, 500), (500, 800)]


def test_another_secret_does_not_verify(
    simulator: RunningSimulator, receiver: Receiver, customer: stripe.Customer
) -> None:
    simulator.control("webhooks/flush")
    assert customer.id in receiver.received[0][0].decode()
    with pytest.raises(SignatureVerificationError):
        receiver.events("whsec_of_somebody_else")


def test_what_the_receiver_refuses_is_sent_again(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient
) -> None:
    receiver.answers = [500, 302]
    customer = stripe_client.v1.customers.create({"name": "Acme"})
    report = simulator.control("webhooks/flush")
    assert [delivery["status"] for delivery in report["deliveries"]] == [500, 302, 200]
    assert ({event.data.object["id"] for event in receiver.events(SECRET)}, report["failed"]) == ({customer.id}, [])


def test_what_is_never_taken_is_given_up_and_reported(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient
) -> None:
    receiver.answers = [503] * 5
    customer = stripe_client.v1.customers.create({"name": "Acme"})
    report = simulator.control("webhooks/flush")
    event = stripe_client.v1.events.list().data[0]
    assert event.data.object["id"] == customer.id
    assert (report["failed"], [delivery["attempt"] for delivery in report["deliveries"]]) == (
        [event.id],
        [1, 2, 3, 4, 5],
    )


def test_held_events_come_with_the_flush_and_not_before(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient
) -> None:
    simulator.control("webhooks", {"hold": True})
    stripe_client.v1.customers.create({"name": "Acme"})
    report = simulator.control("webhooks", {"duplicates": 0})
    assert (report["held"], report["deliveries"], receiver.received) == (["customer.created"], [], [])
    simulator.control("webhooks/flush")
    assert _types(receiver) == ["customer.created"]


def test_held_events_can_come_in_reverse(
    simulator: RunningSimulator, receiver: Receiver, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    simulator.control("webhooks/flush")
    receiver.received.clear()
    simulator.control("webhooks", {"hold": True, "order": "reverse"})
    pay(saved_card.id)
    simulator.control("webhooks/flush")
    assert _types(receiver) == ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]


def test_duplicates_are_the_same_event_again(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient
) -> None:
    simulator.control("webhooks", {"duplicates": 2})
    stripe_client.v1.customers.create({"name": "Acme"})
    simulator.control("webhooks/flush")
    events = receiver.events(SECRET)
    assert (len(events), len({event.id for event in events})) == (3, 1)


def test_a_skewed_timestamp_is_signed_rightly_and_too_old(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient
) -> None:
    simulator.control("webhooks", {"timestamp_skew_seconds": -301})
    stripe_client.v1.customers.create({"name": "Acme"})
    simulator.control("webhooks/flush")
    with pytest.raises(SignatureVerificationError, match="tolerance"):
        receiver.events(SECRET)
    payload, signature = receiver.received[0]
    tolerant = stripe.Webhook.construct_event(payload, signature, SECRET, tolerance=600)
    assert tolerant.type == "customer.created"


def test_an_event_can_be_read_again_as_it_was_sent(
    simulator: RunningSimulator, receiver: Receiver, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    simulator.control("webhooks/flush")
    sent = json.loads(receiver.received[0][0])
    read = stripe_client.v1.events.retrieve(sent["id"])
    assert read.to_dict() == sent
    assert sent["data"]["object"]["id"] == customer.id


def test_a_voided_hold_tells_of_a_refund_of_money_that_never_came(
    simulator: RunningSimulator,
    receiver: Receiver,
    stripe_client: StripeClient,
    saved_card: stripe.PaymentMethod,
    pay: Pay,
) -> None:
    hold = pay(saved_card.id, capture_method="manual")
    stripe_client.v1.payment_intents.cancel(hold.id)
    simulator.control("webhooks/flush")
    assert _types(receiver)[-3:] == ["refund.created", "charge.refunded", "payment_intent.canceled"]
    refunded = receiver.events(SECRET)[-2]
    assert (refunded.data.object["captured"], refunded.data.object["amount_captured"]) == (False, 0)
