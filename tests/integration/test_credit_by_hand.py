"""Credit by hand as a row of the billing history: no card paid it, so nothing that follows a payment follows it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.errors import Conflict
from billing.domain.transaction import Transaction
from billing.services.adjust_balance import give_credit
from billing.services.charge_card import charge_card
from billing.services.stripe_customer import stripe_customer
from billing.services.stripe_events import bring_up_to_date
from billing.store.transactions import Transactions
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import RETURN_URL, Paying
from tests.platform_of_one import assert_books_balance

A_DAY = timedelta(days=1)
A_YEAR = timedelta(days=365)


@pytest.fixture
def wired(paying: Paying) -> Paying:
    """With a good card, and 500.00 that came by wire."""
    paying.add_card()
    paying.store.adjust("500", "wire-4711")
    return paying


def by_hand(paying: Paying) -> list[Transaction]:
    """The history's rows that are no payments, oldest first."""
    return [each for each in paying.store.history()[::-1] if not each.is_payment]


def refills(paying: Paying) -> int:
    return [each.kind for each in paying.history].count("auto_refill")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_its_one_write_leaves_balance_entry_and_row_together_or_nothing(
    paying: Paying, moment: str
) -> None:
    KillSwitch(paying.database, 1, moment=moment)
    with pytest.raises(Killed):
        paying.store.adjust("500", "wire-4711")
    assert len(by_hand(paying)) == len(paying.store.entries()) == (moment == "after")
    assert_books_balance(paying.store)
    paying.store.adjust("500", "wire-4711", now=NOW + timedelta(hours=1))
    assert [each.amount_micros for each in by_hand(paying)] == [micros("500")]
    assert_books_balance(paying.store)


def test_the_same_adjustment_of_two_accounts_is_two_rows(paying: Paying) -> None:
    other = Paying(paying.database, paying.stripe, "globex")
    other.open()
    for account in (paying, other):
        account.store.adjust("500", "wire-4711", account_id=account.account_id)
    (ours,), (theirs,) = paying.store.history("acme"), paying.store.history("globex")
    assert ours.transaction_id != theirs.transaction_id


@pytest.mark.parametrize("amount", [None, "1"])
def test_no_card_paid_it_so_it_cannot_be_refunded(wired: Paying, amount: str | None) -> None:
    (row,) = by_hand(wired)
    with pytest.raises(Conflict, match="no card was charged") as refusal:
        wired.refund(row.transaction_id, amount)
    assert refusal.value.code == "not_refundable"
    assert wired.wallet.balance_micros == micros("500")


def test_it_is_finished_when_it_is_written_and_reconciliation_never_looks_at_it(wired: Paying) -> None:
    (row,) = by_hand(wired)
    assert list(Transactions(wired.database).to_check(NOW + A_YEAR)) == [[]]
    assert wired.reconcile(NOW + A_YEAR).transactions == 0
    assert charge_card(wired.store, wired.gateway, row, return_url=RETURN_URL, now=NOW) == row
    assert by_hand(wired) == [row]


def test_a_disputed_payment_at_stripe_that_names_it_changes_nothing_and_is_an_operators(wired: Paying) -> None:
    (row,) = by_hand(wired)
    customer = stripe_customer(wired.store, wired.gateway, "acme", NOW)
    card = wired.cards[0].payment_method_id
    intent = wired.gateway.charge(replace(row, amount_micros=micros("7"), payment_method_id=card), customer)
    wired.stripe.control("disputes", {"payment_intent": intent.intent_id})
    for _ in range(2):
        applied = bring_up_to_date(wired.store, wired.gateway, intent.intent_id, NOW)
        assert applied is not None
        assert applied.needs_operator
    assert by_hand(wired) == [row]
    assert wired.wallet.balance_micros == micros("500")
    assert_books_balance(wired.store)


def test_a_suspended_refill_stays_suspended_for_a_wire_is_no_payment_of_the_card(paying: Paying) -> None:
    paying.add_card()
    paying.behave("lost_card")
    paying.auto_refill()
    paying.charge_pending()
    paying.store.adjust("500", "wire-4711")
    paying.store.adjust("-495", "correction")
    refill = paying.wallet.refill
    assert refill is not None
    assert (refill.suspended, refill.pending, len(paying.history)) == ("lost_card", None, 1)


def test_credit_taken_by_hand_is_not_charged_again(wired: Paying) -> None:
    wired.auto_refill(threshold="20", amount="100")
    wired.store.adjust("-490.5", "correction")
    for minutes in (0, 5, 70):
        wired.reconcile(NOW + timedelta(minutes=minutes))
    assert (refills(wired), wired.wallet.balance_micros) == (0, micros("9.5"))
    assert_books_balance(wired.store)


def test_a_repeated_adjustment_writes_nothing(paying: Paying) -> None:
    """Also when the wait of a declined refill is over: that is the clock's."""
    later = NOW + timedelta(hours=2)
    paying.add_card()
    paying.behave("insufficient_funds")
    paying.auto_refill(threshold="20", amount="100")
    paying.store.adjust("-1", "correction")
    paying.charge_pending()
    before = paying.wallet
    assert refills(paying) == 1
    paying.store.adjust("-1", "correction", now=later)
    assert (paying.wallet, refills(paying)) == (before, 1)
    paying.store.adjust("-1", "another", now=later)
    assert refills(paying) == 1
    paying.reconcile(later)
    assert refills(paying) == 2


def test_credit_by_hand_brings_a_deficit_within_reach_of_a_charge_and_the_clock_goes_on(paying: Paying) -> None:
    paying.add_card()
    paying.store.adjust("-12000", "correction")
    paying.auto_refill(threshold="20", amount="100")
    assert paying.wallet.refill is not None
    assert paying.wallet.refill.suspended == "deficit_too_large"
    paying.store.adjust("1000", "part", now=NOW)
    paying.reconcile(NOW + timedelta(minutes=5))
    assert (paying.wallet.refill.suspended, refills(paying)) == ("deficit_too_large", 0)
    paying.store.adjust("1030", "rest", now=NOW)
    assert refills(paying) == 0
    paying.reconcile(NOW + timedelta(minutes=5))
    (refill,) = paying.history
    assert refill.amount_micros == micros("10000"), "the largest multiple within one charge"


def test_credit_that_expired_before_some_is_taken_by_hand_is_replaced_by_the_clock(wired: Paying) -> None:
    wired.store.adjust("-485", "correction")
    give_credit(
        wired.store, "acme", micros=micros("50"), expires_at=NOW + A_DAY, reason="bonus", grant_id="g1", now=NOW
    )
    wired.auto_refill(threshold="20", amount="100")
    wired.store.adjust("-1", "another", now=NOW + A_DAY)
    assert refills(wired) == 0
    wired.reconcile(NOW + A_DAY)
    assert refills(wired) == 1
