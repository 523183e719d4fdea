"""Record what Stripe says of a payment: the one way from an outcome to the books, whoever brings it."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.domain.auto_refill import after_failed, after_paid
from billing.domain.payment import post_payment
from billing.domain.plan_change import change_failed, change_paid
from billing.domain.renewal import renewal_failed, renewal_paid, without_purpose
from billing.domain.transaction import PaymentReport, Transaction, record
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import Change, change_wallet
from billing.store.database import Database
from billing.store.transactions import Transactions, transaction_update

log = logging.getLogger(__name__)

_PAID = {"renewal": renewal_paid, "plan_change": change_paid}

Effect = Literal["unchanged", "moved", "paid", "failed", "refused", "unknown", "paid_twice"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a report did. `refused`, `unknown` and `paid_twice` are money that arrived and that nobody was credited."""

    effect: Effect
    transaction: Transaction | None

    @property
    def needs_operator(self) -> bool:
        return self.effect in {"refused", "unknown", "paid_twice"}


def apply_payment(database: Database, report: PaymentReport, now: datetime) -> Applied:
    """Move the transaction and, in the same DynamoDB transaction, the account: exactly once, in whatever order.

    Credit is a ledger entry whose cause is the transaction: it cannot be written twice. Raises StoreBusy.
    """
    transactions = Transactions(database)
    known = transactions.get(report.transaction_id)
    if known is None or known.account_id != report.account_id:
        return _reported("unknown" if report.outcome == "succeeded" else "unchanged", None, report)
    applied = Applied("unchanged", known)

    def decide(wallet: Wallet) -> Posted | Change:
        nonlocal applied
        before = transactions.get(report.transaction_id) or known
        after = record(before, report, now)
        applied = Applied(_effect(before, after, report), after)
        if after == before:
            return Posted(wallet)
        posted = _consequence(wallet, before, after, now)
        if after.kind in _PAID and any(entry.kind == "payment" for entry in posted.entries):
            after = without_purpose(after)
        return Change(posted, (transaction_update(database, before, after),))

    change_wallet(database, known.account_id, decide, now=now)
    return _reported(applied.effect, transactions.get(report.transaction_id), report)


def _effect(before: Transaction, after: Transaction, report: PaymentReport) -> Effect:
    if report.outcome == "succeeded" and after.status == "Failed":
        return "refused" if after != before else "unchanged"
    if before.status == "Paid":
        another = report.outcome == "succeeded" and report.payment_intent_id != before.payment_intent_id
        return "paid_twice" if another else "unchanged"
    if after.status == before.status:
        return "moved" if after != before else "unchanged"
    return "paid" if after.status == "Paid" else "failed" if after.status == "Failed" else "moved"


def _consequence(wallet: Wallet, before: Transaction, after: Transaction, now: datetime) -> Posted:
    if after.status == before.status:
        return Posted(wallet)
    if after.status == "Paid":
        return _PAID.get(after.kind, post_payment)(after_paid(wallet, after), after, now)
    if after.status == "Failed" and after.failure is not None:
        wallet = change_failed(renewal_failed(wallet, after, now), after)
        return Posted(after_failed(wallet, after, after.failure, now))
    return Posted(wallet)


def _reported(effect: Effect, transaction: Transaction | None, report: PaymentReport) -> Applied:
    applied = Applied(effect, transaction)
    facts = {
        "effect": effect,
        "account_id": report.account_id,
        "transaction_id": report.transaction_id,
        "payment_intent_id": report.payment_intent_id,
        "outcome": report.outcome,
        "currency": report.currency,
        "received_micros": report.received_micros,
    }
    if applied.needs_operator:
        log.error("money arrived that was not credited", extra=facts)
    elif effect != "unchanged":
        log.info("payment recorded", extra=facts)
    return applied
