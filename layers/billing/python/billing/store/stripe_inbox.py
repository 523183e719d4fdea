"""Stripe's events that were taken in: each once, and whether it is done with."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BooleanAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.stripe_event import StripeEvent
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.due import due_pages
from billing.store.tables import raw_item


class UndoneStripeEvents(GlobalSecondaryIndex[Any]):
    """Events that nobody has brought to their end, by the moment from which on a sweep does. Sparse."""

    class Meta:
        index_name = "undone"
        projection = AllProjection()

    undone = UnicodeAttribute(hash_key=True)
    due_at = InstantAttribute(range_key=True)


class StripeEventItem(Model):
    """An event of Stripe's that was taken in; `done` once what it is about was brought up to date."""

    class Meta:
        table_name = "stripe_inbox"

    event_id = UnicodeAttribute(hash_key=True)
    type = UnicodeAttribute()
    object_id = UnicodeAttribute()
    received_at = InstantAttribute()
    done = BooleanAttribute()
    forget_at = TTLAttribute()
    payment_intent_id = UnicodeAttribute(null=True)
    undone = UnicodeAttribute(null=True)
    due_at = InstantAttribute(null=True)

    undone_events = UndoneStripeEvents()


# Stripe delivers for three days and lists for thirty.
_KEPT = timedelta(days=35)
_UNDONE = "undone"
THE_QUEUES = timedelta(minutes=15)
"""So long an event is the queue's, which tries it again: then it was lost on the way, or is given up there."""


class StripeInbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, event: StripeEvent, now: datetime, *, due_at: datetime | None = None) -> bool:
        """Keep the event. False where it was taken in before and is done with.

        From `due_at` on it is swept, where nobody has handled it by then; unless given, the queue has its time first.
        """
        return self._database.move(
            StripeEventItem,
            raw_item(
                StripeEventItem,
                event_id=event.event_id,
                type=event.type,
                object_id=event.object_id,
                payment_intent_id=event.payment_intent_id,
                received_at=now,
                done=False,
                undone=_UNDONE,
                due_at=due_at or now + THE_QUEUES,
                forget_at=now + _KEPT,
            ),
            condition="attribute_not_exists(event_id) OR #done = :no",
            no={"BOOL": False},
        )

    def done(self, event_id: str) -> None:
        self._database.update(
            StripeEventItem,
            {"event_id": event_id},
            UpdateExpression="SET #done = :yes REMOVE undone, due_at",
            ConditionExpression="attribute_exists(event_id)",
            ExpressionAttributeNames={"#done": "done"},
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def unknown(self, events: Sequence[StripeEvent]) -> list[StripeEvent]:
        """Those of the events that neither are done with nor will be swept, as no row of an earlier release is."""
        keys = [{"event_id": event.event_id} for event in events]
        rows = self._database.get_many(StripeEventItem, keys)
        known = {item["event_id"]["S"] for item in rows if item["done"]["BOOL"] or "undone" in item}
        return [event for event in events if event.event_id not in known]

    def undone(self, now: datetime) -> Iterator[list[StripeEvent]]:
        """What is to be swept by now, the longest waiting first, in pages."""
        pages = due_pages(
            self._database, StripeEventItem, UndoneStripeEvents.Meta.index_name, ("undone", _UNDONE), ("due_at", now)
        )
        return ([_event(item) for item in page] for page in pages)


def _event(item: Item) -> StripeEvent:
    intent = item.get("payment_intent_id")
    return StripeEvent(
        item["event_id"]["S"], item["type"]["S"], item["object_id"]["S"], None if intent is None else intent["S"]
    )
