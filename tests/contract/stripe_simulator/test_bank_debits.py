from typing import Any

import httpx
import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay

SUCCESS = "https://talktime.example/done"
BANK = {"card": "us_bank_account"}


def _page(client: StripeClient, currency: str = "usd", **changes: Any) -> stripe.checkout.Session:
    price: Any = {"currency": currency, "unit_amount": 5000, "product_data": {"name": "Credit"}}
    params: Any = {
        "mode": "payment",
        "success_url": SUCCESS,
        "line_items": [{"price_data": price, "quantity": 1}],
        "payment_intent_data": {"metadata": {"transaction_id": "tx-1"}},
    }
    return client.v1.checkout.sessions.create(params | changes)


@pytest.fixture
def debited(simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer) -> str:
    """The intent of a debit that was begun on a page."""
    page = _page(stripe_client, customer=customer.id)
    return str(simulator.control(f"checkout/sessions/{page.id}/complete", BANK)["payment_intent"])


def _read(client: StripeClient, intent_id: str) -> tuple[stripe.PaymentIntent, stripe.Charge, stripe.checkout.Session]:
    intent = client.v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge.balance_transaction"]})
    (session,) = client.v1.checkout.sessions.list({"payment_intent": intent_id}).data
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent, intent.latest_charge, session


def _told(client: StripeClient) -> list[str]:
    return [str(event.type) for event in client.v1.events.list().data]


def test_a_debit_is_asked_for_and_nothing_is_paid_yet(
    simulator: RunningSimulator, stripe_client: StripeClient, debited: str
) -> None:
    del simulator
    intent, charge, session = _read(stripe_client, debited)
    assert (intent.status, intent.amount_received) == ("processing", 0)
    assert (charge.status, charge.paid, charge.balance_transaction) == ("pending", False, None)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.type == "us_bank_account"
    assert "card" not in charge.payment_method_details
    told = _told(stripe_client)[:3]
    assert told == ["checkout.session.completed", "payment_intent.processing", "charge.pending"]
    for act in (stripe_client.v1.payment_intents.cancel, stripe_client.v1.payment_intents.confirm):
        with pytest.raises(InvalidRequestError):
            act(debited)


def test_a_debit_that_arrives_is_paid_with_its_money(
    simulator: RunningSimulator, stripe_client: StripeClient, debited: str
) -> None:
    simulator.control(f"payment_intents/{debited}/settle", {"succeed": True})
    intent, charge, session = _read(stripe_client, debited)
    assert (intent.status, intent.amount_received, charge.status, charge.paid) == ("succeeded", 5000, "succeeded", True)
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert (charge.balance_transaction.amount, charge.balance_transaction.type) == (5000, "payment")
    assert _told(stripe_client)[:3] == [
        "checkout.session.async_payment_succeeded",
        "payment_intent.succeeded",
        "charge.succeeded",
    ]
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"payment_intents/{debited}/settle", {"succeed": False})


@pytest.mark.parametrize("code", ["insufficient_funds", "debit_not_authorized", "account_closed", "no_account"])
def test_a_debit_that_bounces_leaves_the_session_complete_and_unpaid(
    simulator: RunningSimulator, stripe_client: StripeClient, debited: str, code: str
) -> None:
    simulator.control(f"payment_intents/{debited}/settle", {"succeed": False, "failure_code": code})
    intent, charge, session = _read(stripe_client, debited)
    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)
    error = intent.last_payment_error
    assert error is not None
    assert (error.type, error.code) == ("invalid_request_error", code)
    assert error.payment_method is not None
    assert error.payment_method.type == "us_bank_account"
    assert (charge.status, charge.failure_code, charge.balance_transaction) == ("failed", code, None)
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert _told(stripe_client)[:3] == [
        "checkout.session.async_payment_failed",
        "payment_intent.payment_failed",
        "charge.failed",
    ]


@pytest.mark.parametrize("settled", [None, False])
def test_money_that_never_came_can_be_neither_refunded_nor_disputed(
    simulator: RunningSimulator, stripe_client: StripeClient, debited: str, settled: bool | None
) -> None:
    if settled is not None:
        simulator.control(f"payment_intents/{debited}/settle", {"succeed": settled})
    charge = _read(stripe_client, debited)[1]
    for params in ({"payment_intent": debited}, {"charge": charge.id}):
        with pytest.raises(InvalidRequestError):
            stripe_client.v1.refunds.create(params)  # type: ignore[arg-type]  # one of both
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("disputes", {"payment_intent": debited})


def test_a_paid_debit_is_refunded_and_disputed_as_any_payment(
    simulator: RunningSimulator, stripe_client: StripeClient, debited: str
) -> None:
    simulator.control(f"payment_intents/{debited}/settle", {"succeed": True})
    refund = stripe_client.v1.refunds.create({"payment_intent": debited, "amount": 1000})
    assert refund.status == "succeeded"
    opened = simulator.control("disputes", {"payment_intent": debited})
    dispute = stripe_client.v1.disputes.retrieve(opened["id"])
    assert (dispute.amount, [moved.amount for moved in dispute.balance_transactions]) == (5000, [-5000])
    assert "payment_method_details" not in dispute


def test_only_a_page_paid_in_us_dollars_that_allows_it_offers_a_debit(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    pages = [_page(stripe_client, "eur"), _page(stripe_client, allowed_payment_method_types=["card"])]
    for page in pages:
        assert "us_bank_account" not in (page.payment_method_types or [])
        with pytest.raises(httpx.HTTPStatusError):
            simulator.control(f"checkout/sessions/{page.id}/complete", BANK)


def test_a_page_offers_the_debit_to_a_browser(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    del simulator
    page = _page(stripe_client)
    assert '<option value="us_bank_account">' in httpx.get(str(page.url), trust_env=False).text
    answer = httpx.post(str(page.url), data=BANK | {"action": "pay"}, trust_env=False)
    assert answer.headers["location"] == SUCCESS
    assert stripe_client.v1.checkout.sessions.retrieve(page.id).payment_status == "unpaid"


def test_a_bank_account_saved_by_paying_is_debited_again_off_session(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    page = _page(stripe_client, customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"})
    simulator.control(f"checkout/sessions/{page.id}/complete", BANK)
    (method,) = stripe_client.v1.customers.payment_methods.list(customer.id).data
    assert method.type == "us_bank_account"
    with pytest.raises(httpx.HTTPStatusError, match="neither a number nor a date"):
        simulator.control(f"payment_methods/{method.id}", {"number": "4242424242424242"})
    assert pay(method.id).status == "processing"


def test_a_bounce_of_no_known_kind_is_refused(simulator: RunningSimulator, debited: str) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"payment_intents/{debited}/settle", {"succeed": False, "failure_code": "bad_mood"})
