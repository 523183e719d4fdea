"""Take in an event of Stripe's: kept, queued, and only then acknowledged."""

from collections.abc import Callable
from datetime import datetime

from billing.domain.stripe_event import StripeEvent
from billing.store.store import Store

Send = Callable[[StripeEvent], None]
"""Raises StripeQueueUnavailable."""


class StripeQueueUnavailable(Exception):
    """The event was not queued, or nobody knows whether it was."""


def take_stripe_event(store: Store, send: Send, event: StripeEvent, now: datetime) -> bool:
    """Queue the event, unless it is done with. Returns False for one that is.

    One that was kept but perhaps never queued, since this died in between, is queued once more: Stripe sends again what
    was not acknowledged, and handling it twice does nothing. Raises StoreBusy, StripeQueueUnavailable.
    """
    if not store.stripe_inbox.take(event, now):
        return False
    send(event)
    return True
