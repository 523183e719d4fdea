"""Transactions of an account: find one, or as many as a file holds."""

import time
from collections.abc import Callable

from billing.domain.errors import NotFound
from billing.domain.transaction import Transaction
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
    """At most so many transactions, newest first, and the cursor behind them where more are to come."""
    deadline = clock() + READ_SECONDS
    history: list[Transaction] = []
    while True:
        page = store.transactions.page(account_id, min(_A_PAGE, most - len(history)), cursor, wanted)
        history += page.items
        cursor = page.next_cursor
        if cursor is None or len(history) >= most or clock() > deadline:
            return history, cursor
