"""Transactions of an account: find one."""

from billing.domain.errors import NotFound
from billing.domain.transaction import Transaction
from billing.store.store import Store


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
