"""The outbox: rows that changed become notices. The tables' streams are the queue, so nothing committed goes untold.

Another table is one line in `_NOTICES_OF` with one pure function of `domain.notices`, and a stream on its model. No
template is made while a table has only one of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from billing.domain.notices import Notice, of_card, of_rejected_event, of_transaction, of_wallet, of_webhook_endpoint
from billing.domain.transaction import declined
from billing.store.cards import read_card
from billing.store.database import Item
from billing.store.rejected_events import read_rejected_event
from billing.store.transactions import read_transaction
from billing.store.wallets import read_wallet
from billing.store.webhook_endpoints import read_webhook_endpoint

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of a table (by its logical name) before and after; None where there was none, or is none any more."""

    table: str
    before: Item | None
    after: Item | None
    at: datetime


NoticesOf = Callable[[Change], list[Notice]]


def notices_of(change: Change) -> list[Notice]:
    """What there is to tell of a change. Raises where a row cannot be read: a bug, or a newer release's row."""
    return _NOTICES_OF[change.table](change)


def card_declined(change: Change) -> bool | None:
    """What a change says of a saved card's charge (see `declined`); each charge is answered by one change."""
    if change.table != "transactions" or change.before is None or change.after is None:
        return None
    return declined(read_transaction(change.before), read_transaction(change.after))


def _differences(read: Callable[[Item], T], tell: Callable[[T | None, T, datetime], list[Notice]]) -> NoticesOf:
    def notices(change: Change) -> list[Notice]:
        if change.after is None:
            return []
        return tell(None if change.before is None else read(change.before), read(change.after), change.at)

    return notices


_NOTICES_OF: Mapping[str, NoticesOf] = {
    "wallets": _differences(read_wallet, of_wallet),
    "transactions": _differences(read_transaction, of_transaction),
    "payment_methods": _differences(read_card, of_card),
    "rejected_events": _differences(read_rejected_event, of_rejected_event),
    "webhook_endpoints": _differences(read_webhook_endpoint, of_webhook_endpoint),
}

RELAYED_TABLES = tuple(_NOTICES_OF)
