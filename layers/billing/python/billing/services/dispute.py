"""Take over what Stripe says of a dispute."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.dispute import DisputeReport, causes_of, record_dispute
from billing.domain.transaction import Transaction
from billing.domain.wallet import Wallet
from billing.services.change_wallet import change_wallet, known_first
from billing.store.store import Store


def apply_dispute(store: Store, transaction: Transaction, report: DisputeReport, now: datetime) -> None:
    """Take the money back, or give it again; once for each stage of the dispute, in whatever order it is heard of."""
    current = known_first(transaction, lambda: store.transactions.get(transaction.transaction_id))

    def decide(wallet: Wallet) -> Change[None]:
        booked = store.books.entries(causes_of(report.dispute_id).values())
        return record_dispute(wallet, current(), report, booked, now)

    change_wallet(store, transaction.account_id, decide)
