"""What reconciliation remembers: up to where it has read Stripe's events, and what failed and is not due again yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.domain.instants import format_instant
from billing.store.attributes import InstantAttribute, IntegerAttribute
from billing.store.database import Database
from billing.store.tables import raw_item

_EVENTS = "events"
_KEPT = timedelta(days=35)
"""So long a failure is remembered: what is left alone for longer begins anew."""


class ReconciliationItem(Model):
    """One row for the events, and one for each thing that failed, by its stage and its own name."""

    class Meta:
        table_name = "reconciliation"

    name = UnicodeAttribute(hash_key=True)
    read_to = InstantAttribute(null=True)
    span_seconds = IntegerAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    event_at = InstantAttribute(null=True)
    failures = IntegerAttribute(null=True)
    due_at = InstantAttribute(null=True)
    forget_at = TTLAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Stripe's events before `read_to` are taken in. `span_seconds` is how much is listed at a time.

    `event_id` is the newest of them, which proves at the next run that the key is of the same account still.
    """

    read_to: datetime
    span_seconds: int
    event_id: str | None = None
    event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """Something that failed `failures` times in a row, and is not tried before `due_at`."""

    failures: int
    due_at: datetime


class ReconciliationMemory:
    def __init__(self, database: Database) -> None:
        self._database = database

    def bookmark(self) -> Bookmark | None:
        item = self._database.get(ReconciliationItem, {"name": _EVENTS})
        if item is None:
            return None
        return Bookmark(item.read_to, item.span_seconds, item.event_id, item.event_at)

    def move_bookmark(self, before: Bookmark | None, after: Bookmark) -> bool:
        """False, having written nothing, where another run has moved it since."""
        condition, compared = "attribute_not_exists(#read_to)", {}
        if before is not None:
            condition, compared = "#read_to = :before", {"before": {"S": format_instant(before.read_to)}}
        return self._database.move(
            ReconciliationItem,
            raw_item(
                ReconciliationItem,
                name=_EVENTS,
                read_to=after.read_to,
                span_seconds=after.span_seconds,
                event_id=after.event_id,
                event_at=after.event_at,
            ),
            condition=condition,
            **compared,
        )

    def deferrals(self, names: Iterable[str]) -> dict[str, Deferral]:
        rows = self._database.get_many(ReconciliationItem, [{"name": name} for name in names])
        items = [ReconciliationItem.from_raw_data(row) for row in rows]
        return {item.name: Deferral(item.failures, item.due_at) for item in items}

    def defer(self, name: str, deferral: Deferral) -> None:
        item = raw_item(
            ReconciliationItem,
            name=name,
            failures=deferral.failures,
            due_at=deferral.due_at,
            forget_at=deferral.due_at + _KEPT,
        )
        self._database.move(ReconciliationItem, item, condition="attribute_not_exists(#read_to)")

    def clear(self, name: str) -> None:
        """It did not fail again."""
        self._database.delete(ReconciliationItem, {"name": name})
