"""The seller's books by months: all accounts' entries, summed once, for a trial balance and the revenue.

A month is over on the second day after it: then nothing is posted in it any more. Its sum is kept, and how far a long
one has come: the accounts in the order of their table, and the entries of each in theirs.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from billing.domain.book_month import BookMonth, BooksDiffer, PostingSums, add_postings
from billing.domain.errors import BillingError, InvalidValue
from billing.domain.ledger import LedgerEntry
from billing.domain.month import Month
from billing.domain.statement import is_final
from billing.store.book_months import BookDraft
from billing.store.store import Store

READ_SECONDS: Final = 20.0
"""So long a request sums. The gateway waits 30 seconds."""


class BooksInProgress(BillingError):
    """Months of very many entries are summed over several requests: each keeps what it has summed."""

    code = "books_in_progress"


class _OutOfTime(Exception):
    pass


@dataclass(slots=True)
class BooksExport:
    """`clock` counts seconds, for the time that a request may take."""

    store: Store
    clock: Callable[[], float] = time.monotonic

    def months_until(self, last: Month, now: datetime, *, field: str = "month") -> list[BookMonth]:
        """The books of each month from the first with an account up to `last`, in order.

        Raises InvalidValue, which blames `field`, for a month that has not begun; BooksInProgress: what was summed is
        kept, so ask again.
        """
        if last.start > now:
            raise InvalidValue("has not begun", field=field)
        deadline = self.clock() + READ_SECONDS
        months = _between(self._first(last), last)
        whole = self.store.book_months.whole(months)
        return [whole.get(month) or self._made(month, now, deadline) for month in months]

    def _first(self, last: Month) -> Month:
        """The month of the oldest account, as far as it is not after `last`."""
        born = (Month.of(created_at.date()) for page in self.store.accounts.births() for _, created_at in page)
        return min((last, *born), key=str)

    def _made(self, month: Month, now: datetime, deadline: float) -> BookMonth:
        over = is_final(month, now)
        kept = self.store.book_months.draft(month) if over else BookDraft()
        summing = _Summing(self.store, month, kept, self.clock, deadline)
        try:
            summing.run()
        except _OutOfTime as late:
            if not over:
                raise BooksInProgress("has too many entries to be summed before it is over", field="month") from late
            self.store.book_months.save(month, kept, summing.draft)
            raise BooksInProgress("a part of the months is summed and kept: ask again for the rest") from late
        if over:
            # Where somebody else has kept the month meanwhile, he has the same.
            self.store.book_months.save(month, kept, replace(summing.draft, is_whole=True))
        return BookMonth(month, is_final=over, sums=summing.draft.sums)


@dataclass(slots=True)
class _Summing:
    """The sums of a month, as far as `draft` says. Raises _OutOfTime after a page of entries."""

    store: Store
    month: Month
    draft: BookDraft
    clock: Callable[[], float]
    deadline: float

    def run(self) -> None:
        if self.draft.account_id is not None and self.draft.position is not None:
            self._add(self.draft.account_id)
        for page in self.store.accounts.births(after=self.draft.account_id):
            wallets = self.store.wallets.get_many(account_id for account_id, _ in page)
            for account_id, _ in page:
                wallet = wallets.get(account_id)
                # Who has posted nothing since before the month has posted nothing in it. A row that cannot be read
                # says nothing: the account's entries are read.
                if wallet is None or (wallet.posted_at is not None and wallet.posted_at >= self.month.start):
                    self._add(account_id)

    def _add(self, account_id: str) -> None:
        """The entries of an account, from where the draft says. Raises BooksDiffer where one is missing."""
        after = self.draft.position if self.draft.account_id == account_id else None
        last: LedgerEntry | None = None
        for page in self.store.books.posted(account_id, self.month.start, self.month.end, after=after):
            for _, entry in page:
                if last is not None and entry.sequence != last.sequence + 1:
                    raise BooksDiffer(account_id, last.sequence + 1)
                last = entry
            if page:
                sums = _added(self.draft.sums, [entry for _, entry in page])
                self.draft = replace(self.draft, sums=sums, account_id=account_id, position=page[-1][0])
            self._look_at_the_clock()
        self.draft = replace(self.draft, account_id=account_id, position=None)

    def _look_at_the_clock(self) -> None:
        if self.clock() > self.deadline:
            raise _OutOfTime


def _added(sums: Mapping[str, PostingSums], entries: Sequence[LedgerEntry]) -> dict[str, PostingSums]:
    """By currency."""
    added = dict(sums)
    for currency in {entry.currency for entry in entries}:
        of_currency = [entry for entry in entries if entry.currency == currency]
        added[currency] = add_postings(added.get(currency, ()), of_currency)
    return added


def _between(first: Month, last: Month) -> list[Month]:
    months = [first]
    while months[-1] != last:
        months.append(Month.of(months[-1].end.date()))
    return months
