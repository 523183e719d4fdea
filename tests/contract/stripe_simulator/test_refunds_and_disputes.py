import httpx
import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay


def test_a_payment_is_refunded_in_parts_until_nothing_is_left(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id, amount=2000)
    part = stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 500, "metadata": {"by": "ops"}})
    assert (part.status, part.amount, part.charge) == ("succeeded", 500, paid.latest_charge)
    charge = stripe_client.v1.charges.retrieve(str(paid.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    rest = stripe_client.v1.refunds.create({"charge": charge.id})
    assert rest.amount == 1500
    charge = stripe_client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (2000, True)
    assert charge.refunds is not None
    assert [refund.id for refund in charge.refunds.data] == [rest.id, part.id]
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"


def test_no_more_than_what_is_left_can_be_refunded(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id, amount=2000)
    stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 1500})
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 501})
    assert refused.value.param == "amount"
    assert stripe_client.v1.charges.retrieve(str(paid.latest_charge)).amount_refunded == 1500


def test_a_hold_is_not_refunded_but_canceled(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, capture_method="manual")
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.refunds.create({"payment_intent": hold.id})


def test_refunds_are_read_and_listed_by_payment(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid, other = pay(saved_card.id), pay(saved_card.id)
    refund = stripe_client.v1.refunds.create({"payment_intent": paid.id, "amount": 100})
    stripe_client.v1.refunds.create({"payment_intent": other.id, "amount": 100})
    assert stripe_client.v1.refunds.retrieve(refund.id).payment_intent == paid.id
    assert [item.id for item in stripe_client.v1.refunds.list({"payment_intent": paid.id}).data] == [refund.id]


def _event_types(client: StripeClient) -> list[str]:
    return [str(event.type) for event in client.v1.events.list({"type": "charge.dispute.*"}).data][::-1]


DISPUTE_EVENTS = {
    "won": ["created", "funds_withdrawn", "funds_reinstated", "closed"],
    "lost": ["created", "funds_withdrawn", "closed"],
}


@pytest.mark.parametrize("outcome", DISPUTE_EVENTS)
def test_a_dispute_takes_the_money_and_gives_it_back_only_when_won(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay, outcome: str
) -> None:
    paid = pay(saved_card.id, amount=2000)
    opened = simulator.control("disputes", {"payment_intent": paid.id})
    dispute = stripe_client.v1.disputes.retrieve(opened["id"])
    assert (dispute.status, dispute.amount, dispute.payment_intent) == ("needs_response", 2000, paid.id)
    assert stripe_client.v1.charges.retrieve(str(paid.latest_charge)).disputed
    simulator.control(f"disputes/{dispute.id}/close", {"status": outcome})
    closed = stripe_client.v1.disputes.retrieve(dispute.id)
    moved = sum(movement.amount for movement in closed.balance_transactions)
    assert (closed.status, moved) == (outcome, 0 if outcome == "won" else -2000)
    assert _event_types(stripe_client) == [f"charge.dispute.{name}" for name in DISPUTE_EVENTS[outcome]]
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"disputes/{dispute.id}/close", {"status": "won"})


def test_an_inquiry_moves_no_money(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    opened = simulator.control("disputes", {"payment_intent": paid.id, "inquiry": True})
    simulator.control(f"disputes/{opened['id']}/close", {"status": "warning_closed"})
    dispute = stripe_client.v1.disputes.retrieve(opened["id"])
    assert (dispute.status, dispute.balance_transactions) == ("warning_closed", [])
    assert _event_types(stripe_client) == ["charge.dispute.created", "charge.dispute.closed"]


def test_a_disputed_charge_can_be_disputed_and_refunded_no_more(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    simulator.control("disputes", {"payment_intent": paid.id, "amount": 500, "reason": "duplicate"})
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("disputes", {"payment_intent": paid.id})


def test_a_card_of_a_disputing_cardholder_opens_its_dispute_itself(
    simulator: RunningSimulator, stripe_client: StripeClient, pay: Pay
) -> None:
    del simulator  # Stripe opens it minutes later
    paid = pay("pm_card_createDispute")
    disputes = stripe_client.v1.disputes.list({"payment_intent": paid.id}).data
    assert [(dispute.reason, dispute.status) for dispute in disputes] == [("fraudulent", "needs_response")]
