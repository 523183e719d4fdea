from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay

FEE = 1500


@pytest.fixture
def paid(saved_card: stripe.PaymentMethod, pay: Pay) -> stripe.PaymentIntent:
    """50.00 USD by card."""
    return pay(saved_card.id, amount=5000)


def _open(simulator: RunningSimulator, intent: stripe.PaymentIntent, **fields: Any) -> str:
    return str(simulator.control("disputes", {"payment_intent": intent.id, **fields})["id"])


def _close(simulator: RunningSimulator, dispute_id: str, status: str, **fields: Any) -> None:
    simulator.control(f"disputes/{dispute_id}/close", {"status": status, **fields})


def _moved(client: StripeClient, dispute_id: str) -> list[int]:
    return [movement.amount for movement in client.v1.disputes.retrieve(dispute_id).balance_transactions]


def _told(client: StripeClient) -> list[str]:
    types = [str(event.type) for event in client.v1.events.list({"type": "charge.dispute.*"}).data]
    return [event_type.removeprefix("charge.dispute.") for event_type in types[::-1]]


@pytest.mark.parametrize(("refunded", "back"), [(0, []), (2000, [2000]), (5000, [5000])])
def test_a_lost_dispute_of_the_whole_gives_back_what_was_refunded_before(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent, refunded: int, back: list[int]
) -> None:
    if refunded:
        stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": refunded})
    dispute_id = _open(simulator, paid)
    assert _moved(stripe_client, dispute_id) == [-5000]
    _close(simulator, dispute_id, "lost")
    assert _moved(stripe_client, dispute_id) == [-5000, *back]
    reinstated = ["funds_reinstated"] if back else []
    assert _told(stripe_client) == ["created", "funds_withdrawn", *reinstated, "closed"]


def test_a_lost_dispute_of_a_part_gives_back_only_what_was_taken_twice(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 2000})
    dispute_id = _open(simulator, paid, amount=4000)
    _close(simulator, dispute_id, "lost")
    assert _moved(stripe_client, dispute_id) == [-4000, 1000]


def test_what_a_hold_released_was_never_paid_and_does_not_come_back(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, amount=5000, capture_method="manual")
    stripe_client.v1.payment_intents.capture(hold.id, {"amount_to_capture": 4000})
    stripe_client.v1.refunds.create({"payment_intent": hold.id, "amount": 500})
    dispute_id = _open(simulator, hold)
    _close(simulator, dispute_id, "lost")
    assert _moved(stripe_client, dispute_id) == [-4000, 500]


@pytest.mark.parametrize("status", ["won", "lost"])
@pytest.mark.parametrize("reinstated", [0, 1234, 6000])
def test_a_bank_may_give_back_another_amount_than_it_took(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent, status: str, reinstated: int
) -> None:
    dispute_id = _open(simulator, paid)
    _close(simulator, dispute_id, status, reinstated=reinstated)
    assert _moved(stripe_client, dispute_id) == [-5000, *([reinstated] if reinstated else [])]


def test_the_fee_is_beside_the_amount_and_comes_back_only_when_won(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 2000})
    lost = _open(simulator, paid)
    _close(simulator, lost, "lost")
    won = _open(simulator, paid, again=True)
    _close(simulator, won, "won")
    shown = [
        [(moved.amount, moved.fee, moved.net, moved.reporting_category) for moved in dispute.balance_transactions]
        for dispute in map(stripe_client.v1.disputes.retrieve, (lost, won))
    ]
    out = (-5000, FEE, -5000 - FEE, "dispute")
    back = (2000, 0, 2000, "dispute_reversal")
    assert shown == [[out, back], [out, (5000, -FEE, 5000 + FEE, "dispute_reversal")]]


def test_a_dispute_may_be_opened_before_its_money_leaves(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    dispute_id = _open(simulator, paid, with_money=False)
    assert (_moved(stripe_client, dispute_id), _told(stripe_client)) == ([], ["created"])
    simulator.control(f"disputes/{dispute_id}/withdraw")
    assert (_moved(stripe_client, dispute_id), _told(stripe_client)) == ([-5000], ["created", "funds_withdrawn"])
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"disputes/{dispute_id}/withdraw")


def test_what_was_never_withdrawn_does_not_come_back(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    dispute_id = _open(simulator, paid, with_money=False)
    _close(simulator, dispute_id, "won")
    assert (_moved(stripe_client, dispute_id), _told(stripe_client)) == ([], ["created", "closed"])


def test_a_payment_is_disputed_again_only_after_the_first_dispute_is_over(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    first = _open(simulator, paid)
    with pytest.raises(httpx.HTTPStatusError):
        _open(simulator, paid, again=True)
    _close(simulator, first, "won")
    with pytest.raises(httpx.HTTPStatusError):
        _open(simulator, paid)
    second = _open(simulator, paid, again=True)
    listed = stripe_client.v1.disputes.list({"payment_intent": paid.id}).data
    assert [dispute.id for dispute in listed] == [second, first]


def test_an_inquiry_that_escalates_is_the_same_dispute_and_takes_the_money(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    dispute_id = _open(simulator, paid, inquiry=True)
    simulator.control(f"disputes/{dispute_id}/escalate")
    dispute = stripe_client.v1.disputes.retrieve(dispute_id)
    assert (dispute.status, dispute.is_charge_refundable) == ("needs_response", False)
    assert dispute.payment_method_details is not None
    assert dispute.payment_method_details.card is not None
    assert dispute.payment_method_details.card.case_type == "chargeback"
    assert _moved(stripe_client, dispute_id) == [-5000]
    assert _told(stripe_client) == ["created", "updated", "funds_withdrawn"]
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"disputes/{dispute_id}/escalate")


def test_a_status_changes_without_money_and_is_told(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    dispute_id = _open(simulator, paid)
    simulator.control(f"disputes/{dispute_id}/status", {"status": "under_review"})
    (event,) = stripe_client.v1.events.list({"type": "charge.dispute.updated"}).data
    assert event.data.previous_attributes is not None
    steps = (event.data.previous_attributes["status"], event.data.object["status"])
    assert steps == ("needs_response", "under_review")
    assert _moved(stripe_client, dispute_id) == [-5000]
    for status in ("won", "warning_under_review", "nonsense"):
        with pytest.raises(httpx.HTTPStatusError):
            simulator.control(f"disputes/{dispute_id}/status", {"status": status})
    _close(simulator, dispute_id, "won")


def test_a_prevented_inquiry_is_over(
    simulator: RunningSimulator, stripe_client: StripeClient, paid: stripe.PaymentIntent
) -> None:
    dispute_id = _open(simulator, paid, inquiry=True)
    simulator.control(f"disputes/{dispute_id}/status", {"status": "prevented"})
    assert stripe_client.v1.disputes.retrieve(dispute_id).status == "prevented"
    assert _told(stripe_client) == ["created", "updated", "closed"]
    with pytest.raises(httpx.HTTPStatusError):
        _close(simulator, dispute_id, "warning_closed")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("close", {"status": "lost", "reinstated": -1}),
        ("close", {"status": "warning_closed"}),
        ("escalate", {}),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    simulator: RunningSimulator, paid: stripe.PaymentIntent, path: str, fields: dict[str, Any]
) -> None:
    dispute_id = _open(simulator, paid)
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"disputes/{dispute_id}/{path}", fields)
