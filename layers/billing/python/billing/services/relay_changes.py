"""The outbox: rows that changed become notices. The tables' streams are the queue, so nothing committed goes untold.

Another table is a reader in `store/row_changes.py`, one line in `_NOTICES_OF` with one pure function of
`domain.notices`, and a stream on its model. Nothing starts, and no template is made, while one of them is missing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from billing.domain.complete import complete
from billing.domain.notices import (
    Notice,
    of_card,
    of_document,
    of_rejected_event,
    of_transaction,
    of_wallet,
    of_webhook_endpoint,
)
from billing.domain.transaction import is_declined
from billing.store.row_changes import READERS, RowChange

_NOTICES_OF: Mapping[str, Callable[[Any, Any, datetime], list[Notice]]] = complete(
    {
        "wallets": of_wallet,
        "transactions": of_transaction,
        "payment_methods": of_card,
        "rejected_events": of_rejected_event,
        "webhook_endpoints": of_webhook_endpoint,
        "receipts": of_document,
    },
    READERS,
)

RELAYED_TABLES = tuple(_NOTICES_OF)


def notices_of(change: RowChange) -> list[Notice]:
    """What there is to tell of a change; of a row that is gone there is nothing."""
    return [] if change.after is None else _NOTICES_OF[change.table](change.before, change.after, change.at)


def card_declined(change: RowChange) -> bool | None:
    """What a change says of a saved card's charge (see `is_declined`); each charge is answered by one change."""
    if change.table != "transactions" or change.after is None:
        return None
    return is_declined(change.before, change.after)
