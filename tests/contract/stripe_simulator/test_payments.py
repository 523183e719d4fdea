import time
from typing import Any
from uuid import uuid4

import pytest
import stripe
from stripe import CardError, InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay, intent_inside
from tests.patience import until

DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
    "pm_card_riskLevelHighest": ("card_declined", "fraudulent"),
}


def test_a_saved_card_pays_off_session(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    intent = pay(saved_card.id, metadata={"transaction_id": "tx-1"}, capture_method="automatic",
                 expand=["latest_charge.balance_transaction"])  # fmt: skip
    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 2000, customer.id)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.paid, charge.captured, charge.metadata["transaction_id"]) == (True, True, "tx-1")
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge.balance_transaction.amount == 2000
    assert stripe_client.v1.charges.retrieve(charge.id).payment_intent == intent.id


@pytest.mark.parametrize("token", DECLINES)
def test_a_decline_is_a_402_with_its_code_and_the_intent_inside(stripe_client: StripeClient, token: str) -> None:
    code, decline_code = DECLINES[token]
    with pytest.raises(CardError) as refused:
        stripe_client.v1.payment_intents.create(
            {"amount": 2000, "currency": "usd", "payment_method": token, "confirm": True, "off_session": True}
        )
    error = refused.value.error
    assert error is not None
    assert (refused.value.http_status, error.code, getattr(error, "decline_code", None)) == (402, code, decline_code)
    intent = stripe_client.v1.payment_intents.retrieve(intent_inside(refused.value).id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == code
    charge = stripe_client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)


def test_a_card_can_be_attached_and_decline_only_when_charged(
    stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    card = stripe_client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(CardError) as refused:
        pay(card.id)
    assert refused.value.code == "card_declined"


def test_a_declined_intent_can_be_confirmed_again_with_another_card(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    with pytest.raises(CardError) as refused:
        pay("pm_card_chargeDeclined")
    again = stripe_client.v1.payment_intents.confirm(
        intent_inside(refused.value).id, {"payment_method": saved_card.id, "off_session": True}
    )
    assert (again.status, again.last_payment_error) == ("succeeded", None)


def test_off_session_a_bank_that_wants_the_cardholder_declines(
    stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    card = stripe_client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer.id})
    with pytest.raises(CardError) as refused:
        pay(card.id)
    error = refused.value.error
    assert error is not None
    assert (error.code, error.decline_code) == ("authentication_required", "authentication_required")
    assert intent_inside(refused.value).status == "requires_payment_method"


def test_a_card_that_was_never_set_up_needs_its_holder_off_session(
    stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    card = stripe_client.v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", {"customer": customer.id})
    with pytest.raises(CardError) as refused:
        pay(card.id)
    assert refused.value.code == "authentication_required"


def test_on_session_such_a_card_asks_for_an_action_or_is_refused_where_none_is_handled(
    stripe_client: StripeClient,
) -> None:
    params: Any = {
        "amount": 2000,
        "currency": "usd",
        "payment_method": "pm_card_authenticationRequired",
        "confirm": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    }
    intent = stripe_client.v1.payment_intents.create(params)
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    with pytest.raises(CardError) as refused:
        stripe_client.v1.payment_intents.create(params | {"error_on_requires_action": True})
    assert refused.value.code == "authentication_required"


@pytest.mark.parametrize("status", ["succeeded", "requires_payment_method"])
def test_the_cardholder_passes_or_fails_the_banks_question(
    simulator: RunningSimulator, stripe_client: StripeClient, status: str
) -> None:
    intent = stripe_client.v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "https://talktime.example/back",
        }
    )
    answer = simulator.control(f"payment_intents/{intent.id}/authenticate", {"succeed": status == "succeeded"})
    assert answer["status"] == status == stripe_client.v1.payment_intents.retrieve(intent.id).status


def test_a_hold_is_not_money_and_can_be_voided(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, amount=100, capture_method="manual")
    assert (hold.status, hold.amount_capturable, hold.amount_received) == ("requires_capture", 100, 0)
    voided = stripe_client.v1.payment_intents.cancel(hold.id, {"cancellation_reason": "requested_by_customer"})
    assert (voided.status, voided.amount_capturable, voided.amount_received) == ("canceled", 0, 0)
    charge = stripe_client.v1.charges.retrieve(str(voided.latest_charge))
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, True, 100)
    moved = [refund.balance_transaction for refund in stripe_client.v1.refunds.list({"charge": charge.id}).data]
    assert moved == [None]


def test_a_hold_can_be_captured_in_part_and_the_rest_is_released(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, amount=1000, capture_method="manual")
    captured = stripe_client.v1.payment_intents.capture(hold.id, {"amount_to_capture": 400})
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 400, 0)
    charge = stripe_client.v1.charges.retrieve(str(captured.latest_charge))
    assert (charge.amount_captured, charge.amount_refunded) == (400, 600)


def test_a_hold_cannot_be_captured_beyond_its_amount(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, amount=1000, capture_method="manual")
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_intents.capture(hold.id, {"amount_to_capture": 1001})


def test_what_is_paid_can_be_neither_canceled_nor_captured_nor_confirmed(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    intents = stripe_client.v1.payment_intents
    for act in (intents.cancel, intents.capture, intents.confirm):
        with pytest.raises(InvalidRequestError) as refused:
            act(paid.id)
        assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("currency", "amount", "refused_as"),
    [
        ("usd", 49, "amount_too_small"),
        ("usd", 100_000_000, "amount_too_large"),
        ("idr", 1_000_000_000_000, "amount_too_large"),
        ("usd", 0, "parameter_invalid_integer"),
        ("eur", 49, "amount_too_small"),
        ("gbp", 29, "amount_too_small"),
        ("jpy", 49, "amount_too_small"),
        ("huf", 17_499, "amount_too_small"),
        ("omr", 1_005, None),
        ("xxx", 1_000, None),
    ],
)
def test_stripe_refuses_an_amount_it_cannot_charge(
    stripe_client: StripeClient, currency: str, amount: int, refused_as: str | None
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.payment_intents.create({"amount": amount, "currency": currency})
    assert (refused.value.http_status, refused.value.code or None) == (400, refused_as)


@pytest.mark.parametrize(("currency", "amount"), [("usd", 50), ("gbp", 30), ("jpy", 50), ("omr", 1000), ("EUR", 50)])
def test_stripe_takes_the_least_amount(stripe_client: StripeClient, currency: str, amount: int) -> None:
    intent = stripe_client.v1.payment_intents.create({"amount": amount, "currency": currency})
    assert (intent.status, intent.currency) == ("requires_payment_method", currency.lower())


def test_off_session_needs_confirm(stripe_client: StripeClient) -> None:
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_intents.create({"amount": 1000, "currency": "usd", "off_session": True})


def test_methods_that_may_redirect_need_a_return_url(saved_card: stripe.PaymentMethod, pay: Pay) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        pay(saved_card.id, automatic_payment_methods={"enabled": True})
    assert "return_url" in str(refused.value)
    paid = pay(saved_card.id, automatic_payment_methods={"enabled": True}, return_url="https://talktime.example/back")
    assert paid.status == "succeeded"


def test_intents_are_listed_by_customer_and_time_of_creation(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    paid = pay(saved_card.id)
    hour = 3600
    recent = stripe_client.v1.payment_intents.list({"customer": customer.id, "created": {"gte": paid.created}})
    older = stripe_client.v1.payment_intents.list({"customer": customer.id, "created": {"lt": paid.created - hour}})
    assert ([intent.id for intent in recent.data], older.data) == ([paid.id], [])


def test_an_intent_is_found_by_its_metadata(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    transaction = f"tx-{uuid4()}"
    paid = pay(saved_card.id, metadata={"transaction_id": transaction})
    pay(saved_card.id, metadata={"transaction_id": "another"})
    query = f"metadata['transaction_id']:'{transaction}' AND status:'succeeded'"
    # Stripe's index lags up to a minute.
    found = until(lambda: stripe_client.v1.payment_intents.search({"query": query}).data)
    assert [intent.id for intent in found] == [paid.id]


@pytest.mark.parametrize("query", ["", "metadata", "nonsense:'1'", "status:'a' AND currency:'b' OR currency:'c'"])
def test_a_search_that_makes_no_sense_is_refused(stripe_client: StripeClient, query: str) -> None:
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_intents.search({"query": query})


def test_a_hold_is_released_by_itself_after_seven_days(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    hold = pay(saved_card.id, capture_method="manual")
    simulator.control("clock", {"now": hold.created + 7 * 24 * 3600})
    expired = stripe_client.v1.payment_intents.retrieve(hold.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")


def test_a_card_saved_by_paying_with_it_pays_again_off_session(
    stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    first = stripe_client.v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "setup_future_usage": "off_session",
            "confirm": True,
            "return_url": "https://talktime.example/back",
        }
    )
    assert pay(str(first.payment_method)).status == "succeeded"


def test_a_card_used_once_without_being_saved_cannot_pay_again(pay: Pay) -> None:
    once = pay("pm_card_visa")
    with pytest.raises(InvalidRequestError):
        pay(str(once.payment_method))


def test_the_balance_holds_what_was_paid_less_fees(
    simulator: RunningSimulator, stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    pay(saved_card.id, amount=10_000)
    before = stripe_client.v1.balance.retrieve()
    simulator.control("clock", {"now": int(time.time()) + 3 * 24 * 3600})
    after = stripe_client.v1.balance.retrieve()
    assert [(p.amount, a.amount) for p, a in zip(before.pending, before.available, strict=True)] == [(9_680, 0)]
    assert [(p.amount, a.amount) for p, a in zip(after.pending, after.available, strict=True)] == [(0, 9_680)]
