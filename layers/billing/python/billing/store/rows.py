"""From rows as values (see `domain.change`) to the items of a transaction of DynamoDB's."""

from billing.domain.card import Card
from billing.domain.change import Added, Moved, Row, Unmoved
from billing.domain.transaction import Transaction
from billing.store.cards import card_is_unmoved, card_update
from billing.store.database import Database, Item
from billing.store.transactions import new_transaction_put, transaction_update


def row_item(database: Database, row: Row) -> Item:
    """The part of a transaction that writes the row, or for one that is not written, looks at it."""
    match row:
        case Added(transaction):
            return new_transaction_put(database, transaction)
        case Moved(Transaction() as before, Transaction() as after):
            return transaction_update(database, before, after)
        case Moved(Card() as before, Card() as after):
            return card_update(database, before, after)
        case Unmoved(card):
            return card_is_unmoved(database, card)
        case _:
            raise TypeError(row)
