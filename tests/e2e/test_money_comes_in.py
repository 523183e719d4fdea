"""The deployed product and its Stripe, over HTTP only, with every function held to its policy."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from infra.local.client import Api
from infra.local.deploy import Outputs, session
from infra.local.stripe_simulator import RunningSimulator
from tests.builders import cloud_event
from tests.patience import WITHIN_SECONDS, until

PLAN = {
    "name": "Pay",
    "currency": "USD",
    "kind": "pay_as_you_go",
    "base_price": "0",
    "usage_features": [
        {
            "key": "call_minutes",
            "name": "Minutes",
            "metered_unit": "second",
            "priced_unit": "minute",
            "metered_per_priced": "60",
            "included": "0",
            "unit_price": "0.10",
        }
    ],
    "recurring_features": [],
}


class Customer:
    """An account of its own on the deployed platform, and its cardholder."""

    def __init__(self, platform: Outputs) -> None:
        self.api = Api(platform.api_url, platform.admin_key)
        self.stripe = RunningSimulator(platform.stripe_url)
        self.account_id = f"payer-{uuid4().hex[:8]}"
        self.workspace_id = f"w-{self.account_id}"
        self.path = f"/v1/accounts/{self.account_id}"
        self.api.put("/v1/plans/pay", PLAN)
        account = {"account_id": self.account_id, "name": "Payer", "email": "p@payer.example", "currency": "USD"}
        self.api.post("/v1/accounts", account)
        self.api.put(f"{self.path}/subscription", {"plan_id": "pay"})
        self.api.put(f"/v1/workspaces/{self.workspace_id}", {"account_id": self.account_id})

    def complete(self, url: str, card: str = "pm_card_visa") -> None:
        self.stripe.control(f"checkout/sessions/{url.rpartition('/')[2]}/complete", {"card": card})

    def add_card(self, card: str = "pm_card_visa") -> Any:
        before = len(self.cards())
        self.complete(self.api.post(f"{self.path}/payment-methods", {})["url"], card)
        return until(lambda: next((c for c in self.cards()[before:] if c["verification"] != "pending"), None))

    def cards(self) -> list[Any]:
        return list(self.api.get(f"{self.path}/payment-methods")["items"])

    def billing(self) -> Any:
        return self.api.get(f"{self.path}/billing")

    def balance(self) -> str:
        return str(self.billing()["balance"]["amount"])

    def transactions(self) -> list[Any]:
        return list(self.api.get(f"{self.path}/transactions")["items"])

    def payments(self) -> list[Any]:
        """What Stripe has of this customer's payments, the newest first."""
        answer = httpx.get(
            f"{self.stripe.url}/v1/payment_intents",
            params={"limit": "100"},
            headers={"authorization": f"Bearer {self.stripe.api_key}"},
            timeout=WITHIN_SECONDS,
            trust_env=False,
        )
        found = answer.raise_for_status().json()["data"]
        return [each for each in found if each["metadata"].get("talktime_account") == self.account_id]

    def call(self, minutes: int) -> None:
        event = cloud_event(f"call-{uuid4().hex}", seconds=str(minutes * 60), workspace_id=self.workspace_id)
        self.api.post("/v1/events", event)


@pytest.fixture
def customer(platform: Outputs) -> Customer:
    return Customer(platform)


def test_a_card_is_added_verified_and_pays_a_top_up_at_once(customer: Customer) -> None:
    card = customer.add_card()
    assert (card["verification"], card["is_default"], card["last4"]) == ("verified", True, "4242")
    assert customer.billing()["default_payment_method"]["payment_method_id"] == card["payment_method_id"]
    body = {"amount": "50.00", "payment_method": card["payment_method_id"]}
    paid = customer.api.post(f"{customer.path}/top-ups", body, key="top-up-1")
    assert paid["status"] == "Paid"
    assert customer.balance() == "50.000000"


def test_a_hosted_top_up_is_credited_by_the_webhook(customer: Customer) -> None:
    started = customer.api.post(f"{customer.path}/top-ups", {"amount": "25.00"})
    assert started["status"] == "Checkout"
    customer.complete(started["url"])
    until(lambda: customer.balance() == "25.000000")
    (paid,) = customer.transactions()
    assert (paid["status"], paid["card"]["last4"]) == ("Paid", "4242")


def test_a_call_below_the_threshold_is_followed_by_a_refill(customer: Customer) -> None:
    card = customer.add_card()
    body = {"amount": "10.00", "payment_method": card["payment_method_id"]}
    customer.api.post(f"{customer.path}/top-ups", body, key="top-up-1")
    customer.api.put(f"{customer.path}/auto-refill", {"enabled": True, "threshold": "8.00", "amount": "20.00"})
    customer.call(30)
    until(lambda: customer.balance() == "27.000000")
    refill = customer.transactions()[0]
    assert (refill["kind"], refill["status"], refill["amount"]["amount"]) == ("auto_refill", "Paid", "20.000000")


def test_a_declined_refill_says_why_and_a_sweep_at_the_right_time_tries_again(
    customer: Customer, platform: Outputs
) -> None:
    card = customer.add_card()
    customer.stripe.control(f"payment_methods/{card['payment_method_id']}", {"behavior": "insufficient_funds"})
    customer.api.put(f"{customer.path}/auto-refill", {"enabled": True, "threshold": "8.00", "amount": "20.00"})
    until(lambda: customer.billing()["auto_refill"]["status"] == "waiting")
    state = customer.billing()["auto_refill"]
    assert "insufficient funds" in state["last_failure"]["message"]
    customer.stripe.control(f"payment_methods/{card['payment_method_id']}", {"behavior": "succeed"})
    client = session().client("lambda", endpoint_url=platform.aws_url)
    event = json.dumps({"time": state["next_attempt_at"]})
    client.invoke(FunctionName=platform.functions["reconcile"], Payload=event)
    until(lambda: customer.balance() == "20.000000")


def test_a_refund_takes_the_credit_back(customer: Customer) -> None:
    card = customer.add_card()
    body = {"amount": "50.00", "payment_method": card["payment_method_id"]}
    paid = customer.api.post(f"{customer.path}/top-ups", body, key="top-up-1")
    refund = f"{customer.path}/transactions/{paid['transaction_id']}/refunds"
    refunded = customer.api.post(refund, {"amount": "20.00"}, key="refund-1")
    assert refunded["refunded"]["amount"] == "20.000000"
    assert customer.balance() == "30.000000"


def test_a_dispute_takes_the_credit_back_and_one_won_gives_it_again(customer: Customer) -> None:
    body = {"amount": "50.00", "payment_method": customer.add_card()["payment_method_id"]}
    customer.api.post(f"{customer.path}/top-ups", body, key="top-up-1")
    dispute = customer.stripe.control("disputes", {"payment_intent": customer.payments()[0]["id"]})
    until(lambda: customer.balance() == "0.000000")
    customer.stripe.control(f"disputes/{dispute['id']}/close", {"status": "won"})
    until(lambda: customer.balance() == "50.000000")
    assert customer.transactions()[0]["dispute"] == "won"


def test_a_declined_top_up_is_a_402_with_the_reason(customer: Customer) -> None:
    card = customer.add_card()
    customer.stripe.control(f"payment_methods/{card['payment_method_id']}", {"behavior": "insufficient_funds"})
    body = {"amount": "50.00", "payment_method": card["payment_method_id"]}
    declined = customer.api.call("POST", f"{customer.path}/top-ups", body, expect=(402,), key="top-up-1")
    assert declined["code"] == "card_declined"
    assert declined["failure"]["code"] == "insufficient_funds"


def test_cards_are_made_default_and_removed(customer: Customer) -> None:
    visa, mastercard = customer.add_card(), customer.add_card("pm_card_mastercard")
    one = f"{customer.path}/payment-methods/{visa['payment_method_id']}"
    other = f"{customer.path}/payment-methods/{mastercard['payment_method_id']}"
    refused = customer.api.call("DELETE", one, expect=(409,))
    assert refused["code"] == "card_is_default"
    assert customer.api.call("PATCH", other, {"default": True}, expect=(200,))["is_default"]
    customer.api.call("DELETE", one, expect=(200,))
    assert [each["payment_method_id"] for each in customer.cards()] == [mastercard["payment_method_id"]]
