"""Transactions of an account: find one, or as many as a file holds."""

import time
from collections import Counter
from collections.abc import Callable

from billing.domain.errors import NotFound
from billing.domain.transaction import Transaction
from billing.services.file_parts import Part, TooManyLines
from billing.store.store import Store
from billing.store.transactions import HistoryFilter

READ_SECONDS = 15.0
"""So long a request reads. The gateway waits 30 seconds, and the file is made after it."""
_A_PAGE = 500


class TransactionNotFound(NotFound):
    code = "transaction_not_found"

    def __init__(self, transaction_id: str) -> None:
        super().__init__(f'there is no transaction "{transaction_id}"')


def find_transaction(store: Store, account_id: str, transaction_id: str) -> Transaction:
    """Raises TransactionNotFound, also for one of another account."""
    transaction = store.transactions.get(transaction_id)
    if transaction is None or transaction.account_id != account_id:
        raise TransactionNotFound(transaction_id)
    return transaction


def transactions_file(
    store: Store,
    account_id: str,
    wanted: HistoryFilter,
    cursor: str | None,
    *,
    most: int,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[Transaction], str | None]:
    """At most so many transactions, newest first, and the cursor behind them where more are to come.

    Raises TooManyLines for a range of several days that has more.
    """
    deadline, is_first = clock() + READ_SECONDS, cursor is None
    history: list[Transaction] = []
    while True:
        page = store.transactions.page(account_id, min(_A_PAGE, most - len(history)), cursor, wanted)
        history += page.items
        cursor = page.next_cursor
        if cursor is not None and len(history) >= most and is_first:
            _require_one_day(store, account_id, wanted, most)
        if cursor is None or len(history) >= most or clock() > deadline:
            return history, cursor


def _require_one_day(store: Store, account_id: str, wanted: HistoryFilter, most: int) -> None:
    """Count what a range has by its days. Few accounts have so many: they are read for it. Raises TooManyLines."""
    lines = Counter(day for page in store.transactions.days(account_id, wanted) for day in page)
    if len(lines) > 1:
        raise TooManyLines((Part(day, day, own) for day, own in sorted(lines.items())), most)
