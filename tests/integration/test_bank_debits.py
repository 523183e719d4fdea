"""Bank debits on the hosted page: Processing for days, then Paid or Failed, however that is heard of."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from billing.domain.notices import of_transaction
from billing.domain.transaction import Transaction, is_declined
from billing.services.charge_card import charge_card
from billing.words.decline_texts import why_not_paid
from tests.builders import NOW, micros
from tests.paying_account import RETURN_URL, Paying
from tests.platform_of_one import assert_books_balance

A_DAY = timedelta(days=1)


@pytest.fixture
def debited(paying: Paying) -> Paying:
    """The customer has paid 50.00 from a bank account on the page. Nobody has told us yet."""
    paying.pay_page(paying.top_up("50"), "us_bank_account")
    return paying


def settle(paying: Paying, *, succeed: bool, code: str = "insufficient_funds") -> None:
    (intent,) = [each for each in paying.read("payment_intents") if each["status"] == "processing"]
    paying.stripe.control(f"payment_intents/{intent['id']}/settle", {"succeed": succeed, "failure_code": code})


def by_webhooks(paying: Paying) -> None:
    paying.tell_all()


def by_webhooks_in_reverse_and_twice(paying: Paying) -> None:
    for _ in range(2):
        paying.tell_all(reverse=True)


def by_reconciliation(paying: Paying) -> None:
    """A day later: the events' span is over, and the page's next check is due."""
    for hours in (24, 26):
        now = NOW + timedelta(hours=hours)
        paying.stripe.control("clock", {"now": int(now.timestamp())})
        paying.reconcile(now)


HEARD = pytest.mark.parametrize("hear", [by_webhooks, by_webhooks_in_reverse_and_twice, by_reconciliation])


@HEARD
def test_while_the_bank_has_not_answered_it_is_processing_and_its_page_is_over(
    debited: Paying, hear: Callable[[Paying], None]
) -> None:
    hear(debited)
    transaction = debited.transaction()
    assert (transaction.status, transaction.url) == ("Processing", None)
    assert debited.wallet.balance_micros == 0
    assert transaction.check_at is not None


@HEARD
@pytest.mark.parametrize("is_known", [True, False])
def test_one_that_bounces_is_failed_and_told_with_the_banks_reason(
    debited: Paying, hear: Callable[[Paying], None], *, is_known: bool
) -> None:
    if is_known:
        debited.tell_all()
    before = debited.transaction()
    settle(debited, succeed=False)
    hear(debited)
    after = debited.transaction()
    assert (after.status, after.check_at) == ("Failed", None)
    assert after.failure is not None
    assert why_not_paid(after.failure).startswith("There was not enough money on the bank account.")
    (told,) = of_transaction(before, after, NOW)
    assert (told.facts.type, debited.wallet.balance_micros) == ("payment.failed", 0)
    assert_books_balance(debited.store)


@HEARD
@pytest.mark.parametrize("is_known", [True, False])
def test_one_that_arrives_is_credited_once(debited: Paying, hear: Callable[[Paying], None], *, is_known: bool) -> None:
    if is_known:
        debited.tell_all()
    settle(debited, succeed=True)
    hear(debited)
    debited.tell_all()
    assert (debited.transaction().status, debited.wallet.balance_micros) == ("Paid", micros("50"))
    assert_books_balance(debited.store)


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("account_closed", "account_closed"),
        ("debit_not_authorized", "debit_not_authorized"),
        ("insufficient_funds", "debit_without_funds"),
        ("no_account", "no_account"),
    ],
)
def test_each_reason_of_a_bank_is_one_of_ours(debited: Paying, code: str, kept: str) -> None:
    settle(debited, succeed=False, code=code)
    debited.tell_all()
    failure = debited.transaction().failure
    assert failure is not None
    assert failure.code == kept
    assert "card declined" not in why_not_paid(failure).lower()


def test_it_is_looked_at_every_hour_and_no_more_once_it_is_over(debited: Paying) -> None:
    debited.tell_all()
    for hours in range(1, 73):
        now = NOW + timedelta(hours=hours)
        debited.stripe.control("clock", {"now": int(now.timestamp())})
        debited.reconcile(now)
        assert debited.transaction().check_at == now + timedelta(hours=1)
    assert debited.transaction().status == "Processing", "it is neither given up nor canceled"
    settle(debited, succeed=False)
    debited.reconcile(NOW + timedelta(hours=74))
    assert (debited.transaction().status, debited.transaction().check_at) == ("Failed", None)


def test_the_same_request_answers_the_debit_and_asks_for_no_other_payment(debited: Paying) -> None:
    debited.tell_all()
    again = debited.top_up("50", now=NOW + A_DAY)
    assert (again.status, again.url) == ("Processing", None)
    assert len(debited.read("checkout/sessions")) == 1
    settle(debited, succeed=False)
    debited.tell_all()
    assert debited.top_up("50", now=NOW + A_DAY).status == "Failed"


def test_a_bank_debit_in_the_place_of_a_card_that_wanted_its_owner_charges_that_card_no_more(paying: Paying) -> None:
    paying.add_card()
    paying.behave("authentication_required")
    card = paying.cards[0].payment_method_id
    page = paying.top_up("50", card=card)
    assert page.status == "Checkout"
    paying.behave("succeed")
    paying.pay_page(page, "us_bank_account")
    paying.tell_all()
    assert paying.transaction().status == "Processing"
    later = NOW + A_DAY
    charge_card(paying.store, paying.gateway, paying.transaction(), return_url=RETURN_URL, now=later)
    paying.top_up("50", card=card, now=later)
    paying.reconcile(later)
    assert [each["status"] for each in paying.read("payment_intents")].count("succeeded") == 0


def test_it_blames_no_card_and_lifts_and_starts_nothing(debited: Paying) -> None:
    debited.add_card()
    debited.auto_refill(threshold="20", amount="100")
    refill = debited.charge_pending()
    assert refill is not None
    debited.tell_all()
    before = debited.wallet
    processing = debited.transaction()
    settle(debited, succeed=False)
    debited.tell_all()
    assert (debited.wallet.refill, debited.wallet.sequence) == (before.refill, before.sequence)
    assert is_declined(processing, debited.transaction()) is None
    paid: Transaction = debited.transaction(refill.transaction_id)
    assert paid.status == "Paid"


def test_a_card_that_is_declined_on_an_open_page_leaves_it_open(paying: Paying) -> None:
    page = paying.top_up("50")
    with pytest.raises(Exception, match="declined"):
        paying.pay_page(page, "pm_card_visa_chargeDeclined")
    paying.tell_all()
    assert paying.transaction().status == "Checkout"
    paying.pay_page(page)
    paying.tell_all()
    assert paying.transaction().status == "Paid"
