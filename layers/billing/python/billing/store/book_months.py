"""The seller's books of months that are over, in the table: summed once, account by account, over several requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.domain.book_month import BookMonth, PostingSum, PostingSums
from billing.domain.month import Month
from billing.store.attributes import IntegerAttribute, JsonAttribute
from billing.store.database import Database
from billing.store.formats import PositionFormat
from billing.store.tables import raw_item


class BookMonthItem(Model):
    """A month by its name, "2026-10". While it is summed, how far: see `BookDraft`."""

    class Meta:
        table_name = "book_months"

    month = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    sums = JsonAttribute()
    is_whole = BooleanAttribute()
    account_id = UnicodeAttribute(null=True)
    position = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class BookDraft:
    """The sums by currency of all accounts up to `account_id`; of that one up to the entry at `position`.

    Without a position that account is summed to its end.
    """

    sums: Mapping[str, PostingSums] = field(default_factory=dict)
    account_id: str | None = None
    position: str | None = None
    is_whole: bool = False
    version: int = 0


_SUM = PositionFormat(PostingSum)


class BookMonths:
    def __init__(self, database: Database) -> None:
        self._database = database

    def draft(self, month: Month) -> BookDraft:
        item = self._database.get(BookMonthItem, {"month": str(month)})
        if item is None:
            return BookDraft()
        return BookDraft(_read(item.sums), item.account_id, item.position, item.is_whole, item.version)

    def save(self, month: Month, before: BookDraft, after: BookDraft) -> bool:
        """False, having written nothing, where somebody else has summed further since."""
        item = raw_item(
            BookMonthItem,
            month=str(month),
            version=before.version + 1,
            sums={currency: [_SUM.write(each) for each in sums] for currency, sums in after.sums.items()},
            is_whole=after.is_whole,
            account_id=after.account_id,
            position=after.position,
        )
        if before.version == 0:
            return self._database.move(BookMonthItem, item, condition="attribute_not_exists(#version)")
        return self._database.move(BookMonthItem, item, condition="#version = :read", read={"N": str(before.version)})

    def whole(self, months: Iterable[Month]) -> dict[Month, BookMonth]:
        """Those of the months that are summed to their end."""
        keys = [{"month": str(month)} for month in months]
        items = map(BookMonthItem.from_raw_data, self._database.get_many(BookMonthItem, keys))
        found = [
            BookMonth(Month.parse(item.month), is_final=True, sums=_read(item.sums)) for item in items if item.is_whole
        ]
        return {each.month: each for each in found}


def _read(stored: Mapping[str, list[list[object]]]) -> dict[str, PostingSums]:
    return {currency: tuple(map(_SUM.read, sums)) for currency, sums in stored.items()}
