"""An account's history: ledger entries and usage records, newest first."""

from billing.domain.ledger import LedgerEntry
from billing.services.accounts import find_account
from billing.store.books import UsageFilter
from billing.store.paging import Listing
from billing.store.store import Store


def ledger_history(
    store: Store, account_id: str, *, limit: int, cursor: str | None, usage: UsageFilter | None = None
) -> Listing[LedgerEntry]:
    """All entries, or the usage entries that a filter lets through. Raises AccountNotFound, InvalidValue (cursor)."""
    find_account(store, account_id)
    return store.books.page(account_id, limit, cursor, usage=usage)
