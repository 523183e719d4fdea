"""Credit on the wire: adjustments, grants, and the entries of the ledger."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import Field

from billing.api.spans import SpanQuery, link_to
from billing.domain.book_month import BOOKS
from billing.domain.decimals import format_millionths
from billing.domain.instants import format_instant
from billing.domain.ledger import EntryCode, EntryKind, LedgerEntry
from billing.web.values import (
    Amount,
    Body,
    Cursor,
    Example,
    Moment,
    MoneyView,
    Name,
    PageLimit,
    Reason,
    SignedAmount,
    View,
)
from billing.words.history_texts import say_entry


class AdjustmentBody(Body):
    """`amount` in the account's currency, negative to take credit away; `by` is who answers for it."""

    example: ClassVar[Example] = {"amount": "500.00", "reason": "wire 4711", "by": "ops@example.com"}

    amount: SignedAmount
    reason: Reason
    by: Name
    received: bool = Field(default=False, description="it is money that came by another way: it gets a receipt")


class CreditGrantBody(Body):
    """Promotional credit, spent before paid credit and gone at `expires_at`."""

    example: ClassVar[Example] = {"amount": "10.00", "expires_at": "2027-01-31T00:00:00Z", "reason": "welcome"}

    amount: Amount
    expires_at: Moment
    reason: Reason


class PostingView(View):
    """A movement of one account of the seller's books: credits are positive, debits negative."""

    account: str
    amount: MoneyView


class LedgerEntryView(View):
    """`amount` is the signed effect on the balance. The postings sum to zero, and are ordered by their accounts."""

    entry_id: str
    sequence: int
    kind: EntryKind
    amount: MoneyView
    balance_after: MoneyView
    posted_at: str
    cause: str
    code: EntryCode | None = Field(
        description="what it was for, stable; null of usage, of what a person gave the reason for, and in entries of "
        "an earlier release"
    )
    description: str = Field(description="what it was for, in a sentence; the reason, if a person gave one")
    by: str | None = Field(description="who answers for an adjustment; null for other kinds")
    postings: list[PostingView]

    @classmethod
    def of(cls, entry: LedgerEntry) -> "LedgerEntryView":
        return cls(
            entry_id=entry.entry_id,
            sequence=entry.sequence,
            kind=entry.kind,
            amount=MoneyView.of(entry.amount_micros, entry.currency),
            balance_after=MoneyView.of(entry.balance_after_micros, entry.currency),
            posted_at=format_instant(entry.posted_at),
            cause=entry.cause,
            code=entry.code,
            description=say_entry(entry),
            by=entry.by,
            postings=[
                PostingView(account=posting.account, amount=MoneyView.of(posting.micros, entry.currency))
                for posting in entry.postings
            ],
        )


class LedgerQuery(SpanQuery):
    """Entries posted in the span, and how many: a file has as many as it holds."""

    limit: PageLimit | None = None
    cursor: Cursor | None = None

    def link_to(self, cursor: str) -> str:
        """The same query from `cursor` on, as a relative reference."""
        return link_to(cursor, self, {})


class LedgerPage(View):
    """Newest first."""

    items: list[LedgerEntryView]
    next_cursor: str | None


LEDGER_COLUMNS = (
    "entry_id",
    "sequence",
    "posted_at",
    "kind",
    "code",
    "description",
    "by",
    "cause",
    "amount",
    "balance_after",
    "currency",
    *BOOKS,
)


def ledger_rows(entries: Iterable[LedgerEntry]) -> Iterator[tuple[str, ...]]:
    """A row for each entry. What it posts to each account of the books adds up to zero."""
    for entry in entries:
        posted = {posting.account: posting.micros for posting in entry.postings}
        yield (
            entry.entry_id,
            str(entry.sequence),
            format_instant(entry.posted_at),
            entry.kind,
            entry.code or "",
            say_entry(entry),
            entry.by or "",
            entry.cause,
            format_millionths(entry.amount_micros, fixed=True),
            format_millionths(entry.balance_after_micros, fixed=True),
            entry.currency,
            *(format_millionths(posted.get(account, 0), fixed=True) for account in BOOKS),
        )
