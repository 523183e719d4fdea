"""Usage records on the wire, as JSON and as CSV."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field, WithJsonSchema

from billing.contracts.times import parse_time
from billing.domain.decimals import format_millionths
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.domain.ledger import LedgerEntry, RatedLine
from billing.store.books import UsageFilter
from billing.web.values import Body, Cursor, Instant, MoneyView, PageLimit, View, WorkspaceId, reading

# With the longest ids and twenty lines each, just below the 6 MB that a function may answer.
MAX_CSV_RECORDS = 400
CSV = "text/csv"

_DATE = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}", re.ASCII)
_COLUMNS = (
    "record_id",
    "event_id",
    "call_id",
    "workspace_id",
    "occurred_at",
    "settled_at",
    "feature",
    "unit",
    "quantity",
    "billed",
    "included",
    "overage",
    "pay_as_you_go",
    "unit_price",
    "amount",
    "currency",
)
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _bound(value: object, *, of_day: timedelta) -> datetime:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return datetime.combine(date.fromisoformat(value), time(), UTC) + of_day
        except ValueError as error:
            raise InvalidValue("is not a day of the calendar") from error
    return parse_time(value, "")


_BOUND_SCHEMA = {"type": "string", "examples": ["2026-11-01", "2026-11-01T00:00:00Z"]}


class SpanQuery(Body):
    """From `from` on and before `to`. Dates are whole days (UTC), the last one among them."""

    from_: Annotated[
        datetime | None,
        reading(lambda value: _bound(value, of_day=timedelta())),
        WithJsonSchema({**_BOUND_SCHEMA, "description": "A time, or a date (UTC)."}),
        Field(alias="from"),
    ] = None
    to: Annotated[
        datetime | None,
        reading(lambda value: _bound(value, of_day=timedelta(days=1))),
        WithJsonSchema({**_BOUND_SCHEMA, "description": "A time, which is excluded, or a date (UTC), which is not."}),
    ] = None


class UsageRecordsQuery(SpanQuery):
    """Usage that ended in the span."""

    workspace_id: WorkspaceId | None = None
    limit: PageLimit | None = None
    cursor: Cursor | None = None

    def link_to(self, cursor: str) -> str:
        """The same query from `cursor` on, as a relative reference."""
        stated = {
            "from": self.from_ and format_instant(self.from_),
            "to": self.to and format_instant(self.to),
            "workspace_id": self.workspace_id,
            "limit": self.limit and str(self.limit),
            "cursor": cursor,
        }
        return "?" + urlencode({name: value for name, value in stated.items() if value is not None})

    def to_filter(self) -> UsageFilter:
        return UsageFilter(self.from_, self.to, self.workspace_id)


class UsageLineView(View):
    """Quantities are in the metered `unit`; `included`, `overage` and `pay_as_you_go` add up to `billed`.

    `unit_price` is the price of one priced unit (a minute, if seconds are metered).
    """

    feature: str
    unit: str
    quantity: str
    billed: str
    included: str
    overage: str
    pay_as_you_go: str
    unit_price: MoneyView
    amount: MoneyView

    @classmethod
    def of(cls, line: RatedLine, currency: str) -> "UsageLineView":
        return cls(
            feature=line.feature,
            unit=line.unit,
            quantity=format_millionths(line.quantity_millionths),
            billed=format_millionths(line.billed_millionths),
            included=format_millionths(line.included_millionths),
            overage=format_millionths(line.overage_millionths),
            pay_as_you_go=format_millionths(line.pay_as_you_go_millionths),
            unit_price=MoneyView.of(line.unit_price_micros, currency),
            amount=MoneyView.of(line.amount_micros, currency),
        )


class UsageRecordView(View):
    """What one event consumed and cost. `record_id` is the id of its ledger entry."""

    record_id: str
    event_id: str
    call_id: str | None
    workspace_id: str
    occurred_at: Instant
    settled_at: Instant
    amount: MoneyView
    balance_after: MoneyView
    lines: list[UsageLineView]


class UsageRecordPage(View):
    """Newest first, by settlement."""

    items: list[UsageRecordView]
    next_cursor: str | None


def usage_records(entries: Iterable[LedgerEntry]) -> list[UsageRecordView]:
    return [
        UsageRecordView(
            record_id=entry.entry_id,
            event_id=entry.usage.event_id,
            call_id=entry.usage.call_id,
            workspace_id=entry.usage.workspace_id,
            occurred_at=format_instant(entry.usage.occurred_at),
            settled_at=format_instant(entry.posted_at),
            amount=MoneyView.of(-entry.amount_micros, entry.currency),
            balance_after=MoneyView.of(entry.balance_after_micros, entry.currency),
            lines=[UsageLineView.of(line, entry.currency) for line in entry.usage.lines],
        )
        for entry in entries
        if entry.usage is not None
    ]


def csv_text(records: Iterable[UsageRecordView]) -> str:
    """A row for each line of each record (RFC 4180). No cell is a formula to a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for record in records:
        writer.writerows([_harmless(cell) for cell in row] for row in _rows(record))
    return text.getvalue()


def _rows(record: UsageRecordView) -> Iterator[tuple[str, ...]]:
    for line in record.lines:
        yield (
            record.record_id,
            record.event_id,
            record.call_id or "",
            record.workspace_id,
            record.occurred_at,
            record.settled_at,
            line.feature,
            line.unit,
            line.quantity,
            line.billed,
            line.included,
            line.overage,
            line.pay_as_you_go,
            line.unit_price.amount,
            line.amount.amount,
            line.amount.currency,
        )


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
