"""Stripe's events that were taken in: each once, and whether it is done with."""

from datetime import datetime, timedelta

from pynamodb.attributes import BooleanAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.domain.stripe_event import StripeEvent
from billing.store.attributes import InstantAttribute
from billing.store.database import Database
from billing.store.tables import raw_item


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


# Stripe delivers for three days and lists for thirty.
_KEPT = timedelta(days=35)


class StripeInbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, event: StripeEvent, now: datetime) -> bool:
        """Keep the event. False where it was taken in before and is done with."""
        return self._database.move(
            StripeEventItem,
            raw_item(
                StripeEventItem,
                event_id=event.event_id,
                type=event.type,
                object_id=event.object_id,
                received_at=now,
                done=False,
                forget_at=now + _KEPT,
            ),
            condition="attribute_not_exists(event_id) OR #done = :no",
            no={"BOOL": False},
        )

    def done(self, event_id: str) -> None:
        self._database.update(
            StripeEventItem,
            {"event_id": event_id},
            UpdateExpression="SET #done = :yes",
            ConditionExpression="attribute_exists(event_id)",
            ExpressionAttributeNames={"#done": "done"},
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def not_done(self, events: list[StripeEvent]) -> list[StripeEvent]:
        """Those of the events that nobody has brought to their end."""
        keys = [{"event_id": event.event_id} for event in events]
        done = {
            item["event_id"]["S"] for item in self._database.get_many(StripeEventItem, keys) if item["done"]["BOOL"]
        }
        return [event for event in events if event.event_id not in done]
