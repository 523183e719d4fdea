import time
from collections import Counter
from typing import Any

import httpx
import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from billing.payments.event_types import HANDLED_EVENTS
from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay
from tests.patience import WITHIN_SECONDS

DAY = 24 * 3600
MANY = 10_000


def _all_events(simulator: RunningSimulator, **params: Any) -> list[dict[str, Any]]:
    """Each page of 100, without the SDK, which takes longer to read a page than the simulator to write it."""
    found: list[dict[str, Any]] = []
    with httpx.Client(headers={"Authorization": f"Bearer {simulator.api_key}"}, trust_env=False) as client:
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            query = {"limit": 100, **params, **after}
            page = client.get(f"{simulator.url}/v1/events", params=query, timeout=WITHIN_SECONDS).json()
            found += page["data"]
            if not page["has_more"]:
                return found


def test_events_are_shown_for_thirty_days(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    (event,) = stripe_client.v1.events.list().data
    simulator.control("clock", {"now": event.created + 30 * DAY - 60})
    assert stripe_client.v1.events.retrieve(event.id).data.object["id"] == customer.id
    assert [item.id for item in stripe_client.v1.events.list().data] == [event.id]
    simulator.control("clock", {"now": event.created + 30 * DAY + 60})
    assert stripe_client.v1.events.list().data == []
    with pytest.raises(InvalidRequestError) as gone:
        stripe_client.v1.events.retrieve(event.id)
    assert (gone.value.http_status, gone.value.code) == (404, "resource_missing")
    simulator.control("clock", {"now": None})
    assert stripe_client.v1.events.retrieve(event.id).id == event.id


def test_ten_thousand_events_of_other_business_are_made_and_listed_fast(simulator: RunningSimulator) -> None:
    begun = time.monotonic()
    simulator.control("events", {"count": MANY, "seconds": 7200})
    made = time.monotonic()
    events = _all_events(simulator)
    listed = time.monotonic()
    assert len({event["id"] for event in events}) == MANY
    times = [event["created"] for event in events]
    assert times == sorted(times, reverse=True)
    assert 7190 <= times[0] - times[-1] <= 7200
    # Much more than they take, for a machine that does other things beside.
    assert (made - begun < 30, listed - made < 60) == (True, True)


def test_other_business_has_each_kind_of_event_and_objects_that_can_be_read(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    simulator.control("events", {"count": 100, "seconds": 3600})
    events = _all_events(simulator)
    assert set(HANDLED_EVENTS) <= {event["type"] for event in events}
    subjects = [event["data"]["object"] for event in events]
    assert all(not subject.get("metadata") for subject in subjects)
    readers: dict[str, Any] = {
        "charge": stripe_client.v1.charges.retrieve,
        "checkout.session": stripe_client.v1.checkout.sessions.retrieve,
        "customer": stripe_client.v1.customers.retrieve,
        "dispute": stripe_client.v1.disputes.retrieve,
        "payment_intent": stripe_client.v1.payment_intents.retrieve,
        "payment_method": stripe_client.v1.payment_methods.retrieve,
        "refund": stripe_client.v1.refunds.retrieve,
    }
    newest = {subject["object"]: subject["id"] for subject in subjects[::-1]}
    assert {kind: readers[kind](object_id).id for kind, object_id in newest.items()} == newest


def test_objects_of_other_business_hang_together_and_are_older_than_their_events(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    simulator.control("events", {"count": 100, "seconds": 3600})
    for event in _all_events(simulator, type="charge.dispute.closed"):
        dispute = stripe_client.v1.disputes.retrieve(event["data"]["object"]["id"], {"expand": ["charge.refunds"]})
        assert isinstance(dispute.charge, stripe.Charge)
        assert dispute.created <= event["created"]
        assert dispute.payment_intent == dispute.charge.payment_intent
        assert dispute.charge.refunds is not None
        assert Counter(refund.status for refund in dispute.charge.refunds.data) == {"succeeded": 1, "failed": 1}
        assert {moved.source for moved in dispute.balance_transactions} == {dispute.id}


def test_other_business_is_in_the_list_and_not_sent(simulator: RunningSimulator) -> None:
    simulator.control("webhooks", {"hold": True})
    simulator.control("events", {"count": 20, "seconds": 60})
    assert simulator.control("webhooks", method="GET")["held"] == []


def test_a_filter_finds_its_events_among_many(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    simulator.control("events", {"count": 1000, "seconds": 7200})
    now = simulator.control("clock", method="GET")["now"]
    recent = _all_events(simulator, **{"created[gte]": now - 3600})
    assert 400 <= len(recent) <= 502
    assert [event["type"] for event in _all_events(simulator, type="customer.created")] == ["customer.created"]
    types = ["customer.created", "refund.failed"]
    named = _all_events(simulator, **{f"types[{index}]": name for index, name in enumerate(types)})
    assert {event["type"] for event in named} == set(types)
    page = stripe_client.v1.events.list({"limit": 10, "ending_before": named[-1]["id"]})
    assert (len(page.data), page.has_more) == (10, True)
    assert customer.id


@pytest.mark.parametrize("body", [{"count": 0, "seconds": 60}, {"count": 1, "seconds": 31 * DAY}, {"count": 1}])
def test_other_business_that_makes_no_sense_is_refused(simulator: RunningSimulator, body: dict[str, int]) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("events", body)


def test_more_than_three_hundred_payments_of_a_customer_are_paged(
    simulator: RunningSimulator,
    stripe_client: StripeClient,
    customer: stripe.Customer,
    saved_card: stripe.PaymentMethod,
    pay: Pay,
) -> None:
    simulator.control("events", {"count": 1000, "seconds": 3600})
    made = [pay(saved_card.id).id for _ in range(305)]
    begun = time.monotonic()
    listed = stripe_client.v1.payment_intents.list({"customer": customer.id, "limit": 100})
    found = [intent.id for intent in listed.auto_paging_iter()]
    assert found == made[::-1]
    assert time.monotonic() - begun < 30
