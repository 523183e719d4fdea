"""What is no card: nothing that could be kept, but good to pay with on Stripe's page."""

import pytest
from stripe import StripeClient

from billing.domain.notice_facts import PaymentSucceeded
from billing.domain.notices import of_transaction
from billing.store.accounts import Accounts
from billing.words.write_email import write_email
from tests.builders import BILLING_URL, NOW, micros
from tests.paying_account import RETURN_URL, STAGE, Paying
from tests.platform_of_one import assert_books_balance

pytestmark = pytest.mark.usefixtures("paying")


def stripe_of(paying: Paying) -> StripeClient:
    return StripeClient(paying.stripe.api_key, base_addresses={"api": paying.stripe.url})


def save_link(paying: Paying, *, stage: str) -> tuple[str, str]:
    """On a page that offers all that the Dashboard does. Returns the ids of the session and of the payment method."""
    client = stripe_of(paying)
    metadata = {"talktime_account": "acme", "talktime_stage": stage}
    customer = client.v1.customers.create({"name": "Acme LLC", "metadata": metadata})
    page = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "usd", "customer": customer.id, "metadata": metadata, "success_url": RETURN_URL}
    )
    paying.stripe.control(f"checkout/sessions/{page.id}/complete", {"card": "link"})
    (method,) = client.v1.customers.payment_methods.list(customer.id).data
    assert method.type == "link"
    return page.id, method.id


def test_the_card_page_offers_nothing_but_cards(paying: Paying) -> None:
    paying.enter_card()
    (page,) = paying.read("checkout/sessions")
    assert page["payment_method_types"] == ["card"]


def test_what_is_no_card_is_not_kept_and_stripe_forgets_it(paying: Paying) -> None:
    session, method = save_link(paying, stage=STAGE)
    for _ in range(2):
        paying.tell("checkout.session.completed", session)
    assert paying.stored_cards == []
    assert paying.wallet.default_card is None
    assert paying.gateway.method(method).customer_id is None


@pytest.mark.parametrize("stage", ["test", "another product"])
def test_events_about_what_is_no_card_are_ignored_and_what_is_not_ours_stays_where_it_is(
    paying: Paying, stage: str
) -> None:
    session, method = save_link(paying, stage=stage)
    paying.tell("payment_method.automatically_updated", method)
    assert paying.gateway.method(method).customer_id is not None
    if stage != STAGE:
        paying.tell("checkout.session.completed", session)
        assert paying.gateway.method(method).customer_id is not None
    assert paying.stored_cards == []


def test_a_card_of_another_product_whose_network_renews_it_is_ignored(paying: Paying) -> None:
    client = stripe_of(paying)
    customer = client.v1.customers.create({"name": "Somebody"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    paying.stripe.control(f"payment_methods/{method.id}", {"exp_year": 2031})
    paying.tell_all()
    assert paying.stored_cards == []


def test_a_page_that_is_paid_by_something_else_is_credited_refunded_and_told_without_a_card(paying: Paying) -> None:
    started = paying.top_up("50")
    paying.stripe.control(f"checkout/sessions/{started.session_id}/complete", {"card": "link"})
    for _ in range(2):
        paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")
    (paid,) = paying.history
    assert (paid.status, paid.card, paid.card_fingerprint) == ("Paid", None, None)
    (notice,) = of_transaction(started, paid, NOW)
    assert isinstance(notice.facts, PaymentSucceeded)
    assert notice.facts.card is None
    account = Accounts(paying.database).get("acme")
    assert account is not None
    mail = write_email(account, notice.facts, BILLING_URL)
    assert "USD 50.00" in mail.text
    assert "card" not in mail.text.lower()
    refunded = paying.refund(paid.transaction_id, "20")
    assert refunded.refunded_micros == micros("20")
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("30")
    assert_books_balance(paying.store)
