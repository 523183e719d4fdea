"""A page for an unpaid renewal: any card can pay on it, no other is asked meanwhile, and the month is paid once."""

from datetime import timedelta

import pytest

from billing.domain.subscription import PaymentWay
from billing.payments.errors import PaymentsUnavailable
from tests.builders import micros
from tests.paying_account import Paying
from tests.subscriber import RENEWAL, Subscriber
from tests.unpaid_renewal import A_DAY, A_MINUTE, LATER, assert_paid_once, code_of, credit, pay, unpaid


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def test_while_the_page_is_open_no_card_is_asked_and_asking_again_answers_the_same_page(acme: Subscriber) -> None:
    unpaid(acme)
    page = pay(acme, "page", RENEWAL + A_DAY - A_MINUTE)
    again = pay(acme, "page", RENEWAL + A_DAY + A_MINUTE)
    assert page.url is not None
    assert (again.transaction_id, again.url) == (page.transaction_id, page.url)
    acme.paying.behave("succeed")
    assert acme.sweep(RENEWAL + A_DAY) == []
    assert acme.charges == [3000]
    assert acme.sweep(RENEWAL + A_DAY + timedelta(minutes=30)) == ["paid"]
    assert_paid_once(acme)
    assert [each.status for each in acme.renewals] == ["Failed", "Checkout", "Paid"]


def test_what_the_customer_pays_on_the_page_pays_the_month_and_unlocks(acme: Subscriber) -> None:
    unpaid(acme)
    for days in (1, 3, 7):
        acme.sweep(RENEWAL + days * A_DAY)
    now = RENEWAL + 9 * A_DAY
    page = pay(acme, "page", now)
    acme.paying.pay_page(page, "pm_card_mastercard")
    acme.paying.tell("checkout.session.completed", page.session_id or "", now=now)
    assert_paid_once(acme)
    assert acme.paying.transaction(page.transaction_id).status == "Paid"
    assert code_of(acme, "page", now) == "nothing_to_pay"


@pytest.mark.parametrize("way", ["card", "credit"])
def test_who_pays_otherwise_closes_the_page_first(acme: Subscriber, way: PaymentWay) -> None:
    unpaid(acme)
    credit(acme, "30")
    page = pay(acme, "page")
    acme.paying.behave("succeed")
    assert pay(acme, way).status == "Paid"
    assert_paid_once(acme, charges=1 if way == "card" else 0)
    assert acme.paying.gateway.session(page.session_id or "").status == "expired"


@pytest.mark.parametrize("way", ["card", "credit", "page"])
def test_a_page_that_was_paid_meanwhile_pays_whatever_is_asked_for(acme: Subscriber, way: PaymentWay) -> None:
    unpaid(acme)
    credit(acme, "30")
    page = pay(acme, "page")
    acme.paying.pay_page(page)
    answer = pay(acme, way)
    assert (answer.transaction_id, answer.status) == (page.transaction_id, "Paid")
    assert_paid_once(acme)
    assert acme.wallet.paid_micros == micros("30")


def test_the_sweep_finds_what_was_paid_on_the_page_before_it_asks_a_card(acme: Subscriber) -> None:
    unpaid(acme)
    acme.paying.pay_page(pay(acme, "page", RENEWAL + A_DAY))
    acme.paying.behave("succeed")
    assert acme.sweep(RENEWAL + A_DAY + timedelta(minutes=30)) == ["paid"]
    assert_paid_once(acme)


def test_no_card_is_asked_while_nobody_knows_what_became_of_the_page(acme: Subscriber) -> None:
    unpaid(acme)
    page = pay(acme, "page", RENEWAL + A_DAY)
    acme.paying.behave("succeed")
    acme.paying.fault(f"/v1/checkout/sessions/{page.session_id}/expire", "timeout_before", times=2)
    now = RENEWAL + A_DAY + timedelta(minutes=30)
    assert acme.sweep(now) == ["unknown"]
    with pytest.raises(PaymentsUnavailable):
        pay(acme, "card", now)
    assert acme.charges == [3000]
    assert acme.sweep(now + timedelta(minutes=5)) == ["paid"]
    assert_paid_once(acme)


def test_a_bank_debit_on_the_page_is_waited_for_and_its_bounce_lets_the_card_be_asked(acme: Subscriber) -> None:
    unpaid(acme)
    page = pay(acme, "page", RENEWAL + A_DAY)
    acme.paying.pay_page(page, "us_bank_account")
    half_past = RENEWAL + A_DAY + timedelta(minutes=30)
    assert acme.sweep(half_past) == ["unknown"]
    assert acme.paying.transaction(page.transaction_id).status == "Processing"
    assert {code_of(acme, way, half_past) for way in ("card", "page", "credit")} == {"payment_pending"}
    assert acme.sweep(half_past + timedelta(minutes=5)) == []
    (intent,) = [each for each in acme.paying.read("payment_intents") if each["status"] == "processing"]
    acme.paying.stripe.control(f"payment_intents/{intent['id']}/settle", {"succeed": False})
    acme.paying.tell_all(now=RENEWAL + 2 * A_DAY)
    assert acme.paying.transaction(page.transaction_id).status == "Failed"
    acme.paying.behave("succeed")
    assert acme.sweep(RENEWAL + 2 * A_DAY) == ["paid"]
    assert_paid_once(acme)


def test_the_page_is_open_for_half_an_hour_at_stripe_too_and_says_what_is_paid_for(acme: Subscriber) -> None:
    unpaid(acme)
    pay(acme, "page")
    session = acme.paying.read("checkout/sessions")[0]
    assert session["expires_at"] - session["created"] == 31 * 60, (
        "a minute more: Stripe takes no less than half an hour"
    )
    assert session["amount_total"] == 3000


def test_an_expired_page_gives_a_new_one_and_stays_checkout(acme: Subscriber) -> None:
    unpaid(acme)
    first = pay(acme, "page")
    second = pay(acme, "page", LATER + timedelta(minutes=40))
    assert second.transaction_id != first.transaction_id
    assert second.url not in {None, first.url}
    stored = acme.paying.transaction(first.transaction_id)
    assert (stored.status, stored.url, stored.check_at) == ("Checkout", None, None)


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_after"])
def test_a_page_that_stripe_did_not_answer_is_opened_by_the_next_request(acme: Subscriber, fault: str) -> None:
    unpaid(acme)
    acme.paying.fault("/v1/checkout/sessions", fault)
    assert pay(acme, "page").url is None
    page = pay(acme, "page", LATER + timedelta(seconds=5))
    assert page.url is not None
    acme.paying.pay_page(page)
    acme.paying.tell_all(now=LATER)
    assert_paid_once(acme)
