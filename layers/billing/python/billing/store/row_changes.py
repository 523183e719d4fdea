"""Rows that changed, as the tables' streams tell of them: read into values, before anybody decides what they mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.store.cards import read_card
from billing.store.receipts import read_document
from billing.store.rejected_events import read_rejected_event
from billing.store.tables import Item
from billing.store.transactions import read_transaction
from billing.store.wallets import read_wallet
from billing.store.webhook_endpoints import read_webhook_endpoint


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row of a table (by its logical name) before and after; None where there was none, or is none any more."""

    table: str
    before: Any
    after: Any
    at: datetime


READERS: Mapping[str, Callable[[Item], object]] = {
    "wallets": read_wallet,
    "transactions": read_transaction,
    "payment_methods": read_card,
    "rejected_events": read_rejected_event,
    "webhook_endpoints": read_webhook_endpoint,
    "receipts": read_document,
}
"""By the tables that have a stream."""


def read_change(table: str, before: Item | None, after: Item | None, at: datetime) -> RowChange:
    """Raises where a row cannot be read: a bug."""
    read = READERS[table]
    return RowChange(table, None if before is None else read(before), None if after is None else read(after), at)
