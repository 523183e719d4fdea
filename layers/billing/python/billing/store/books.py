"""The books: a wallet's change and the ledger entries that explain it, in one transaction or not at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.daily_usage import DayOfWorkspace, DayUse, months_made_void, rollups
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.ledger import Counted, Drawn, LedgerEntry, Posting, RatedLine, UsageRecord, void_cause
from billing.domain.month import Month
from billing.domain.wallet import Posted, Wallet
from billing.store.attributes import InstantAttribute, IntegerAttribute, IntegerMapAttribute, JsonAttribute
from billing.store.daily_usage import day_update, month_made_void
from billing.store.database import MAX_TRANSACTION_ITEMS, Database, Item
from billing.store.formats import MOMENT, PositionFormat
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item, readable
from billing.store.wallets import read_wallet, wallet_update

if TYPE_CHECKING:
    from billing.domain.change import Row


class EntriesOfAccount(GlobalSecondaryIndex[Any]):
    """An account's entries in order. `position` is the moment and the sequence, both rising together."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class LedgerEntryItem(Model):
    """One immutable entry. Its key is its cause, in the whole table: that is what makes a duplicate impossible."""

    class Meta:
        table_name = "ledger_entries"

    cause = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()
    position = UnicodeAttribute()
    kind = UnicodeAttribute()
    amount_micros = IntegerAttribute()
    balance_after_micros = IntegerAttribute()
    currency = UnicodeAttribute()
    postings = IntegerMapAttribute()
    fingerprint = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    event_type = UnicodeAttribute(null=True)
    call_id = UnicodeAttribute(null=True)
    workspace_id = UnicodeAttribute(null=True)
    occurred_at = InstantAttribute(null=True)
    plan_id = UnicodeAttribute(null=True)
    plan_version = IntegerAttribute(null=True)
    lines = JsonAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    rejection_id = UnicodeAttribute(null=True)
    code = UnicodeAttribute(null=True)
    charged_as = UnicodeAttribute(null=True)
    counted = JsonAttribute(null=True)
    dimensions = JsonAttribute(null=True)
    counted_in = UnicodeAttribute(null=True)
    drawn = JsonAttribute(null=True)

    by_account = EntriesOfAccount()


ENTRY_KEY = ("account_id", "position", "cause")
"""What says where an entry stands among the account's."""
_FIRST, _LAST = "0", "~"
"""Before and behind all positions."""
_COUNTED = PositionFormat(Counted)
_DRAWN = PositionFormat(Drawn, expires_at=MOMENT)
_LINE_FIELDS = tuple(field.name for field in fields(RatedLine))
_line_fields = attrgetter(*_LINE_FIELDS)
_line_fields_without_cost = attrgetter(*_LINE_FIELDS[:-1])


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written: the wallet moved on (`wallet` is where it is now), or some entries exist already.

    Both None and empty where others worked on the same items at the same moment, or where the condition of another item
    did not hold: decide again, after a pause.
    """

    wallet: Wallet | None
    existing: Mapping[str, LedgerEntry]


class Books:
    def __init__(self, database: Database) -> None:
        self._database = database

    def commit(self, before: Wallet, posted: Posted, also: Sequence["Row"] = ()) -> Wallet | Refused:
        """Write what was posted: the wallet, its entries, what they add to the days' usage, the refill that starts.

        And the other rows that are written with it (`also`). Returns the wallet as written.

        Written at most once: the wallet must still be at the version of `before`, no entry's cause may exist, and each
        other row must be as its change says. Nothing to say is nothing to write. Raises StoreBusy where the outcome is
        not known.
        """
        after, entries = posted.wallet, posted.entries
        others = self._others(posted, also) if also or posted.refill is not None else ()
        if after == before and not entries and not others:
            return before
        days = rollups(entries)
        items = [
            wallet_update(self._database, before, after),
            *(self._database.put_new(LedgerEntryItem, _item(entry), "cause") for entry in entries),
            *(day_update(self._database, before.account_id, day, use) for day, use in days.items()),
            *(month_made_void(self._database, before.account_id, month) for month in _late_months(days, entries)),
            *others,
        ]
        if len(items) > MAX_TRANSACTION_ITEMS:
            raise ValueError(f"a transaction holds {MAX_TRANSACTION_ITEMS} items, not {len(items)}")
        canceled = self._database.transact(items)
        if canceled is None:
            return replace(after, version=before.version + 1)
        wallet_reason, *reasons = canceled.reasons
        existing = [
            read_entry(reason.item)
            for reason in reasons[: len(entries)]
            if reason is not None and reason.condition_failed and reason.item is not None
        ]
        moved_to = wallet_reason.item if wallet_reason is not None and wallet_reason.condition_failed else None
        return Refused(
            wallet=None if moved_to is None else read_wallet(moved_to),
            existing={entry.cause: entry for entry in existing},
        )

    def _others(self, posted: Posted, also: Sequence["Row"]) -> list[Item]:
        # Imported here: few settlements write other rows, and each import is a part of every cold start.
        from billing.domain.change import Added
        from billing.store.rows import row_item

        refill = () if posted.refill is None else (Added(posted.refill),)
        return [row_item(self._database, row) for row in (*also, *refill)]

    def entries(self, causes: Iterable[str]) -> dict[str, LedgerEntry]:
        """Those of the entries that exist and can be read, by cause. One that cannot stops only who would write it."""
        keys = [{"cause": cause} for cause in causes]
        return {
            entry.cause: entry
            for entry in readable(LedgerEntryItem, self._database.get_many(LedgerEntryItem, keys), read_entry)
        }

    def entry(self, cause: str) -> LedgerEntry | None:
        return self.entries([cause]).get(cause)

    def voided(self, causes: Iterable[str]) -> set[str]:
        """Those of the charges that were taken back."""
        of_void = {void_cause(cause): cause for cause in causes}
        keys = [{"cause": cause} for cause in of_void]
        return {of_void[item["cause"]["S"]] for item in self._database.get_many(LedgerEntryItem, keys)}

    def page(
        self,
        account_id: str,
        limit: int,
        cursor: str | None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Listing[LedgerEntry]:
        """Entries of an account that were posted in [start, end), newest first."""
        page = self._database.page(
            "query",
            LedgerEntryItem,
            ENTRY_KEY,
            limit=limit,
            start=start_key(cursor, ENTRY_KEY, {"account_id": {"S": account_id}}),
            ScanIndexForward=False,
            **_posted(account_id, start, end),
        )
        return Listing.of(page, read_entry)

    def posted(
        self, account_id: str, start: datetime | None, end: datetime | None, *, after: str | None = None
    ) -> Iterator[list[tuple[str, LedgerEntry]]]:
        """Entries that were posted in [start, end), with their positions, the oldest first; `after` one of them.

        A page has up to a megabyte. The index follows the table by less than a second as a rule.
        """
        arguments = _posted(account_id, start, end, after=after)
        for page in self._database.pages("query", LedgerEntryItem, limit=None, **arguments):
            yield [(item["position"]["S"], read_entry(item)) for item in page]

    def at(self, account_id: str, position: str) -> LedgerEntry | None:
        """The entry at a position, a moment after it was posted."""
        page = self._database.page(
            "query",
            LedgerEntryItem,
            ENTRY_KEY,
            limit=1,
            start=None,
            IndexName=EntriesOfAccount.Meta.index_name,
            KeyConditionExpression="account_id = :account AND #position = :position",
            ExpressionAttributeNames={"#position": "position"},
            ExpressionAttributeValues={":account": {"S": account_id}, ":position": {"S": position}},
        )
        return read_entry(page.items[0]) if page.items else None

    def last_before(self, account_id: str, moment: datetime | None) -> LedgerEntry | None:
        """The last entry that was posted before."""
        return next(iter(self.page(account_id, 1, None, end=moment).items), None)


def _late_months(days: Mapping[DayOfWorkspace, DayUse], entries: Sequence[LedgerEntry]) -> list[Month]:
    """The finished months of which somebody may have kept the sums, and which these entries add to."""
    return sorted(months_made_void(days, entries[-1].posted_at), key=str) if days else []


def _posted(
    account_id: str, start: datetime | None, end: datetime | None, *, after: str | None = None
) -> dict[str, Any]:
    # Positions are a moment, "#" and more: a bare moment stands before all that were posted then.
    first = after + "\0" if after is not None else _FIRST if start is None else format_instant(start)
    return {
        "IndexName": EntriesOfAccount.Meta.index_name,
        "KeyConditionExpression": "account_id = :account AND #position BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#position": "position"},
        "ExpressionAttributeValues": {
            ":account": {"S": account_id},
            ":first": {"S": first},
            ":last": {"S": _LAST if end is None else format_instant(end)},
        },
    }


def _item(entry: LedgerEntry) -> Item:
    usage = entry.usage
    of_usage: dict[str, Any] = {}
    if usage is not None:
        of_usage = {
            "event_id": usage.event_id,
            "event_type": usage.event_type,
            "call_id": usage.call_id,
            "workspace_id": usage.workspace_id,
            "occurred_at": usage.occurred_at,
            "plan_id": usage.plan_id,
            "plan_version": usage.plan_version,
            "lines": [_written(line) for line in usage.lines],
            "dimensions": dict(usage.dimensions) or None,
            "counted_in": usage.counted_in,
        }
    return raw_item(
        LedgerEntryItem,
        cause=entry.cause,
        account_id=entry.account_id,
        position=entry.position,
        kind=entry.kind,
        amount_micros=entry.amount_micros,
        balance_after_micros=entry.balance_after_micros,
        currency=entry.currency,
        postings={posting.account: posting.micros for posting in entry.postings},
        fingerprint=entry.fingerprint,
        description=entry.description or None,
        by=entry.by,
        rejection_id=entry.rejection_id,
        code=entry.code,
        charged_as=entry.charged_as,
        counted=[_COUNTED.write(each) for each in entry.counted] or None,
        drawn=[_DRAWN.write(each) for each in entry.drawn] or None,
        **of_usage,
    )


def _written(line: RatedLine) -> tuple[Any, ...]:
    values: tuple[Any, ...] = (_line_fields_without_cost if line.cost_micros is None else _line_fields)(line)
    return values


def read_entry(raw: Item) -> LedgerEntry:
    return _entry(LedgerEntryItem.from_raw_data(raw))


def _entry(item: LedgerEntryItem) -> LedgerEntry:
    posted_at, _, sequence = item.position.partition("#")
    kind: Any = item.kind
    code: Any = item.code
    return LedgerEntry(
        cause=item.cause,
        account_id=item.account_id,
        sequence=int(sequence),
        kind=kind,
        amount_micros=item.amount_micros,
        balance_after_micros=item.balance_after_micros,
        currency=item.currency,
        posted_at=parse_stored_instant(posted_at),
        description=item.description or "",
        postings=tuple(Posting(account, micros) for account, micros in sorted(item.postings.items())),
        usage=_usage_record(item) if item.lines is not None else None,
        by=item.by,
        fingerprint=item.fingerprint,
        rejection_id=item.rejection_id,
        code=code,
        charged_as=item.charged_as,
        counted=tuple(map(_COUNTED.read, item.counted or ())),
        drawn=tuple(map(_DRAWN.read, item.drawn or ())),
    )


def _usage_record(item: LedgerEntryItem) -> UsageRecord:
    event_type: Any = item.event_type
    counted_in: Any = item.counted_in
    return UsageRecord(
        # In earlier releases the cause was the event's id.
        event_id=item.event_id or item.cause.removeprefix("call:"),
        event_type=event_type,
        call_id=item.call_id,
        workspace_id=item.workspace_id or "",
        occurred_at=item.occurred_at,
        plan_id=item.plan_id or "",
        plan_version=item.plan_version or 0,
        lines=tuple(RatedLine(*line[: len(_LINE_FIELDS)]) for line in item.lines),
        dimensions=item.dimensions or {},
        counted_in=counted_in,
    )
