"""Take in the events that no webhook told: from where the last run stopped up to now, as far back as Stripe keeps them.

They are listed span by span, the oldest first, and the bookmark moves with each span whose events lie in the inbox: a
run that dies or has no time left goes on there. Where the time was too short for a span's list, the next run takes a
shorter one. What is in the inbox and not done with is worked off by its own sweep.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.stripe_event import StripeEvent
from billing.payments.errors import PaymentsMisconfigured, PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services.work_off import WORKERS
from billing.store.reconciliation import Bookmark
from billing.store.store import Store

STRIPE_KEEPS = timedelta(days=30)
"""How far back Stripe lists its events. https://docs.stripe.com/api/events"""
FURTHEST = STRIPE_KEEPS - timedelta(hours=1)
"""How far back they are read: with an hour for clocks, and for a run that goes on with what the last one began."""
GRACE = timedelta(minutes=2)
"""What is younger is the webhook's, and a list of it may not be whole yet."""
OVERLAP = timedelta(minutes=15)
"""What was read a moment ago is read once more: an event may be listed late."""
LONGEST_SPAN = 24 * 60 * 60
SHORTEST_SPAN = 60
"""Seconds that are listed at a time."""
_LISTS_LESS_BY = 8

log = logging.getLogger(__name__)


@dataclass(slots=True)
class LateEvents:
    """How many were `taken` in. `is_stuck`: Stripe did not answer; `is_left`: the time was over before the end.

    `out_of_reach`: the last run is longer ago than Stripe keeps its events.
    """

    taken: int = 0
    is_stuck: bool = False
    is_left: bool = False
    out_of_reach: bool = False


def take_late_events(store: Store, gateway: Gateway, clock: datetime) -> LateEvents:
    """Read on from the bookmark. Raises StoreBusy."""
    late = LateEvents()
    bookmark = store.reconciliation.bookmark()
    if bookmark is not None and bookmark.read_to < clock - STRIPE_KEEPS:
        late.out_of_reach = True
        facts = {"since": bookmark.read_to.isoformat(), "until": (clock - FURTHEST).isoformat()}
        log.error("events of Stripe's are out of reach: refunds and disputes of that time are not known", extra=facts)
    try:
        _require_same_account(gateway, bookmark, clock)
        _read_on(store, gateway, bookmark, late, clock)
    except PaymentsUnavailable as trouble:
        late.is_left = not gateway.limit.has_time() and not isinstance(trouble, PaymentsMisconfigured)
        late.is_stuck = not late.is_left
        log.warning("Stripe's events are out of reach now", extra={"reason": str(trouble)})
        if late.is_left:
            _list_less(store, clock)
    return late


def _require_same_account(gateway: Gateway, bookmark: Bookmark | None, clock: datetime) -> None:
    """Another account would have no events for us, and the bookmark would pass over those of ours.

    Raises PaymentsMisconfigured.
    """
    if bookmark is None or bookmark.event_id is None or bookmark.event_at is None:
        return
    if bookmark.event_at > clock - FURTHEST:
        gateway.require_event(bookmark.event_id)


def _read_on(store: Store, gateway: Gateway, bookmark: Bookmark | None, late: LateEvents, clock: datetime) -> None:
    since = clock - FURTHEST
    if bookmark is not None:
        # Never so much that the next span would end before the bookmark.
        since = max(since, bookmark.read_to - min(OVERLAP, timedelta(seconds=bookmark.span_seconds / 2)))
    while since < clock - GRACE:
        if not gateway.limit.has_time():
            late.is_left = True
            return
        # The first run tries to list all that there is: most accounts of Stripe's are new then, or small.
        span = FURTHEST if bookmark is None else timedelta(seconds=bookmark.span_seconds)
        until = min(since + span, clock - GRACE)
        taken, newest = _take(store, gateway, since, until, clock)
        late.taken += taken
        after = _moved_on(bookmark, newest, until)
        if not store.reconciliation.move_bookmark(bookmark, after):
            return  # another run does the same
        bookmark, since = after, until


def _moved_on(bookmark: Bookmark | None, newest: StripeEvent | None, until: datetime) -> Bookmark:
    """The bookmark after a span. It never goes back: clocks differ."""
    if bookmark is None:
        bookmark = Bookmark(until, LONGEST_SPAN)
    after = replace(
        bookmark, read_to=max(until, bookmark.read_to), span_seconds=min(2 * bookmark.span_seconds, LONGEST_SPAN)
    )
    return after if newest is None else replace(after, event_id=newest.event_id, event_at=newest.created_at)


def _list_less(store: Store, clock: datetime) -> None:
    """The time was too short for the list of a span."""
    bookmark = store.reconciliation.bookmark()
    if bookmark is None:
        shorter = Bookmark(clock - FURTHEST, LONGEST_SPAN)
    else:
        shorter = replace(bookmark, span_seconds=max(SHORTEST_SPAN, bookmark.span_seconds // _LISTS_LESS_BY))
    store.reconciliation.move_bookmark(bookmark, shorter)


def _take(
    store: Store, gateway: Gateway, since: datetime, until: datetime, clock: datetime
) -> tuple[int, StripeEvent | None]:
    """Take in what is new of a span. Returns how many these are, and the newest event of the span."""
    happened = list(gateway.events(since, until))
    unknown = store.stripe_inbox.unknown(happened)
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda event: store.stripe_inbox.take(event, clock, due_at=clock), unknown))
    return len(unknown), happened[0] if happened else None
