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
    """An event that could not be charged, kept whole with its reason until an operator replays it."""

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

    by_status = RejectionsByStatus()


_KEY = ("status", "rejected_at", "rejection_id")


class RejectedEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, rejected: RejectedEvent) -> None:
        """Keep the event with its reason, open.

        Rejected once more, it has the latest content and reason, its first arrival, the id that a replay fixed, and the
        fingerprints of all contents.
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
        )
        first_arrival = "if_not_exists(arrived_at, :arrived_at)"
        settings = [f"#{name} = {first_arrival if name == 'arrived_at' else f':{name}'}" for name in values]
        added = raw_item(RejectedEventItem, contents=rejected.contents or None)
        self._database.update(
            RejectedEventItem,
            {"rejection_id": rejected.rejection_id},
            UpdateExpression="SET "
            + ", ".join(settings)
            + ("" if rejected.field else " REMOVE #field")
            + (" ADD #contents :contents" if added else ""),
            ConditionExpression="attribute_not_exists(rejection_id) OR rejected_at < :rejected_at",
            ExpressionAttributeNames={f"#{name}": name for name in (*values, "field", *added)},
            ExpressionAttributeValues={f":{name}": value for name, value in (values | added).items()},
        )

    def get(self, rejection_id: str) -> tuple[RejectedEvent, RejectionStatus] | None:
        item = self._database.get(RejectedEventItem, {"rejection_id": rejection_id})
        return None if item is None else _with_status(item)

    def fix_replay(self, rejected: RejectedEvent, event_id: str, fingerprint: str) -> bool:
        """Have it charged under `event_id`, with this content among others. False, having written nothing, where
        another id was fixed since `rejected` was read: of two replays at once with different ids, one is told so.
        """
        return self._database.update(
            RejectedEventItem,
            {"rejection_id": rejected.rejection_id},
            UpdateExpression="SET replay_event_id = :event_id ADD #contents :contents",
            ConditionExpression="attribute_not_exists(replay_event_id) OR replay_event_id IN (:event_id, :read)",
            ExpressionAttributeNames={"#contents": "contents"},
            ExpressionAttributeValues={
                ":event_id": {"S": event_id},
                ":read": {"S": rejected.replay_event_id or event_id},
                ":contents": {"SS": [fingerprint]},
            },
        )

    def mark_replayed(self, rejected: RejectedEvent) -> None:
        """Take it from the open ones, unless it was rejected again since it was read."""
        values = raw_item(RejectedEventItem, status="replayed", rejected_at=rejected.rejected_at)
        self._database.update(
            RejectedEventItem,
            {"rejection_id": rejected.rejection_id},
            UpdateExpression="SET #status = :status",
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
        contents=frozenset(item.contents or ()),
    )
