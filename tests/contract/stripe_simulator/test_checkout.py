import re
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import stripe
from stripe import InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay
from tests.patience import WITHIN_SECONDS

SUCCESS = "https://talktime.example/done?session={CHECKOUT_SESSION_ID}"
CANCEL = "https://talktime.example/back"


def _payment_page(client: StripeClient, **changes: Any) -> stripe.checkout.Session:
    price: Any = {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Credit <50 USD>"}}
    params: Any = {
        "mode": "payment",
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "client_reference_id": "acme",
        "line_items": [{"price_data": price, "quantity": 2}],
        "metadata": {"transaction_id": "tx-1"},
        "payment_intent_data": {"metadata": {"transaction_id": "tx-1"}, "description": "Credit"},
    }
    return client.v1.checkout.sessions.create(params | changes)


def _setup_page(client: StripeClient, customer: stripe.Customer) -> stripe.checkout.Session:
    return client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "usd",
            "customer": customer.id,
            "success_url": SUCCESS,
            "cancel_url": CANCEL,
            "setup_intent_data": {"metadata": {"account_id": "acme"}},
        }
    )


def test_a_payment_session_is_open_and_unpaid_with_a_page(stripe_client: StripeClient) -> None:
    session = _payment_page(stripe_client)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 5000)
    assert (session.client_reference_id, session.payment_intent) == ("acme", None)
    assert httpx.get(str(session.url), timeout=WITHIN_SECONDS, follow_redirects=True).status_code == 200
    items = stripe_client.v1.checkout.sessions.line_items.list(session.id).data
    assert [(item.description, item.quantity, item.amount_total) for item in items] == [("Credit <50 USD>", 2, 5000)]


def test_a_setup_session_needs_a_currency_now_that_payment_method_types_is_gone(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        stripe_client.v1.checkout.sessions.create({"mode": "setup", "customer": customer.id, "success_url": SUCCESS})
    assert refused.value.param == "currency"


def test_what_is_allowed_filters_what_a_page_offers_and_needs_no_currency(
    stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    params: Any = {"mode": "setup", "customer": customer.id, "success_url": SUCCESS}
    session = stripe_client.v1.checkout.sessions.create(params | {"allowed_payment_method_types": ["card"]})
    assert (session.payment_method_types, session.allowed_payment_method_types) == (["card"], ["card"])
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.checkout.sessions.create(params | {"allowed_payment_method_types": ["oxxo"]})


def test_link_pays_where_the_page_offers_it_and_is_no_card(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    only_cards = _payment_page(stripe_client, allowed_payment_method_types=["card"])
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"checkout/sessions/{only_cards.id}/complete", {"card": "link"})
    page = _payment_page(stripe_client)
    assert page.payment_method_types == ["card", "link", "us_bank_account"]
    simulator.control(f"checkout/sessions/{page.id}/complete", {"card": "link"})
    session = stripe_client.v1.checkout.sessions.retrieve(page.id, {"expand": ["payment_intent.latest_charge"]})
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    charge = session.payment_intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.payment_method_details is not None
    assert (session.payment_status, charge.payment_method_details.type) == ("paid", "link")
    assert "card" not in charge.payment_method_details


def test_a_card_has_the_date_that_was_entered(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    page = _setup_page(stripe_client, customer)
    simulator.control(f"checkout/sessions/{page.id}/complete", {"exp_month": 3, "exp_year": 2031})
    (method,) = stripe_client.v1.customers.payment_methods.list(customer.id).data
    assert method.card is not None
    assert (method.card.exp_month, method.card.exp_year) == (3, 2031)


def test_a_session_too_cheap_to_be_paid_is_refused(stripe_client: StripeClient) -> None:
    price: Any = {"currency": "usd", "unit_amount": 49, "product_data": {"name": "Credit"}}
    with pytest.raises(InvalidRequestError) as refused:
        _payment_page(stripe_client, line_items=[{"price_data": price, "quantity": 1}])
    assert refused.value.code == "amount_too_small"


@pytest.mark.parametrize("life_seconds", [60, 25 * 3600])
def test_a_session_lives_from_half_an_hour_to_a_day(stripe_client: StripeClient, life_seconds: int) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        _payment_page(stripe_client, expires_at=int(time.time()) + life_seconds)
    assert refused.value.param == "expires_at"


@pytest.mark.parametrize(
    "changes",
    [
        {"setup_intent_data": {"description": "for another mode"}},
        {"line_items": []},
        {"mode": "subscription"},
        {"customer": "cus_unknown"},
    ],
)
def test_a_session_that_makes_no_sense_is_refused(stripe_client: StripeClient, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        _payment_page(stripe_client, **changes)


def test_an_expired_session_has_no_page_and_stays_expired(stripe_client: StripeClient) -> None:
    session = _payment_page(stripe_client)
    expired = stripe_client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url, expired.payment_status) == ("expired", None, "unpaid")
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.checkout.sessions.expire(session.id)


def test_sessions_are_listed_by_status(stripe_client: StripeClient, customer: stripe.Customer) -> None:
    kept, closed = (_payment_page(stripe_client, customer=customer.id) for _ in range(2))
    stripe_client.v1.checkout.sessions.expire(closed.id)
    listed = stripe_client.v1.checkout.sessions.list({"customer": customer.id, "status": "open"})
    assert [session.id for session in listed.data] == [kept.id]


def test_paying_makes_an_intent_with_its_own_metadata(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    session = _payment_page(stripe_client, customer=customer.id)
    simulator.control(f"checkout/sessions/{session.id}/complete", {"card": "pm_card_visa"})
    done = stripe_client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    intent = done.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.status, intent.amount_received, intent.description) == ("succeeded", 5000, "Credit")
    assert (intent.customer, intent.metadata["transaction_id"]) == (customer.id, "tx-1")
    listed = stripe_client.v1.checkout.sessions.list({"payment_intent": intent.id})
    assert [item.id for item in listed.data] == [session.id]


def test_a_card_is_saved_by_paying_only_where_future_usage_is_asked_for(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    once = _payment_page(stripe_client, customer=customer.id)
    simulator.control(f"checkout/sessions/{once.id}/complete", {})
    assert stripe_client.v1.customers.payment_methods.list(customer.id).data == []
    data = {"setup_future_usage": "off_session"}
    saving = _payment_page(stripe_client, customer=customer.id, payment_intent_data=data)
    card = "pm_card_authenticationRequiredOnSetup"
    simulator.control(f"checkout/sessions/{saving.id}/complete", {"card": card})
    methods = stripe_client.v1.customers.payment_methods.list(customer.id).data
    assert len(methods) == 1
    assert pay(methods[0].id).status == "succeeded"


def test_saving_a_card_attaches_it_and_makes_it_work_off_session(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, pay: Pay
) -> None:
    session = _setup_page(stripe_client, customer)
    assert session.payment_status == "no_payment_required"
    simulator.control(f"checkout/sessions/{session.id}/complete", {"card": "pm_card_authenticationRequiredOnSetup"})
    done = stripe_client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
    setup = done.setup_intent
    assert isinstance(setup, stripe.SetupIntent)
    assert (done.status, setup.status) == ("complete", "succeeded")
    assert setup.metadata is not None
    assert setup.metadata["account_id"] == "acme"
    assert isinstance(setup.payment_method, stripe.PaymentMethod)
    assert setup.payment_method.customer == customer.id
    assert pay(setup.payment_method.id).status == "succeeded"


def test_a_declined_card_leaves_the_session_open_for_another(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    session = _payment_page(stripe_client)
    path = f"checkout/sessions/{session.id}/complete"
    with pytest.raises(httpx.HTTPStatusError) as refused:
        simulator.control(path, {"card": "pm_card_chargeDeclined"})
    assert refused.value.response.status_code == 402
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).status == "open"
    simulator.control(path, {"card": "pm_card_visa"})
    done = stripe_client.v1.checkout.sessions.retrieve(session.id)
    assert done.payment_status == "paid"
    failed = stripe_client.v1.events.list({"type": "payment_intent.payment_failed"}).data
    assert [event.data.object["id"] for event in failed] == [done.payment_intent]


def test_a_guest_becomes_a_customer_only_where_one_is_asked_for(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    guest = _payment_page(stripe_client)
    kept = _payment_page(stripe_client, customer_creation="always", customer_email="guest@acme.example")
    for session in (guest, kept):
        simulator.control(f"checkout/sessions/{session.id}/complete", {})
    assert stripe_client.v1.checkout.sessions.retrieve(guest.id).customer is None
    customer_id = stripe_client.v1.checkout.sessions.retrieve(kept.id).customer
    assert stripe_client.v1.customers.retrieve(str(customer_id)).email == "guest@acme.example"


def test_a_session_expires_by_the_clock_after_a_day(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    session = _payment_page(stripe_client)
    simulator.control("clock", {"now": session.expires_at - 600})
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).status == "open"
    simulator.control("clock", {"now": session.expires_at})
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"checkout/sessions/{session.id}/complete", {})


def test_the_cardholder_can_be_made_to_run_out_of_time(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    session = _payment_page(stripe_client)
    assert simulator.control(f"checkout/sessions/{session.id}/expire")["status"] == "expired"
    expired = stripe_client.v1.events.list({"type": "checkout.session.expired"}).data
    assert [event.data.object["id"] for event in expired] == [session.id]


def test_an_intent_of_checkout_is_canceled_only_by_expiring_its_session(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    session = _payment_page(stripe_client)
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control(f"checkout/sessions/{session.id}/complete", {"card": "pm_card_chargeDeclined"})
    intent_id = str(stripe_client.v1.checkout.sessions.retrieve(session.id).payment_intent)
    with pytest.raises(InvalidRequestError):
        stripe_client.v1.payment_intents.cancel(intent_id)
    stripe_client.v1.checkout.sessions.expire(session.id)
    assert stripe_client.v1.payment_intents.retrieve(intent_id).status == "canceled"


def test_the_page_shows_the_amount_and_its_form_pays(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    del simulator  # no browser can press Stripe's own buttons from here
    session = _payment_page(stripe_client)
    page = httpx.get(str(session.url), timeout=WITHIN_SECONDS)
    assert "50.00 USD" in page.text
    assert "Credit &lt;50 USD&gt;" in page.text
    assert set(re.findall(r'name="action" value="(\w+)"', page.text)) == {"pay", "cancel"}
    declined = httpx.post(
        str(session.url), data={"action": "pay", "card": "pm_card_chargeDeclined"}, timeout=WITHIN_SECONDS
    )
    assert (declined.status_code, "Your card was declined." in declined.text) == (402, True)
    paid = httpx.post(str(session.url), data={"action": "pay", "card": "pm_card_visa"}, timeout=WITHIN_SECONDS)
    assert (paid.status_code, paid.headers["location"]) == (
        303,
        f"https://talktime.example/done?session={session.id}",
    )
    assert "already been completed" in httpx.get(str(session.url), timeout=WITHIN_SECONDS).text


def test_a_page_without_a_way_back_has_no_cancel_button_and_presses_none(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    del simulator  # no browser can press Stripe's own buttons from here
    price: Any = {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Credit"}}
    session = stripe_client.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": SUCCESS, "line_items": [{"price_data": price, "quantity": 1}]}
    )
    assert 'value="cancel"' not in httpx.get(str(session.url), timeout=WITHIN_SECONDS).text
    for action in ("cancel", "save", ""):
        form = {"action": action, "card": "pm_card_visa"}
        assert httpx.post(str(session.url), data=form, timeout=WITHIN_SECONDS).status_code == 400
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_an_expired_page_says_so_and_takes_no_card(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    session = _payment_page(stripe_client)
    simulator.control(f"checkout/sessions/{session.id}/expire")
    late = httpx.post(str(session.url), data={"action": "pay", "card": "pm_card_visa"}, timeout=WITHIN_SECONDS)
    assert (late.status_code, "expired" in late.text) == (400, True)
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"


def test_the_cancel_button_leads_back_and_leaves_the_session_open(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    del simulator  # no browser can press Stripe's own buttons from here
    session = _setup_page(stripe_client, customer)
    assert "Save card" in httpx.get(str(session.url), timeout=WITHIN_SECONDS).text
    canceled = httpx.post(str(session.url), data={"action": "cancel"}, timeout=WITHIN_SECONDS)
    assert (canceled.status_code, canceled.headers["location"]) == (303, CANCEL)
    assert stripe_client.v1.checkout.sessions.retrieve(session.id).status == "open"
    saved = httpx.post(str(session.url), data={"action": "save", "card": "pm_card_mastercard"}, timeout=WITHIN_SECONDS)
    assert urlsplit(saved.headers["location"]).query == f"session={session.id}"
    brands = [method.card and method.card.brand for method in
              stripe_client.v1.customers.payment_methods.list(customer.id).data]  # fmt: skip
    assert brands == ["mastercard"]
