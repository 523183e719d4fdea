"""A payment's report, decided on values: the transaction, the entries, what the account waits for, and what is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.change import Moved
from billing.domain.declines import Failure
from billing.domain.ledger import CARD_CLEARING, PAID_CREDIT, Posting
from billing.domain.money import Money
from billing.domain.payment import record_refund
from billing.domain.payment_report import Effect, apply_report
from billing.domain.transaction import CardFace, Outcome, PaymentReport, Refund, Transaction, new_charge
from billing.domain.wallet import DefaultCard, Refill, Wallet
from tests.builders import NOW, micros, wallet

CARD = DefaultCard("pm_1", "fingerprint-1")
TOP_UP = replace(
    new_charge("tx_1", "acme", "top_up", Money(micros("50"), "USD"), CARD, now=NOW), card=CardFace("visa", "4242")
)
PAID = replace(
    TOP_UP,
    status="Paid",
    paid_at=NOW,
    check_at=None,
    payment_intent_id="pi_1",
    card_fingerprint="fingerprint-1",
    version=1,
)


def report(outcome: Outcome, *, received: str = "0", intent: str = "pi_1", currency: str = "USD") -> PaymentReport:
    why = Failure("insufficient_funds") if outcome == "declined" else None
    return PaymentReport("tx_1", "acme", intent, outcome, micros(received), currency, failure=why)


def test_money_that_arrived_is_credit_and_the_transaction_is_paid_in_one_change() -> None:
    change = apply_report(wallet(paid="1"), TOP_UP, report("succeeded", received="50"), NOW)
    assert change.wallet.paid_micros == micros("51")
    (entry,) = change.posted.entries
    assert entry.cause == "payment:tx_1"
    assert entry.postings == (Posting(CARD_CLEARING, -micros("50")), Posting(PAID_CREDIT, micros("50")))
    (moved,) = change.also
    assert isinstance(moved, Moved)
    assert (moved.before, moved.after) == (TOP_UP, replace(PAID, version=0))
    assert (change.answer.effect, change.answer.transaction) == ("paid", PAID)


@pytest.mark.parametrize(
    ("before", "said", "effect"),
    [
        (PAID, report("succeeded", received="50"), "unchanged"),
        (PAID, report("declined"), "unchanged"),
        (PAID, report("succeeded", received="50", intent="pi_2"), "paid_twice"),
        (replace(TOP_UP, payment_intent_id="pi_1"), report("pending"), "unchanged"),
    ],
)
def test_what_is_known_already_changes_nothing(before: Transaction, said: PaymentReport, effect: Effect) -> None:
    had = wallet(paid="1")
    change = apply_report(had, before, said, NOW)
    assert (change.wallet, change.posted.entries, change.also) == (had, (), ())
    assert (change.answer.effect, change.answer.transaction) == (effect, before)


def test_money_in_another_currency_is_refused_and_no_credit() -> None:
    change = apply_report(wallet(paid="1"), TOP_UP, report("succeeded", received="50", currency="EUR"), NOW)
    assert (change.wallet.paid_micros, change.posted.entries) == (micros("1"), ())
    assert change.answer.effect == "refused"
    assert change.answer.needs_operator


def test_a_declined_refill_is_counted_in_the_change_that_fails_its_transaction() -> None:
    refill = replace(TOP_UP, kind="auto_refill", card_fingerprint=CARD.fingerprint)
    waiting = wallet(paid="1", default_card=CARD, refill=Refill(enabled=True, pending="tx_1", month="2026-11"))
    change = apply_report(waiting, refill, report("declined"), NOW)
    assert change.wallet.refill == replace(
        waiting.refill or Refill(),
        pending=None,
        failures=1,
        breaker_card=CARD.fingerprint,
        charged_micros=-micros("50"),
        next_attempt_at=NOW + timedelta(hours=1),
        retry_at=NOW + timedelta(hours=1),
        last_failure="insufficient_funds",
    )
    assert change.answer.effect == "failed"


def refunded(*refunds: Refund) -> tuple[Wallet, Transaction]:
    had, transaction = wallet(paid="50"), PAID
    for each in refunds:
        change = record_refund(had, transaction, each, NOW)
        had, transaction = change.wallet, change.answer
    return had, transaction


def test_a_refund_takes_its_credit_once_and_gives_it_again_once_where_the_bank_did_not_take_it() -> None:
    made = Refund("re_1", micros("20"), NOW)
    returned = replace(made, returned=True)
    had, transaction = refunded(made, made)
    assert (had.paid_micros, transaction.refunds, transaction.version) == (micros("30"), (made,), 2)
    had, transaction = refunded(made, returned, returned, made)
    assert (had.paid_micros, transaction.refunds, transaction.version) == (micros("50"), (returned,), 3)


def test_a_refund_that_is_first_heard_of_when_it_was_returned_moves_nothing() -> None:
    had, transaction = refunded(Refund("re_1", micros("20"), NOW, returned=True))
    assert (had.paid_micros, transaction) == (micros("50"), PAID)
