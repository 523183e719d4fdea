"""Payments in the books: what a card paid becomes credit or revenue, and what goes back takes it again."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from billing.domain.change import Change, Moved
from billing.domain.ledger import (
    CARD_CLEARING,
    DISPUTE_EXPENSE,
    PAID_CREDIT,
    SUBSCRIPTION_REVENUE,
    EntryCode,
    make_postings,
)
from billing.domain.refill_breaker import after_refund
from billing.domain.transaction import CREDIT_KINDS, Refund, Transaction
from billing.domain.wallet import Posted, Wallet, post


def post_payment(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """Post what the card paid: credit, exactly as much, or the revenue of a subscription, which is no credit."""
    paid = transaction.amount_micros
    gives_credit = transaction.kind in CREDIT_KINDS
    return post(
        wallet,
        replace(wallet, paid_micros=wallet.paid_micros + paid) if gives_credit else wallet,
        cause=f"payment:{transaction.transaction_id}",
        kind="payment",
        now=now,
        code=None if transaction.kind == "adjustment" else transaction.kind,
        postings=make_postings((PAID_CREDIT if gives_credit else SUBSCRIPTION_REVENUE, paid), (CARD_CLEARING, -paid)),
    )


def take_back(
    wallet: Wallet,
    before: Transaction,
    after: Transaction,
    micros: int,
    *,
    cause: str,
    kind: Literal["refund", "dispute"],
    code: EntryCode,
    now: datetime,
    too_much_micros: int = 0,
) -> Posted:
    """Undo a payment as far as a refund or dispute has brought it from `before` to `after`, or do it again.

    `micros` have left the seller's balance at Stripe, or have come back where negative. What of it the account bears,
    the transaction says: what gave credit takes credit, whatever the balance is by then; what paid for a subscription
    takes its revenue; the rest is the seller's loss. `too_much_micros` of credit were taken before, and come back.
    """
    taken = after.taken_micros - before.taken_micros - too_much_micros
    credit = after.credit_taken_micros - before.credit_taken_micros - too_much_micros
    return post(
        wallet,
        replace(wallet, paid_micros=wallet.paid_micros - credit),
        cause=cause,
        kind=kind,
        now=now,
        code=code,
        postings=make_postings(
            (PAID_CREDIT, -credit),
            (SUBSCRIPTION_REVENUE, credit - taken),
            (CARD_CLEARING, micros),
            (DISPUTE_EXPENSE, taken - micros),
        ),
    )


def record_refund(wallet: Wallet, transaction: Transaction, refund: Refund, now: datetime) -> Change[Transaction]:
    """Take a refund's credit back, once; one that the bank did not take is given back again, once.

    The answer is the transaction with all its refunds.
    """
    known = next((each for each in transaction.refunds if each.refund_id == refund.refund_id), None)
    is_new = not refund.returned if known is None else refund.returned and not known.returned
    if not is_new:
        return Change(Posted(wallet), transaction)
    others = tuple(each for each in transaction.refunds if each.refund_id != refund.refund_id)
    now_known = refund if known is None else replace(known, returned=refund.returned)
    after = replace(transaction, refunds=(*others, now_known))
    micros = -refund.amount_micros if refund.returned else refund.amount_micros
    posted = take_back(
        after_refund(wallet, transaction, micros),
        transaction,
        after,
        micros,
        cause=f"refund:{refund.refund_id}" + (":returned" if refund.returned else ""),
        kind="refund",
        code="refund_returned" if refund.returned else "refund",
        now=now,
    )
    return Change(posted, replace(after, version=transaction.version + 1), (Moved(transaction, after),))
