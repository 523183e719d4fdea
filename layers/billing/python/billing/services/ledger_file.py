"""The ledger as a file: as many entries as a file holds, or the parts of the range that each make one.

Entries are numbered without gaps, so that the last one before a moment says how many there were.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day

from billing.domain.ledger import LedgerEntry
from billing.domain.month import Month
from billing.services.adjust_balance import digest
from billing.services.file_parts import Part, TooManyLines
from billing.store.paging import cursor_at, place_at
from billing.store.store import Store

READ_SECONDS = 15.0
"""So long a request reads. The gateway waits 30 seconds, and the file is made after it."""


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """Entries, the first posted first, and the cursor behind the last of them where more are to come."""

    entries: list[LedgerEntry]
    next_cursor: str | None


@dataclass(slots=True)
class LedgerFiles:
    """`most_lines` is what a file holds. `clock` counts seconds, for the time that a request may take."""

    store: Store
    most_lines: int
    clock: Callable[[], float] = time.monotonic

    def file(self, account_id: str, start: datetime | None, end: datetime | None, cursor: str | None) -> LedgerFile:
        """Entries posted in [start, end), from where a cursor says.

        Raises TooManyLines for a range of several days that has more of them than a file holds, InvalidValue for a
        cursor of another range.
        """
        query = digest("ledger file", account_id, str(start), str(end))
        after = place_at(cursor, query)
        if after is None:
            self._require_few(account_id, start, end)
        deadline = self.clock() + READ_SECONDS
        taken: list[LedgerEntry] = []
        for page in self.store.books.posted(account_id, start, end, after=after):
            for position, entry in page:
                if after is not None and len(taken) == self.most_lines:
                    return LedgerFile(taken, cursor_at(query, after))
                taken.append(entry)
                after = position
            if after is not None and self.clock() > deadline:
                return LedgerFile(taken, cursor_at(query, after))
        return LedgerFile(taken, None)

    def _require_few(self, account_id: str, start: datetime | None, end: datetime | None) -> None:
        before, last = self._sequence(account_id, start), self.store.books.last_before(account_id, end)
        if last is None or last.sequence - before <= self.most_lines:
            return
        first = next(self.store.books.posted(account_id, start, end))[0][1]
        days = first.posted_at.date(), last.posted_at.date()
        if days[0] != days[1]:
            raise TooManyLines(self._units(account_id, *days, before, last.sequence), self.most_lines)

    def _units(self, account_id: str, first: date, last: date, before: int, until: int) -> Iterator[Part]:
        """Months, and the days of a month that has more than a file holds."""
        month, reached = Month.of(first), before
        while month.start.date() <= last:
            last_day = min(month.last_day, last)
            there = until if last_day == last else self._sequence(account_id, month.end)
            if there - reached > self.most_lines:
                yield from self._days(account_id, max(first, month.start.date()), last_day, reached)
            elif there > reached:
                yield Part(max(first, month.start.date()), last_day, there - reached)
            month, reached = Month.of(month.last_day + timedelta(days=1)), there

    def _days(self, account_id: str, first: date, last: date, before: int) -> Iterator[Part]:
        day, reached = first, before
        while day <= last:
            there = self._sequence(account_id, _start(day + timedelta(days=1)))
            if there > reached:
                yield Part(day, day, there - reached)
            day, reached = day + timedelta(days=1), there

    def _sequence(self, account_id: str, moment: datetime | None) -> int:
        """Of the last entry that was posted before; 0 where there is none."""
        last = None if moment is None else self.store.books.last_before(account_id, moment)
        return 0 if last is None else last.sequence


def _start(day: date) -> datetime:
    return datetime.combine(day, time_of_day(), UTC)
