"""Make a monthly statement: read it where it is kept, else sum the month's entries."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.account import Account
from billing.domain.document import customer_of, languages_of, seller_of
from billing.domain.errors import BillingError, NotFound
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.ledger import LedgerEntry
from billing.domain.month import Month
from billing.domain.statement import (
    Statement,
    StatementDiffers,
    Sums,
    add,
    is_final,
    money_by_hand,
    name_usage,
    with_documents,
)
from billing.domain.transaction import Transaction
from billing.services.accounts import find_account
from billing.store.statements import Draft
from billing.store.store import Store
from billing.store.transactions import HistoryFilter

READ_SECONDS = 12.0
"""So long a request sums. The gateway waits 30 seconds, and a PDF and a cold start take their part."""
_SETTLED_AFTER = timedelta(hours=1)
"""What was posted so long ago stands in the index, and nothing is posted before it any more: a draft may hold it."""
_WORTH_KEEPING = 2_000
"""Entries that are read in a second or so. A month with fewer is summed anew each time, until it is final."""
_A_PAGE = 100
_PAID_WITHIN = timedelta(days=45)
"""A bank debit takes some days, so that the payment of a month may have been asked for in the month before."""


class StatementNotFound(NotFound):
    code = "statement_not_found"


class StatementInProgress(BillingError):
    """A month with very many entries is summed over several requests."""

    code = "statement_in_progress"


@dataclass(slots=True)
class StatementMaker:
    """`clock` counts seconds, for the time that a request may take."""

    store: Store
    clock: Callable[[], float] = time.monotonic

    def statement(self, account_id: str, month: Month, now: datetime) -> Statement:
        """The statement of a month: kept for ever from the second day after it on, and as of now before that.

        Raises AccountNotFound; StatementNotFound for a month that has not begun, or before the account's;
        StatementInProgress: what was summed is kept, so ask again.
        """
        account = find_account(self.store, account_id)
        if month.start > now or month.end <= account.created_at:
            raise StatementNotFound(f"{account_id} has no statement of {month}")
        kept = self.store.statements.get(account_id, month)
        if kept is not None:
            return kept
        before = self.store.books.last_before(account_id, month.start)
        made = self._made(account, month, before, self._sum(account_id, month, before, now), now)
        return self.store.statements.keep(made) if made.is_final else made

    def _made(self, account: Account, month: Month, before: LedgerEntry | None, sums: Sums, now: datetime) -> Statement:
        seller = self.store.sellers.get(account.seller_id)
        opening = 0 if before is None else before.balance_after_micros
        history = self._history(account.account_id, month, sums) if sums.entries else []
        documents = self.store.receipts.of_history(history).values()
        plans = self.store.plans.get_many({(line.plan_id, line.plan_version) for line in sums.usage})
        return Statement(
            account_id=account.account_id,
            currency=account.currency,
            month=month,
            # Without a seller nobody can have issued it.
            is_final=is_final(month, now) and seller is not None,
            # As it is stored, to the millisecond: the first answer is the one of all later ones.
            made_at=parse_stored_instant(format_instant(now)),
            opening_micros=opening,
            closing_micros=opening if sums.closing_micros is None else sums.closing_micros,
            movements={code: amount for code, amount in sums.movements.items() if amount},
            money=with_documents((*sums.money, *money_by_hand(history, month)), documents),
            subscription=sums.subscription,
            usage=name_usage(sums.usage, plans),
            customer=customer_of(account),
            seller=None if seller is None else seller_of(seller),
            languages=languages_of(account, seller),
        )

    def _sum(self, account_id: str, month: Month, before: LedgerEntry | None, now: datetime) -> Sums:
        """The sums of the month's entries until now, from where an earlier request left off."""
        began, kept = self.clock(), self.store.statements.draft(account_id, month)
        draft, sums = kept, kept.sums
        reached = (0 if before is None else before.sequence) + sums.entries
        for page in self.store.books.posted(account_id, month.start, month.end, after=draft.position):
            there = _in_sequence(page, reached, now)
            settled = [(position, entry) for position, entry in there if entry.posted_at < now - _SETTLED_AFTER]
            sums = add(sums, (entry for _, entry in settled), month)
            if settled:
                draft = Draft(sums, settled[-1][0])
            sums = add(sums, (entry for _, entry in there[len(settled) :]), month)
            reached += len(there)
            if len(there) < len(page):
                break
            if self.clock() - began > READ_SECONDS:
                self.store.statements.save_draft(account_id, month, draft)
                raise StatementInProgress(f"{draft.sums.entries} entries are summed: ask again for the rest")
        if draft.sums.entries - kept.sums.entries >= _WORTH_KEEPING:
            self.store.statements.save_draft(account_id, month, draft)
        return sums

    def _history(self, account_id: str, month: Month, sums: Sums) -> list[Transaction]:
        """The transactions whose money may have moved in the month. What is refunded may be of any age."""
        is_refunded = any(line.kind == "refund" for line in sums.money)
        since = None if is_refunded else month.start - _PAID_WITHIN
        wanted, cursor = HistoryFilter(created_from=since, created_to=month.end), None
        history: list[Transaction] = []
        while True:
            page = self.store.transactions.page(account_id, _A_PAGE, cursor, wanted)
            history += page.items
            cursor = page.next_cursor
            if cursor is None:
                return history


def _in_sequence(
    page: Sequence[tuple[str, LedgerEntry]], reached: int, now: datetime
) -> Sequence[tuple[str, LedgerEntry]]:
    """The entries of a page that follow each other: the index may show one before those that were posted before it.

    Raises StatementDiffers where one is missing that was posted long ago.
    """
    for place, (_, entry) in enumerate(page):
        if entry.sequence != reached + place + 1:
            if entry.posted_at < now - _SETTLED_AFTER:
                raise StatementDiffers(entry.account_id, reached + place + 1)
            return page[:place]
    return page
