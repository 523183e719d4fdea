"""An account's history: ledger entries and usage records, newest first."""

from billing.domain.ledger import LedgerEntry
from billing.services.accounts import find_account
from billing.store.accounts import Accounts
from billing.store.books import Books, UsageFilter
from billing.store.database import Database
from billing.store.paging import Listing


def ledger_history(
    database: Database, account_id: str, *, limit: int, cursor: str | None, usage: UsageFilter | None = None
) -> Listing[LedgerEntry]:
    """All entries, or the usage entries that a filter lets through. Raises AccountNotFound, InvalidValue (cursor)."""
    find_account(Accounts(database), account_id)
    return Books(database).page(account_id, limit, cursor, usage=usage)
