"""A canceled account buys credit to pay its debt, and no more; and a plan's minimum never makes buying impossible."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.debt import AccountCanceled
from billing.domain.errors import InvalidValue
from tests.api_client import Line, client_over
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import FREE, Subscriber

ENDED = NOW + timedelta(days=31)
"""A day after the month that was canceled. Nothing has written that it is over."""


def canceled(paying: Paying, owing: str = "0") -> Subscriber:
    """On a plan with a minimum top-up of 10.00 until it was canceled, with a card."""
    subscriber = Subscriber(paying)
    paying.store.current_version(replace(FREE, minimum_top_up_micros=micros("10")))
    paying.add_card()
    subscriber.put(FREE)
    if micros(owing):
        paying.store.adjust(f"-{owing}", "calls")
    subscriber.cancel(NOW)
    paying.stripe.control("clock", {"now": int(ENDED.timestamp())})
    return subscriber


@pytest.mark.parametrize("by_card", [True, False], ids=["saved card", "page"])
@pytest.mark.parametrize("amount", ["12.34", "3"])
def test_a_canceled_account_pays_its_debt_whatever_the_plans_minimum(
    paying: Paying, amount: str, *, by_card: bool
) -> None:
    canceled(paying, owing="12.34")
    card = paying.cards[0].payment_method_id if by_card else None
    started = paying.top_up(amount, card=card, now=ENDED)
    if not by_card:
        paying.pay_page(started)
        paying.tell("checkout.session.completed", started.session_id or "", now=ENDED)
    assert paying.transaction().status == "Paid"
    assert paying.wallet.balance_micros == micros(amount) - micros("12.34")
    assert_books_balance(paying.store)


@pytest.mark.parametrize("asked", ["0.03", "0.5"])
def test_a_debt_of_three_cents_is_paid_with_fifty_and_the_rest_stays_credit(paying: Paying, asked: str) -> None:
    canceled(paying, owing="0.03")
    paid = paying.top_up(asked, card=paying.cards[0].payment_method_id, now=ENDED)
    assert (paid.status, paid.amount_micros) == ("Paid", micros("0.5"))
    assert paying.read("payment_intents")[0]["amount"] == 50
    assert paying.wallet.balance_micros == micros("0.47")


@pytest.mark.parametrize("by_card", [True, False], ids=["saved card", "page"])
@pytest.mark.parametrize(("owing", "asked"), [("0", "10"), ("12.34", "12.35"), ("0.03", "0.51"), ("12.34", "10000.01")])
def test_a_canceled_account_buys_no_more_than_it_owes(paying: Paying, owing: str, asked: str, *, by_card: bool) -> None:
    canceled(paying, owing=owing)
    pages = len(paying.read("checkout/sessions"))
    with pytest.raises(AccountCanceled):
        paying.top_up(asked, card=paying.cards[0].payment_method_id if by_card else None, now=ENDED)
    assert paying.history == []
    assert len(paying.read("checkout/sessions")) == pages
    assert [each["status"] for each in paying.read("payment_intents")] == ["canceled"], "the hold of the card alone"


def test_a_part_of_a_debt_is_at_least_what_a_card_can_be_charged_and_at_most_the_ceiling(paying: Paying) -> None:
    canceled(paying, owing="20000")
    for amount, says in (("0.49", "at least 0.5 USD"), ("10000.01", "at most 10000 USD")):
        with pytest.raises(InvalidValue, match=says):
            paying.top_up(amount, now=ENDED)
    assert paying.history == []


def test_credit_that_has_expired_pays_no_debt(paying: Paying) -> None:
    canceled(paying, owing="5")
    client = client_over(paying.database, Line(), paying.gateway)
    grant = {"amount": "8.00", "expires_at": "2026-12-01T00:00:00Z", "reason": "welcome"}
    assert client.post("/v1/accounts/acme/credit-grants", grant, idempotency_key="welcome").status == 201
    with pytest.raises(AccountCanceled):
        paying.top_up("6", now=ENDED)
    assert paying.top_up("5", now=ENDED).status == "Checkout"


def test_until_its_last_month_is_over_a_canceled_account_buys_as_before(paying: Paying) -> None:
    subscriber = canceled(paying)
    started = paying.top_up("50", now=subscriber.period.end - timedelta(seconds=1))
    assert started.status == "Checkout"
    with pytest.raises(AccountCanceled):
        paying.top_up("50", transaction_id="tx_2", now=subscriber.period.end)


def test_the_same_request_is_answered_as_it_was_when_the_account_is_canceled_since(paying: Paying) -> None:
    subscriber = canceled(paying)
    before = subscriber.period.end - timedelta(hours=1)
    card = paying.cards[0].payment_method_id
    paid = paying.top_up("50", card=card, transaction_id="tx_card", now=before)
    page = paying.top_up("50", transaction_id="tx_page", now=before)
    assert paying.top_up("50", card=card, transaction_id="tx_card", now=ENDED) == paid
    assert paying.top_up("50", transaction_id="tx_page", now=before + timedelta(hours=2)) == page
    assert len(paying.history) == 2


def test_the_refusal_is_a_409_that_says_how_much_can_be_bought(paying: Paying) -> None:
    canceled(paying, owing="12.34")
    client = client_over(paying.database, Line(), paying.gateway).at(ENDED)
    refused = client.post("/v1/accounts/acme/top-ups", {"amount": "13.00"}, idempotency_key="key-1")
    assert (refused.status, refused.code) == (409, "account_canceled")
    assert "12.34 USD" in refused.json["detail"]
    paid = client.post("/v1/accounts/acme/top-ups", {"amount": "12.34"}, idempotency_key="key-1")
    assert (paid.status, paid.json["amount"]["amount"]) == (201, "12.340000")


def test_a_plan_whose_minimum_is_above_the_ceiling_leaves_the_ceiling_to_be_bought(paying: Paying) -> None:
    subscriber = Subscriber(paying)
    paying.store.current_version(replace(FREE, minimum_top_up_micros=micros("25000")))
    subscriber.put(FREE)
    with pytest.raises(InvalidValue, match="at least 10000 USD"):
        paying.top_up("9999.99")
    assert paying.top_up("10000").status == "Checkout"
    paying.add_card()
    paying.auto_refill(threshold="20", amount="10000")
    assert paying.wallet.refill is not None


def test_a_top_up_without_an_answer_is_not_charged_once_the_account_is_canceled_and_owes_nothing(
    paying: Paying,
) -> None:
    subscriber = canceled(paying)
    card = paying.cards[0].payment_method_id
    last = subscriber.period.end - timedelta(minutes=5)
    paying.fault("/v1/payment_intents", "timeout_before")
    assert paying.top_up("50", card=card, now=last).status == "Processing"
    subscriber.sweep(subscriber.period.end)
    assert paying.top_up("50", card=card, now=last + timedelta(minutes=6)).status == "Processing"
    assert paying.top_up("50", card=card, now=last + timedelta(minutes=20)).status == "Failed"
    assert paying.wallet.balance_micros == 0


def test_a_page_that_was_never_opened_is_not_opened_once_the_account_is_canceled_and_owes_nothing(
    paying: Paying,
) -> None:
    subscriber = canceled(paying)
    paying.fault("/v1/checkout/sessions", "timeout_before")
    assert paying.top_up("50", now=subscriber.period.end - timedelta(minutes=5)).url is None
    with pytest.raises(AccountCanceled):
        paying.top_up("50", now=ENDED)


def test_no_page_is_owed_to_a_canceled_account_that_owes_nothing(paying: Paying) -> None:
    subscriber = canceled(paying)
    last = subscriber.period.end - timedelta(minutes=5)
    paying.behave("authentication_required")
    paying.fault("/v1/checkout/sessions", "timeout_before")
    assert paying.top_up("50", card=paying.cards[0].payment_method_id, now=last).status == "Checkout"
    subscriber.sweep(subscriber.period.end)
    for minutes in (0, 10, 70):
        paying.reconcile(ENDED + timedelta(minutes=minutes))
    left = paying.transaction()
    assert (left.status, left.url, left.check_at) == ("Checkout", None, None)


def test_a_debt_that_is_being_paid_is_not_paid_by_another_charge(paying: Paying) -> None:
    canceled(paying, owing="50")
    card = paying.cards[0].payment_method_id
    paying.fault("/v1/payment_intents", "timeout_after")
    assert paying.top_up("50", card=card, transaction_id="tx_a", now=ENDED).status == "Processing"
    with pytest.raises(AccountCanceled):
        paying.top_up("50", card=card, transaction_id="tx_b", now=ENDED)
    paying.reconcile(ENDED + timedelta(minutes=6))
    assert paying.wallet.balance_micros == 0


@pytest.mark.parametrize("owing", ["50", "0.03"])
def test_asked_for_again_the_page_of_a_debt_is_the_same_page(paying: Paying, owing: str) -> None:
    canceled(paying, owing=owing)
    first = paying.top_up(owing, transaction_id="tx_a", now=ENDED)
    assert paying.top_up(owing, transaction_id="tx_b", now=ENDED) == first
    with pytest.raises(AccountCanceled):
        paying.top_up(owing, card=paying.cards[0].payment_method_id, transaction_id="tx_c", now=ENDED)
    paying.pay_page(first)
    paying.tell_all(now=ENDED)
    with pytest.raises(AccountCanceled):
        paying.top_up(owing, transaction_id="tx_d", now=ENDED)
