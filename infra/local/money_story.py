"""Money comes in: a card, a hold that is released, a top-up, refills that succeed and fail. Stripe is the simulator."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from billing.domain.instants import format_instant
from infra.local.deploy import session
from infra.local.stripe import STRIPE
from infra.local.stripe_simulator import RunningSimulator
from infra.local.telling import Story, balance, first, until

_ACCOUNT = "/v1/accounts/initech"
_TIMEOUT_SECONDS = 120
_DETAILS = {
    "legal_name": "Initech Limited",
    "address_lines": ["12 Market Street", "Leeds LS1 6DT"],
    "country": "GB",
    "tax_id": "GB987654321",
}


def money_comes_in(story: Story) -> None:
    """All that follows, where cardholders and banks can be played: at Stripe itself they cannot."""
    account = {"account_id": "initech", "name": "Initech", "email": "billing@initech.example", "currency": "USD"}
    story.api.post("/v1/accounts", account)
    story.api.put(f"{_ACCOUNT}/billing-details", _DETAILS)
    story.api.put(f"{_ACCOUNT}/subscription", {"plan_id": "pay-as-you-go"})
    story.api.put("/v1/workspaces/99", {"account_id": "initech"})
    if story.outputs.stripe_url == STRIPE:
        page = story.api.post(f"{_ACCOUNT}/payment-methods", {})["url"]
        story.tell(f"\nStripe's test mode: add a card to initech on {page}")
        return
    for chapter in (a_card_is_added, a_hosted_top_up, an_auto_refill_after_a_call, a_declined_refill):
        chapter(story)


def a_card_is_added(story: Story) -> None:
    story.tell("\nA third customer adds a card on Stripe's page; a hold proves it and is released at once")
    api, stripe = story.api, _stripe(story)
    page = api.post(f"{_ACCOUNT}/payment-methods", {})["url"]
    story.tell(f"  the page: {page}")
    _complete(stripe, page)
    card = until(lambda: first(each for each in _cards(story) if each["verification"] != "pending"))
    story.check("the card", (card["brand"], card["last4"], card["verification"]), ("visa", "4242", "verified"))
    default = api.get(f"{_ACCOUNT}/billing")["default_payment_method"]["payment_method_id"]
    story.check("the default", default, card["payment_method_id"])
    (hold,) = _payments(stripe, "initech")
    story.check("the hold, in cents", (hold["amount"], hold["status"]), (100, "canceled"))
    story.check("what was captured of it", hold["amount_received"], 0)
    story.check("in the billing history", api.get(f"{_ACCOUNT}/transactions")["items"], [])


def a_hosted_top_up(story: Story) -> None:
    story.tell("\nA top-up of 25.00 on Stripe's page: credit once the money has arrived, and exactly as much")
    api, stripe = story.api, _stripe(story)
    started = api.post(f"{_ACCOUNT}/top-ups", {"amount": "25.00"}, key="top-up-1")
    story.check("before it is paid", (started["status"], balance(api, "initech")), ("Checkout", "0.000000"))
    _complete(stripe, started["url"])
    paid = until(lambda: first(each for each in _history(story) if each["status"] == "Paid"))
    story.check("then", (paid["status"], balance(api, "initech")), ("Paid", "25.000000"))


def an_auto_refill_after_a_call(story: Story) -> None:
    story.tell("\nAuto-refill below 10.00 by 50.00; a call of 110 minutes leaves 8.50")
    api = story.api
    wanted = {"enabled": True, "threshold": "10.00", "amount": "50.00", "monthly_limit": "500.00"}
    api.put(f"{_ACCOUNT}/auto-refill", wanted)
    _call(story, minutes=110)
    refill = until(lambda: first(each for each in _paid_refills(story)))
    story.check("the refill", (refill["amount"]["amount"], refill["status"]), ("50.000000", "Paid"))
    story.check("initech's balance", balance(api, "initech"), "58.500000")


def a_declined_refill(story: Story) -> None:
    story.tell("\nThe card has no funds when the next call ends; an hour later it has")
    api, stripe = story.api, _stripe(story)
    card = _cards(story)[0]["payment_method_id"]
    stripe.control(f"payment_methods/{card}", {"behavior": "insufficient_funds"})
    _call(story, minutes=330)
    state = until(lambda: _refill_state(story) if _refill_state(story)["status"] == "waiting" else None)
    story.tell("  two refills start a minute apart")
    _reconcile(story, state["next_attempt_at"])
    state = until(lambda: _refill_state(story) if _refill_state(story)["last_failure"] else None)
    story.tell(f"  the customer reads: {state['last_failure']['message']}")
    story.check("why", state["last_failure"]["code"], "insufficient_funds")
    story.check("initech's balance", balance(api, "initech"), "9.000000")
    stripe.control(f"payment_methods/{card}", {"behavior": "succeed"})
    before = len(_paid_refills(story))
    _reconcile(story, state["next_attempt_at"])
    until(lambda: len(_paid_refills(story)) > before or None)
    story.check("initech's balance", balance(api, "initech"), "59.000000")
    story.check("auto-refill", _refill_state(story)["status"], "ready")


def _reconcile(story: Story, at: str) -> None:
    """What the schedule does every five minutes, as of a moment that the story does not wait for."""
    story.tell(f"  the reconciliation of {at}")
    client = session().client("lambda", endpoint_url=story.outputs.aws_url)
    client.invoke(FunctionName=story.outputs.functions["reconcile"], Payload=json.dumps({"time": at}))


def _stripe(story: Story) -> RunningSimulator:
    return RunningSimulator(story.outputs.stripe_url)


def _complete(stripe: RunningSimulator, page: str) -> None:
    stripe.control(f"checkout/sessions/{page.rpartition('/')[2]}/complete", {"card": "pm_card_visa"})


def _payments(stripe: RunningSimulator, account: str) -> list[Any]:
    headers = {"authorization": f"Bearer {stripe.api_key}"}
    answer = httpx.get(f"{stripe.url}/v1/payment_intents", headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False)
    payments = answer.raise_for_status().json()["data"]
    return [payment for payment in payments if payment["metadata"]["talktime_account"] == account]


def _call(story: Story, *, minutes: int) -> None:
    ended_at = datetime.now(UTC)
    now = format_instant(ended_at)
    data = {
        "call_id": f"call-{uuid4().hex}",
        "workspace_id": "99",
        "started_at": format_instant(ended_at - timedelta(minutes=minutes)),
        "ended_at": now,
        "usage": [{"feature": "call_minutes", "quantity": str(minutes), "unit": "minute"}],
    }
    event = {"specversion": "1.0", "id": data["call_id"], "source": "/voice/demo", "type": "call.ended", "data": data}
    story.api.post("/v1/events", {**event, "time": now})


def _cards(story: Story) -> list[Any]:
    return list(story.api.get(f"{_ACCOUNT}/payment-methods")["items"])


def _history(story: Story) -> list[Any]:
    return list(story.api.get(f"{_ACCOUNT}/transactions")["items"])


def _paid_refills(story: Story) -> list[Any]:
    return list(story.api.get(f"{_ACCOUNT}/transactions?kind=auto_refill&status=Paid")["items"])


def _refill_state(story: Story) -> Any:  # noqa: ANN401  JSON
    return story.api.get(f"{_ACCOUNT}/billing")["auto_refill"]
