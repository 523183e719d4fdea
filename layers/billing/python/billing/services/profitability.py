"""Profitability: what each account paid for usage in a range, against what it cost the platform."""

import time
from collections.abc import Callable
from datetime import datetime

from billing.domain.account_search import AccountSearch
from billing.domain.profitability import Profit, profit_of
from billing.domain.usage_report import Days, UsageQuestion, total_of
from billing.services.find_accounts import FoundAccount, find_accounts
from billing.services.usage_report import READ_SECONDS, OutOfTime, UsageInProgress, UsageReading
from billing.store.paging import Listing
from billing.store.store import Store


def profits(
    store: Store,
    days: Days,
    limit: int,
    cursor: str | None,
    now: datetime,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Listing[Profit]:
    """Of a page of all accounts, by their names. Raises InvalidValue, RangeTooLong, UsageInProgress."""
    question = UsageQuestion(days, "month")
    page = find_accounts(store, AccountSearch(), limit, cursor, now)
    deadline = clock() + READ_SECONDS

    def of(found: FoundAccount) -> Profit:
        account = found.account
        reading = UsageReading(store, account.account_id, now, clock, deadline)
        total = total_of(reading.sums(question, question.parts))
        return profit_of(account.account_id, account.name, account.currency, total)

    try:
        return Listing([of(each) for each in page.items], page.next_cursor)
    except OutOfTime as late:
        raise UsageInProgress("a part of the months is summed and kept: ask again, or for fewer accounts") from late
