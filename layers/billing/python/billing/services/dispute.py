"""Take over what Stripe says of a dispute."""

from datetime import datetime

from billing.domain.dispute import DisputeReport, causes_of, with_dispute
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import Change, change_wallet
from billing.store.books import Books
from billing.store.database import Database
from billing.store.transactions import Transactions, transaction_update


def apply_dispute(database: Database, transaction_id: str, report: DisputeReport, now: datetime) -> None:
    """Take the money back, or give it again; once for each stage of the dispute, in whatever order it is heard of."""
    transactions, books = Transactions(database), Books(database)
    transaction = transactions.get(transaction_id)
    if transaction is None:
        raise LookupError(f"there is no transaction {transaction_id}")

    def decide(wallet: Wallet) -> Posted | Change:
        before = transactions.get(transaction_id) or transaction
        booked = books.entries(causes_of(report.dispute_id).values())
        posted, after = with_dispute(wallet, before, report, booked, now)
        if after == before:
            return Posted(wallet)
        return Change(posted, (transaction_update(database, before, after),))

    change_wallet(database, transaction.account_id, decide, now=now)
