"""Record what Stripe says of a payment, whoever brings it."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from billing.domain.change import Change
from billing.domain.payment_report import Applied, apply_report
from billing.domain.transaction import PaymentReport, Transaction
from billing.domain.wallet import Wallet
from billing.services.change_wallet import change_wallet, known_first
from billing.store.store import Store

NOT_CREDITED = "money arrived that was not credited"
"""What the log then says: the alarm counts these lines, whichever function writes them."""

log = logging.getLogger(__name__)


Decide = Callable[[Wallet, Transaction, PaymentReport, datetime], Change[Applied]]


def apply_payment(
    store: Store,
    report: PaymentReport,
    now: datetime,
    *,
    known: Transaction | None = None,
    decide: Decide = apply_report,
) -> Applied:
    """Move the transaction and, in the same DynamoDB transaction, the account: exactly once, in whatever order.

    Credit is a ledger entry whose cause is the transaction: it cannot be written twice. `known` is the transaction
    where the caller has read it. Raises StoreBusy.
    """
    known = known or store.transactions.get(report.transaction_id)
    if known is None or known.account_id != report.account_id:
        return _logged(Applied("unknown" if report.outcome == "succeeded" else "unchanged", None), report)
    current = known_first(known, lambda: store.transactions.get(report.transaction_id))
    change = change_wallet(store, known.account_id, lambda wallet: decide(wallet, current(), report, now))
    return _logged(change.answer, report)


def _logged(applied: Applied, report: PaymentReport) -> Applied:
    facts = {
        "effect": applied.effect,
        "account_id": report.account_id,
        "transaction_id": report.transaction_id,
        "payment_intent_id": report.payment_intent_id,
        "outcome": report.outcome,
        "currency": report.currency,
        "received_micros": report.received_micros,
    }
    if applied.needs_operator:
        log.error(NOT_CREDITED, extra=facts)
    elif applied.effect != "unchanged":
        log.info("payment recorded", extra=facts)
    return applied


def count_applied(applied: Sequence[Applied]) -> dict[str, int]:
    """What became of some payments, by the names of the metrics."""
    return {
        "PaymentsCredited": sum(each.effect == "paid" for each in applied),
        "PaymentsDeclined": sum(each.effect == "failed" for each in applied),
    }
