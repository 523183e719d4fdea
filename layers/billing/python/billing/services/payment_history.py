"""The billing history: an account's transactions, newest first."""

from billing.domain.transaction import Transaction
from billing.services.accounts import find_account
from billing.store.paging import Listing
from billing.store.store import Store
from billing.store.transactions import HistoryFilter


def payment_history(
    store: Store, account_id: str, *, limit: int, cursor: str | None, wanted: HistoryFilter
) -> Listing[Transaction]:
    """Raises AccountNotFound, InvalidValue (cursor)."""
    find_account(store, account_id)
    return store.transactions.page(account_id, limit, cursor, wanted)
