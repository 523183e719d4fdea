"""Look through the saved cards for those whose end is to be announced. Marking a card tells it: see `relay_changes`."""

from datetime import datetime

from billing.domain.card_expiry import announcement_due
from billing.store.store import Store


def announce_expiring_cards(store: Store, now: datetime) -> int:
    """Mark each card that is due, once for each announcement, however often this runs. Returns how many."""
    marked = 0
    for card in store.cards.expiring(now):
        days = announcement_due(card, now)
        if days is not None:
            marked += store.cards.mark_expiry_told(card, days)
    return marked
