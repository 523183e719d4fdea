"""Disputes: the cardholder's bank takes a payment back, and gives it again where the dispute is won."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from billing.domain.change import Change, Moved
from billing.domain.payment import take_back
from billing.domain.refill_breaker import after_dispute
from billing.domain.transaction import DisputeStatus, Transaction
from billing.domain.wallet import Posted, Wallet

Stage = Literal["opened", "won"]
"""What moves money: a dispute that is lost leaves it where it went when it was opened."""

# An inquiry moves no money and may become a dispute. A test compares the statuses with those that Stripe describes.
STATUS_OF_STRIPE: Final[Mapping[str, DisputeStatus]] = {
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
    """Raises KeyError for a status that Stripe did not have when this was written."""
    return STATUS_OF_STRIPE[stripe_status]


def causes_of(dispute_id: str) -> Mapping[Stage, str]:
    """The causes of the entries that a dispute can have."""
    return {"opened": f"dispute:{dispute_id}:opened", "won": f"dispute:{dispute_id}:won"}


def record_dispute(
    wallet: Wallet, transaction: Transaction, report: DisputeReport, booked: Collection[str], now: datetime
) -> Change[None]:
    """What follows from a dispute for the wallet and the transaction; nothing where it is known already.

    `booked` are those of its causes that the ledger has: a payment can be disputed more than once, and the transaction
    shows one of its disputes only. One of which the end is heard first is posted from its beginning: the books do not
    depend on the order.
    """
    is_shown = transaction.dispute_id == report.dispute_id
    before = transaction.dispute_status if is_shown else None
    if before == report.status or before in {"won", "lost"} or (before == "opened" and report.status == "inquiry"):
        return Change(Posted(wallet), None)
    causes = causes_of(report.dispute_id)
    posted = Posted(wallet)
    if report.status != "inquiry" and causes["opened"] not in booked:
        posted = _posted(wallet, transaction, report, stage="opened", now=now)
        posted = replace(posted, wallet=after_dispute(posted.wallet, transaction))
    if report.status == "won" and causes["won"] not in booked:
        won = _posted(posted.wallet, transaction, report, stage="won", now=now)
        posted = Posted(won.wallet, (*posted.entries, *won.entries))
    if not posted.entries and not is_shown and transaction.dispute_id is not None:
        return Change(posted, None)
    after = replace(transaction, dispute_id=report.dispute_id, dispute_status=report.status)
    return Change(posted, None, (Moved(transaction, after),))


def _posted(wallet: Wallet, transaction: Transaction, report: DisputeReport, *, stage: Stage, now: datetime) -> Posted:
    return take_back(
        wallet,
        transaction,
        report.amount_micros if stage == "opened" else -report.amount_micros,
        cause=causes_of(report.dispute_id)[stage],
        kind="dispute",
        description="Payment disputed" if stage == "opened" else "Dispute won",
        now=now,
    )
