"""Usage lines as a file: as many as a file holds, or the parts of the range that each make one.

The days' counters know how many lines a range has. So the parts are exact before anything is read, and reading stops
with the last line: entries that were posted later are not looked through for what they do not hold.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Final

from billing.domain.daily_usage import LINES, DayUse, counter
from billing.domain.errors import InvalidValue
from billing.domain.ledger import LedgerEntry
from billing.domain.usage import CLOCK_TOLERANCE
from billing.services.adjust_balance import digest
from billing.services.file_parts import Part, TooManyLines
from billing.store.paging import cursor_at, place_at
from billing.store.store import Store
from billing.store.usage_records import UsageFilter

READ_SECONDS = 15.0
"""So long a request reads. The gateway waits 30 seconds, and the file is made after it."""
_FIRST_DAY: Final = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class UsageFile:
    """Entries, the first posted first, and the cursor behind the last of them where more are to come."""

    entries: list[LedgerEntry]
    next_cursor: str | None


@dataclass(slots=True)
class UsageFiles:
    """`most_lines` is what a file holds. `clock` counts seconds, for the time that a request may take."""

    store: Store
    most_lines: int
    clock: Callable[[], float] = time.monotonic

    def file(self, account_id: str, wanted: UsageFilter, cursor: str | None, now: datetime) -> UsageFile:
        """The usage that a filter lets through, from where a cursor says.

        Raises TooManyLines for a range of several days that has more lines than a file holds, InvalidValue for a
        cursor of another range.
        """
        query = digest("usage file", account_id, *map(str, _facts(wanted)))
        first, last = _days(wanted, now)
        if last < first:
            return UsageFile([], None)
        if cursor is None:
            left, after = self._lines(account_id, wanted, first, last), None
        else:
            left, after = _parse_place(place_at(cursor, query))
        # Whole days, as they were counted, and all dimensions: then it is known when the last line was read.
        covering = replace(
            wanted, occurred_from=_start(first), occurred_to=_start(last + timedelta(days=1)), dimension=None
        )
        deadline = self.clock() + READ_SECONDS
        taken: list[LedgerEntry] = []
        held = 0
        pages = self.store.usage_records.oldest_first(account_id, covering, after=after) if left else iter(())
        for page, reached in pages:
            for position, entry in page:
                own = _lines_of(entry, wanted.feature)
                if _lets_through(wanted, entry):
                    if held + own > self.most_lines:
                        return UsageFile(taken, cursor_at(query, _place_of(left, after)))
                    taken.append(entry)
                    held += own
                left, after = left - own, position
            if left <= 0:
                break
            if reached is not None and self.clock() > deadline:
                return UsageFile(taken, cursor_at(query, _place_of(left, reached)))
        return UsageFile(taken, None)

    def _lines(self, account_id: str, wanted: UsageFilter, first: date, last: date) -> int:
        """How many lines the days have. Raises TooManyLines."""
        lines = self._lines_by_day(account_id, wanted, first, last)
        expected = sum(lines.values())
        if expected > self.most_lines and len(lines) > 1:
            days = [Part(date.fromisoformat(day), date.fromisoformat(day), own) for day, own in sorted(lines.items())]
            raise TooManyLines(days, self.most_lines)
        return expected

    def _lines_by_day(self, account_id: str, wanted: UsageFilter, first: date, last: date) -> dict[str, int]:
        lines: dict[str, int] = {}
        for page in self.store.daily_usage.between(account_id, first, last):
            for day, use in page:
                if not wanted.workspaces or day.workspace_id in wanted.workspaces:
                    own = _counted(use, wanted.feature)
                    lines[day.day] = lines.get(day.day, 0) + own
        return {day: own for day, own in lines.items() if own}


def _counted(use: DayUse, feature: str | None) -> int:
    if feature is not None:
        return use.counters[counter(feature, LINES)]
    ends = counter("", LINES)
    return sum(value for name, value in use.counters.items() if name.endswith(ends))


def _lines_of(entry: LedgerEntry, feature: str | None) -> int:
    usage = entry.usage
    return 0 if usage is None else sum(feature in {None, line.feature} for line in usage.lines)


def _lets_through(wanted: UsageFilter, entry: LedgerEntry) -> bool:
    usage = entry.usage
    if usage is None:
        return False
    if wanted.occurred_from is not None and usage.occurred_at < wanted.occurred_from:
        return False
    if wanted.occurred_to is not None and usage.occurred_at >= wanted.occurred_to:
        return False
    return wanted.dimension is None or usage.dimensions.get(wanted.dimension[0]) == wanted.dimension[1]


def _place_of(left: int, position: str | None) -> str:
    """Where a file goes on: how many lines of its range are left, behind which position."""
    return f"{left} {position or ''}"


def _parse_place(text: str | None) -> tuple[int, str]:
    left, _, position = (text or "").partition(" ")
    if not left.isdecimal() or not position:
        raise InvalidValue("is not a cursor of this list", field="cursor")
    return int(left), position


def _days(wanted: UsageFilter, now: datetime) -> tuple[date, date]:
    """The days that hold the range."""
    last = wanted.occurred_to
    return (
        _FIRST_DAY if wanted.occurred_from is None else wanted.occurred_from.date(),
        (now + CLOCK_TOLERANCE).date() if last is None else (last - timedelta(microseconds=1)).date(),
    )


def _start(day: date) -> datetime:
    return datetime.combine(day, time_of_day(), UTC)


def _facts(wanted: UsageFilter) -> tuple[object, ...]:
    return wanted.occurred_from, wanted.occurred_to, wanted.workspaces, wanted.feature, wanted.dimension
