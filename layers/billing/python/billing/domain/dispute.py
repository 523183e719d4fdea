"""Disputes: the cardholder's bank takes a payment back, and gives it again where the dispute is won."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.domain.auto_refill import after_dispute
from billing.domain.payment import DisputeStatus, Transaction, take_back
from billing.domain.wallet import Posted, Wallet

# An inquiry moves no money and may become a dispute.
_STATUS_OF_STRIPE: dict[str, DisputeStatus] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "inquiry",
    "prevented": "inquiry",
    "needs_response": "opened",
    "under_review": "opened",
    "won": "won",
    "lost": "lost",
}


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """What Stripe says now of a dispute."""

    dispute_id: str
    status: DisputeStatus
    amount_micros: int


def dispute_status(stripe_status: str) -> DisputeStatus:
    return _STATUS_OF_STRIPE[stripe_status]


def with_dispute(
    wallet: Wallet, transaction: Transaction, report: DisputeReport, now: datetime
) -> tuple[Posted, Transaction]:
    """What follows from a dispute for the wallet and the transaction; nothing where it is known already.

    A dispute of which the end is heard first is posted from its beginning: the books do not depend on the order.
    """
    before = transaction.dispute_status if transaction.dispute_id == report.dispute_id else None
    if before == report.status or before in {"won", "lost"} or (before == "opened" and report.status == "inquiry"):
        return Posted(wallet), transaction
    posted = Posted(wallet)
    if report.status != "inquiry" and before in {None, "inquiry"}:
        posted = _posted(wallet, transaction, report, stage="opened", now=now)
        posted = replace(posted, wallet=after_dispute(posted.wallet))
    if report.status == "won":
        won = _posted(posted.wallet, transaction, report, stage="won", now=now)
        posted = Posted(won.wallet, (*posted.entries, *won.entries))
    return posted, replace(transaction, dispute_id=report.dispute_id, dispute_status=report.status)


def _posted(
    wallet: Wallet, transaction: Transaction, report: DisputeReport, *, stage: Literal["opened", "won"], now: datetime
) -> Posted:
    return take_back(
        wallet,
        transaction,
        report.amount_micros if stage == "opened" else -report.amount_micros,
        cause=f"dispute:{report.dispute_id}:{stage}",
        kind="dispute",
        description="Payment disputed" if stage == "opened" else "Dispute won",
        now=now,
    )
