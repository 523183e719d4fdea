"""Deliveries in their table: written once for each notice and destination, moved from attempt to attempt."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.delivery import KEPT, Delivery
from billing.domain.instants import format_instant
from billing.store.attributes import InstantAttribute, IntegerAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item, readable


class DueDeliveries(GlobalSecondaryIndex[Any]):
    """The deliveries that an attempt is due for, of each shard the earliest first. Sparse: only pending ones."""

    class Meta:
        index_name = "due"
        projection = AllProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = InstantAttribute(range_key=True)


class DeliveriesOfDestination(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_destination"
        projection = AllProjection()

    destination = UnicodeAttribute(hash_key=True)
    created_at = InstantAttribute(range_key=True)


class DeliveryItem(Model):
    """A notice for one destination. Its key makes it one, however often the notice is heard."""

    class Meta:
        table_name = "deliveries"

    destination = UnicodeAttribute(hash_key=True)
    event_id = UnicodeAttribute(range_key=True)
    event_type = UnicodeAttribute()
    account_id = UnicodeAttribute(null=True)
    payload = UnicodeAttribute()
    created_at = InstantAttribute()
    status = UnicodeAttribute()
    attempts = IntegerAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = InstantAttribute(null=True)
    last_attempt_at = InstantAttribute(null=True)
    last_status = IntegerAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()

    due = DueDeliveries()
    by_destination = DeliveriesOfDestination()


_PAGE_KEY = ("destination", "created_at", "event_id")
# One partition of an index takes a thousand writes a second.
_SHARDS = 4


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, destination: str, event_id: str) -> Delivery | None:
        item = self._database.get(DeliveryItem, {"destination": destination, "event_id": event_id})
        return None if item is None else _delivery(item)

    def add(self, delivery: Delivery) -> bool:
        """False, having written nothing, where the destination was given this notice before."""
        return self._database.add(DeliveryItem, _item(delivery), "destination")

    def move(self, before: Delivery, after: Delivery) -> bool:
        """Write `after` where the delivery still is as in `before`. False where another was faster."""
        was = _item(before)
        compared = {name: was[name] for name in ("status", "attempts", "due_at") if name in was}
        due = "#due_at = :due_at" if "due_at" in was else "attribute_not_exists(#due_at)"
        condition = f"#status = :status AND #attempts = :attempts AND {due}"
        return self._database.move(DeliveryItem, _item(after), condition=condition, **compared)

    def due(self, now: datetime, limit: int) -> Iterator[Delivery]:
        """Pending deliveries whose time has come, at most `limit` of each shard, the longest due first."""
        for shard in range(_SHARDS):
            page = self._database.page(
                "query",
                DeliveryItem,
                ("destination", "event_id", "due_shard", "due_at"),
                limit=limit,
                start=None,
                IndexName=DueDeliveries.Meta.index_name,
                KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                ExpressionAttributeValues={":shard": {"S": str(shard)}, ":now": {"S": format_instant(now)}},
            )
            yield from readable(DeliveryItem, page.items, _read)

    def page(self, destination: str, limit: int, cursor: str | None) -> Listing[Delivery]:
        """Of one destination, the newest first."""
        return self._page(destination, limit, cursor, ScanIndexForward=False)

    def since(self, destination: str, moment: datetime, limit: int, cursor: str | None) -> Listing[Delivery]:
        """Of one destination, made at `moment` or later, the oldest first."""
        return self._page(destination, limit, cursor, since=moment)

    def _page(
        self, destination: str, limit: int, cursor: str | None, since: datetime | None = None, **arguments: Any
    ) -> Listing[Delivery]:
        values = {":destination": {"S": destination}}
        condition = "destination = :destination"
        if since is not None:
            values[":since"] = {"S": format_instant(since)}
            condition += " AND created_at >= :since"
        page = self._database.page(
            "query",
            DeliveryItem,
            _PAGE_KEY,
            limit=limit,
            start=start_key(cursor, _PAGE_KEY, {"destination": {"S": destination}}),
            IndexName=DeliveriesOfDestination.Meta.index_name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **arguments,
        )
        return Listing.of(page, _read)


def _item(delivery: Delivery) -> dict[str, Any]:
    return raw_item(
        DeliveryItem,
        destination=delivery.destination,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        account_id=delivery.account_id,
        payload=delivery.payload,
        created_at=delivery.created_at,
        status=delivery.status,
        attempts=delivery.attempts,
        due_shard=None if delivery.due_at is None else _shard(delivery),
        due_at=delivery.due_at,
        last_attempt_at=delivery.last_attempt_at,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
        expires_at=delivery.created_at + KEPT,
    )


def _shard(delivery: Delivery) -> str:
    return str(hashlib.sha256(delivery.event_id.encode()).digest()[0] % _SHARDS)


def _read(raw: Item) -> Delivery:
    return _delivery(DeliveryItem.from_raw_data(raw))


def _delivery(item: DeliveryItem) -> Delivery:
    status: Any = item.status
    return Delivery(
        destination=item.destination,
        event_id=item.event_id,
        event_type=item.event_type,
        account_id=item.account_id,
        payload=item.payload,
        created_at=item.created_at,
        status=status,
        attempts=item.attempts,
        due_at=item.due_at,
        last_attempt_at=item.last_attempt_at,
        last_status=item.last_status,
        last_error=item.last_error,
    )
