"""A subscription's life on the deployed platform, its schedule run as of moments to come."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.local.deploy import Outputs, session
from tests.e2e.test_money_comes_in import PLAN, Customer
from tests.patience import until

STARTER = {
    **PLAN,
    "kind": "fixed",
    "base_price": "49.00",
    "usage_features": [{**PLAN["usage_features"][0], "included": "10"}],  # type: ignore[dict-item]
    "recurring_features": [{"key": "phone_number", "name": "Phone numbers", "included": "1", "unit_price": "2.00"}],
}


class Subscriber(Customer):
    def __init__(self, platform: Outputs) -> None:
        super().__init__(platform)
        self.platform = platform
        self.api.put("/v1/plans/deployed-starter", STARTER)
        self.card = self.add_card()

    def put(self, **quantities: str) -> Any:
        body = {"plan_id": "deployed-starter", "quantities": quantities}
        return self.api.put(f"{self.path}/subscription", body)

    @property
    def subscription(self) -> Any:
        return self.billing()["subscription"]

    def sweep(self, moment: str, *, after: timedelta = timedelta(minutes=5)) -> None:
        """A run of the deployed schedule as of a moment."""
        as_of = (datetime.fromisoformat(moment) + after).isoformat()
        client = session().client("lambda", endpoint_url=self.platform.aws_url)
        client.invoke(FunctionName=self.platform.functions["schedule_renewals"], Payload=json.dumps({"time": as_of}))

    def behave(self, behavior: str) -> None:
        self.stripe.control(f"payment_methods/{self.card['payment_method_id']}", {"behavior": behavior})

    def renewals(self, *statuses: str) -> list[Any]:
        """The tries of renewals, the newest first: all, or those of a status."""
        tries = [each for each in self.transactions() if each["kind"] == "renewal"]
        return [each for each in tries if not statuses or each["status"] in statuses]


@pytest.fixture
def customer(platform: Outputs) -> Subscriber:
    return Subscriber(platform)


def test_a_preview_says_what_the_change_costs_and_the_card_pays_just_that(customer: Subscriber) -> None:
    body = {"plan_id": "deployed-starter", "quantities": {"phone_number": "2"}}
    previewed = customer.api.post(f"{customer.path}/subscription/preview", body)
    changed = customer.api.put(
        f"{customer.path}/subscription", {**body, "as_of": previewed["as_of"], "due_now": previewed["due_now"]}
    )
    assert changed["due_now"] == previewed["due_now"]
    total = sum(Decimal(line["amount"]["amount"]) for line in changed["lines"])
    assert total == Decimal(changed["due_now"]["amount"]) > 0
    paid = customer.transactions()[0]
    assert (paid["kind"], paid["status"], paid["amount"]) == ("plan_change", "Paid", changed["due_now"])
    assert previewed["next_renewal"] == changed["next_renewal"]
    assert changed["next_renewal"]["amount"]["amount"] == "51.000000"


def test_a_renewal_is_charged_by_the_schedule_once_and_the_allowance_is_whole(customer: Subscriber) -> None:
    customer.put()
    customer.call(3)
    until(lambda: customer.billing()["allowances"][0]["used"] == "3")
    due = customer.subscription["current_period_end"]
    for _ in range(2):
        customer.sweep(due)
    (renewal,) = until(lambda: customer.renewals("Paid"))
    assert (len(customer.renewals()), renewal["amount"]["amount"]) == (1, "49.000000")
    assert (customer.subscription["current_period_start"], customer.subscription["status"]) == (due, "active")
    assert customer.billing()["allowances"][0]["used"] == "0"


def test_a_declined_renewal_is_past_due_then_locked_and_a_new_card_makes_it_well(customer: Subscriber) -> None:
    customer.put()
    customer.behave("insufficient_funds")
    due = customer.subscription["current_period_end"]
    for attempts in (1, 2, 3, 4):
        customer.sweep(due)
        until(lambda attempts=attempts: len(customer.renewals("Failed")) == attempts)  # type: ignore[misc]
        assert customer.subscription["status"] == "past_due"
        due = customer.subscription["next_payment_attempt_at"]
    assert (due, customer.billing()["status"]) == (None, "locked")
    assert customer.api.get(f"{customer.path}/call-permission")["code"] == "account_locked"
    better = customer.add_card("pm_card_mastercard")
    customer.api.call(
        "PATCH", f"{customer.path}/payment-methods/{better['payment_method_id']}", {"default": True}, expect=(200,)
    )
    # By this request, or by the webhook of the new card where that was on the same charge at this moment.
    assert until(lambda: customer.renewals("Paid")) == customer.renewals()[:1]
    assert (customer.billing()["status"], customer.subscription["status"]) == ("active", "active")


@pytest.mark.parametrize("way", ["card", "page", "credit"])
def test_a_renewal_whose_bank_wants_the_customer_is_paid_by_hand(customer: Subscriber, way: str) -> None:
    customer.put()
    customer.behave("authentication_required")
    customer.sweep(customer.subscription["current_period_end"])
    until(lambda: customer.renewals("Failed"))
    payment = f"{customer.path}/subscription/payment"
    if way == "card":
        customer.behave("succeed")
    if way == "credit":
        wire = {"amount": "49.00", "reason": "wire", "by": "ops@example.com"}
        customer.api.post(f"{customer.path}/adjustments", wire, key="wire")
    paid = customer.api.post(payment, {"with": way})
    assert (paid["status"], paid["url"] is None) == (("Checkout", False) if way == "page" else ("Paid", True))
    if way == "page":
        assert customer.api.post(payment, {"with": way}) == paid
        customer.complete(paid["url"])
    (row,) = until(lambda: customer.renewals("Paid"))
    assert (row["transaction_id"], row["amount"]["amount"]) == (paid["transaction_id"], "49.000000")
    assert (row["card"] is None) == (way == "credit")
    assert (customer.subscription["status"], customer.billing()["status"]) == ("active", "active")
    assert Decimal(customer.balance()) < Decimal("0.01"), "what the first charge was rounded up by"
    assert customer.api.call("POST", payment, {"with": way}, expect=(409,))["code"] == "nothing_to_pay"


def test_a_canceled_subscription_ends_by_the_schedule_and_resetting_the_usage_leaves_a_trail(
    customer: Subscriber,
) -> None:
    customer.put()
    reset = customer.api.post(
        f"{customer.path}/subscription/usage-reset", {"reason": "goodwill", "by": "ops@example.com"}
    )
    assert (reset["kind"], reset["amount"]["amount"], reset["by"]) == ("usage_reset", "0.000000", "ops@example.com")
    canceled = customer.api.call("DELETE", f"{customer.path}/subscription", expect=(200,))
    assert canceled["cancel_at_period_end"]
    customer.sweep(canceled["current_period_end"])
    until(lambda: customer.billing()["status"] == "canceled")
    assert customer.renewals() == []
