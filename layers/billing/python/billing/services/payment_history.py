"""The billing history: an account's transactions, newest first."""

from billing.domain.transaction import Transaction
from billing.services.accounts import find_account
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.paging import Listing
from billing.store.transactions import HistoryFilter, Transactions


def payment_history(
    database: Database, account_id: str, *, limit: int, cursor: str | None, wanted: HistoryFilter
) -> Listing[Transaction]:
    """Raises AccountNotFound, InvalidValue (cursor)."""
    find_account(Accounts(database), account_id)
    return Transactions(database).page(account_id, limit, cursor, wanted)
