"""Rejected events in the table: kept whole, open until an operator replays them."""

from typing import Literal

from billing.domain.rejection import RejectedEvent
from billing.store.database import Database
from billing.store.paging import Listing, start_key
from billing.store.tables import RejectedEventItem, RejectionsByStatus, raw_item

RejectionStatus = Literal["open", "replayed"]

_KEY = ("status", "rejected_at", "rejection_id")


class RejectedEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, rejected: RejectedEvent) -> None:
        """Keep the event with its reason. One that is open already stays as it is; one replayed in vain opens again."""
        item = raw_item(
            RejectedEventItem,
            rejection_id=rejected.rejection_id,
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
        self._database.put(
            RejectedEventItem,
            item,
            condition="attribute_not_exists(rejection_id) OR #status = :replayed",
            names={"#status": "status"},
            values={":replayed": {"S": "replayed"}},
        )

    def get(self, rejection_id: str) -> tuple[RejectedEvent, RejectionStatus] | None:
        item = self._database.get(RejectedEventItem, {"rejection_id": rejection_id})
        return None if item is None else (_rejected(item), "replayed" if item.status == "replayed" else "open")

    def mark_replayed(self, rejection_id: str) -> None:
        self._database.update(
            RejectedEventItem,
            {"rejection_id": rejection_id},
            UpdateExpression="SET #status = :replayed",
            ConditionExpression="attribute_exists(rejection_id)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":replayed": {"S": "replayed"}},
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
    )
