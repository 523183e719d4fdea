"""Rejected events in the table: kept whole, open until an operator replays them."""

from typing import Any

from pynamodb.attributes import UnicodeAttribute, UnicodeSetAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.rejection import RejectedEvent, RejectionStatus
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item


class RejectionsByStatus(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_status"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    rejected_at = InstantAttribute(range_key=True)


class RejectedEventItem(Model):
    """An event that could not be charged, kept whole with its reason until an operator replays it.

    `contents` is of earlier releases, and not written any more.
    """

    class Meta:
        table_name = "rejected_events"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    rejection_id = UnicodeAttribute(hash_key=True)
    status = UnicodeAttribute()
    rejected_at = InstantAttribute()
    arrived_at = InstantAttribute()
    code = UnicodeAttribute()
    detail = UnicodeAttribute()
    field = UnicodeAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    account_id = UnicodeAttribute(null=True)
    replay_event_id = UnicodeAttribute(null=True)
    contents = UnicodeSetAttribute(null=True)
    payload = UnicodeAttribute()
    cause = UnicodeAttribute(null=True)
    content = UnicodeAttribute(null=True)

    by_status = RejectionsByStatus()


_KEY = ("status", "rejected_at", "rejection_id")
_FIRST = frozenset({"arrived_at", "cause", "content"})
"""What stays as it first was."""


class RejectedEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, rejected: RejectedEvent) -> None:
        """Keep the event with its reason, open.

        Rejected once more, it has the latest payload and reason; its first arrival, and what it is known by, stay.
        """
        values = raw_item(
            RejectedEventItem,
            status="open",
            rejected_at=rejected.rejected_at,
            arrived_at=rejected.arrived_at,
            code=rejected.code,
            detail=rejected.detail,
            field=rejected.field,
            event_id=rejected.event_id,
            account_id=rejected.account_id,
            payload=rejected.payload,
            cause=rejected.cause,
            content=rejected.content,
        )
        settings = [
            f"#{name} = {f'if_not_exists(#{name}, :{name})' if name in _FIRST else f':{name}'}" for name in values
        ]
        self._database.update(
            RejectedEventItem,
            {"rejection_id": rejected.rejection_id},
            UpdateExpression="SET " + ", ".join(settings) + (" REMOVE #field" if rejected.field is None else ""),
            ConditionExpression="attribute_not_exists(rejection_id) OR rejected_at < :rejected_at",
            ExpressionAttributeNames={f"#{name}": name for name in (*values, "field")},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def get(self, rejection_id: str) -> tuple[RejectedEvent, RejectionStatus] | None:
        item = self._database.get(RejectedEventItem, {"rejection_id": rejection_id})
        return None if item is None else _with_status(item)

    def mark_replayed(self, rejected: RejectedEvent, event_id: str) -> None:
        """Take it from the open ones, unless it was rejected again since it was read. `event_id` was sent."""
        values = raw_item(
            RejectedEventItem, status="replayed", replay_event_id=event_id, rejected_at=rejected.rejected_at
        )
        self._database.update(
            RejectedEventItem,
            {"rejection_id": rejected.rejection_id},
            UpdateExpression="SET #status = :status, replay_event_id = :replay_event_id",
            ConditionExpression="rejected_at = :rejected_at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def page(self, status: RejectionStatus, limit: int, cursor: str | None) -> Listing[RejectedEvent]:
        """Newest first."""
        page = self._database.page(
            "query",
            RejectedEventItem,
            _KEY,
            limit=limit,
            start=start_key(cursor, _KEY, {"status": {"S": status}}),
            IndexName=RejectionsByStatus.Meta.index_name,
            ScanIndexForward=False,
            KeyConditionExpression="#status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}},
        )
        return Listing.of(page, lambda item: _rejected(RejectedEventItem.from_raw_data(item)))


def read_rejected_event(raw: Item) -> tuple[RejectedEvent, RejectionStatus]:
    return _with_status(RejectedEventItem.from_raw_data(raw))


def _with_status(item: RejectedEventItem) -> tuple[RejectedEvent, RejectionStatus]:
    return _rejected(item), "replayed" if item.status == "replayed" else "open"


def _rejected(item: RejectedEventItem) -> RejectedEvent:
    return RejectedEvent(
        rejection_id=item.rejection_id,
        event_id=item.event_id,
        code=item.code,
        detail=item.detail,
        field=item.field,
        payload=item.payload,
        rejected_at=item.rejected_at,
        arrived_at=item.arrived_at,
        account_id=item.account_id,
        replay_event_id=item.replay_event_id,
        cause=item.cause,
        content=item.content,
    )
