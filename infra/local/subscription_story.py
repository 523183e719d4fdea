"""A subscription renews: its schedule is run as of the moments to come. Stripe is the simulator."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.instants import format_instant
from infra.local.deploy import session
from infra.local.stripe import STRIPE
from infra.local.stripe_simulator import RunningSimulator
from infra.local.telling import Story, first, until

_ACCOUNT = "/v1/accounts/umbrella"
_STARTER = {
    "name": "Starter",
    "currency": "USD",
    "kind": "fixed",
    "base_price": "49.00",
    "usage_features": [
        {
            "key": "call_minutes",
            "name": "Conversation minutes",
            "metered_unit": "second",
            "priced_unit": "minute",
            "metered_per_priced": "60",
            "included": "10",
            "unit_price": "0.12",
        }
    ],
    "recurring_features": [{"key": "phone_number", "name": "Phone numbers", "included": "1", "unit_price": "2.00"}],
}


def a_customer_subscribes(story: Story) -> None:
    """All that follows, where cardholders and banks can be played: at Stripe itself they cannot."""
    if story.outputs.stripe_url == STRIPE:
        return
    account = {"account_id": "umbrella", "name": "Umbrella SA", "email": "billing@umbrella.example", "currency": "USD"}
    story.api.post("/v1/accounts", account)
    story.api.put("/v1/workspaces/55", {"account_id": "umbrella"})
    story.api.put("/v1/plans/starter", _STARTER)
    subscribing(story)


def a_subscription_renews(story: Story) -> None:
    """The schedule, as of moments to come: for all accounts, so that it must be the last of what happens to them."""
    if story.outputs.stripe_url == STRIPE:
        return
    a_renewal(story)
    a_decline_and_its_dunning(story)


def subscribing(story: Story) -> None:
    story.tell("\nA fourth customer subscribes to 49.00 a month, with a second phone number for 2.00")
    _add_card(story, "pm_card_visa")
    wanted = {"plan_id": "starter", "quantities": {"phone_number": "2"}}
    previewed = story.api.post(f"{_ACCOUNT}/subscription/preview", wanted)
    for line in previewed["lines"]:
        story.tell(f"      {line['description']}: {line['quantity']}, {line['amount']['amount']}")
    story.check("the preview", previewed["due_now"]["amount"], "51.000000")
    story.check(
        "what it then costs", story.api.put(f"{_ACCOUNT}/subscription", wanted)["due_now"]["amount"], "51.000000"
    )
    _call(story, minutes=3)
    story.check("minutes used of 10", until(lambda: _used(story) if _used(story) != "0" else None), "3")


def a_renewal(story: Story) -> None:
    due = _subscription(story)["current_period_end"]
    story.tell(f"\nThe schedule runs as of {due}, twice: the month is charged once, and its minutes are whole again")
    for _ in range(2):
        _sweep(story, due)
    renewal = until(lambda: first(each for each in _renewals(story) if each["status"] == "Paid"))
    story.check("the charge", renewal["amount"]["amount"], "51.000000")
    story.check("renewals in the billing history", len(_renewals(story)), 1)
    story.check("the new period starts", _subscription(story)["current_period_start"], due)
    story.check("minutes used of 10", _used(story), "0")


def a_decline_and_its_dunning(story: Story) -> None:
    due = _subscription(story)["current_period_end"]
    story.tell(f"\nThe card has no funds on {due}: tried again after 1, 3 and 7 days, then locked")
    card = story.api.get(f"{_ACCOUNT}/payment-methods")["items"][0]["payment_method_id"]
    _stripe(story).control(f"payment_methods/{card}", {"behavior": "insufficient_funds"})
    moment: str | None = due
    for tries in range(1, 5):
        if moment is None:
            break
        _sweep(story, moment)
        until(lambda tries=tries: True if len(_failed(story)) == tries else None)  # type: ignore[misc]
        moment = _subscription(story)["next_payment_attempt_at"]
        story.tell(f"      {_failed(story)[0]['failure']['message']} Next try: {moment}")
    story.check("tries", len(_failed(story)), 4)
    story.check("the subscription", _subscription(story)["status"], "past_due")
    story.check("a call", story.api.get(f"{_ACCOUNT}/call-permission")["code"], "account_locked")
    story.tell("  another card is made the default: it is charged at once, and the anchor stays")
    better = _add_card(story, "pm_card_mastercard")
    story.api.call("PATCH", f"{_ACCOUNT}/payment-methods/{better}", {"default": True}, expect=(200,))
    # By this request, or by the webhook of the new card where that was on the same charge at this moment.
    last = until(lambda: first(each for each in _renewals(story)[:1] if each["status"] != "Processing"))
    story.check("the last try", last["status"], "Paid")
    story.check("umbrella", story.api.get(f"{_ACCOUNT}/billing")["status"], "active")
    story.check("the period starts", _subscription(story)["current_period_start"], due)


def _sweep(story: Story, moment: str) -> None:
    client = session().client("lambda", endpoint_url=story.outputs.aws_url)
    client.invoke(FunctionName=story.outputs.functions["schedule_renewals"], Payload=json.dumps({"time": moment}))


def _add_card(story: Story, token: str) -> str:
    """The id of the card, once it is verified."""
    known = len(story.api.get(f"{_ACCOUNT}/payment-methods")["items"])
    page = story.api.post(f"{_ACCOUNT}/payment-methods", {})["url"]
    _stripe(story).control(f"checkout/sessions/{page.rpartition('/')[2]}/complete", {"card": token})

    def verified() -> Any:  # noqa: ANN401  JSON
        cards = story.api.get(f"{_ACCOUNT}/payment-methods")["items"][known:]
        return first(each for each in cards if each["verification"] == "verified")

    return str(until(verified)["payment_method_id"])


def _call(story: Story, *, minutes: int) -> None:
    ended_at = datetime.now(UTC)
    now = format_instant(ended_at)
    data = {
        "call_id": "call-umbrella",
        "workspace_id": "55",
        "started_at": format_instant(ended_at - timedelta(minutes=minutes)),
        "ended_at": now,
        "usage": [{"feature": "call_minutes", "quantity": str(minutes), "unit": "minute"}],
    }
    event = {"specversion": "1.0", "id": "call-umbrella", "source": "/voice/demo", "type": "call.ended", "time": now}
    story.api.post("/v1/events", {**event, "data": data})


def _stripe(story: Story) -> RunningSimulator:
    return RunningSimulator(story.outputs.stripe_url)


def _subscription(story: Story) -> Any:  # noqa: ANN401  JSON
    return story.api.get(f"{_ACCOUNT}/billing")["subscription"]


def _used(story: Story) -> str:
    return str(story.api.get(f"{_ACCOUNT}/billing")["allowances"][0]["used"])


def _renewals(story: Story) -> list[Any]:
    return list(story.api.get(f"{_ACCOUNT}/transactions?kind=renewal")["items"])


def _failed(story: Story) -> list[Any]:
    return [each for each in _renewals(story) if each["status"] == "Failed"]
