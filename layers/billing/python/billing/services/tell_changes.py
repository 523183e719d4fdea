"""Put what changes make known on the bus, once each, and find the change from which on it must come again."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from billing.contracts.bus_events import BusEvent, bus_event
from billing.domain.notices import Notice
from billing.services.relay_changes import card_declined, notices_of
from billing.store.row_changes import RowChange
from billing.words.notice_texts import with_words

Put = Callable[[Sequence[BusEvent]], Collection[int]]
"""Puts events on the bus. Returns the positions of those that it did not take."""


@dataclass(frozen=True, slots=True)
class News:
    """What a change makes known, and its place in the stream. `declined` is what `card_declined` says of it."""

    place: str
    events: Sequence[BusEvent] = ()
    declined: bool | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How many events the bus took and did not take, and the declines of the changes that are told.

    `again` is the place of the first change that is not told; None where all of them are.
    """

    told: int
    untold: int
    declines: tuple[bool, ...] = ()
    again: str | None = None


def news_of(change: RowChange, place: str) -> News:
    return News(place, [bus_event(_worded(notice)) for notice in notices_of(change)], card_declined(change))


def _worded(notice: Notice) -> Notice:
    return replace(notice, facts=with_words(notice.facts))


def tell(news: Sequence[News], put: Put) -> Told:
    """Put each event on the bus once, as the first of its changes made it.

    A change of which the bus did not take an event comes again, with all that follow it. So its decline, and theirs,
    are counted when they come again.
    """
    first: dict[str, tuple[BusEvent, int]] = {}
    for position, each in enumerate(news):
        for made in each.events:
            first.setdefault(made.event_id, (made, position))
    untold = put([made for made, _ in first.values()])
    origins = [position for _, position in first.values()]
    end = min((origins[index] for index in untold), default=len(news))
    return Told(
        told=len(first) - len(untold),
        untold=len(untold),
        declines=tuple(each.declined for each in news[:end] if each.declined is not None),
        again=news[end].place if end < len(news) else None,
    )
