"""Credit on the wire: adjustments, grants, and the entries of the ledger."""

from typing import ClassVar

from pydantic import Field

from billing.domain.instants import format_instant
from billing.domain.ledger import EntryCode, EntryKind, LedgerEntry
from billing.web.values import Amount, Body, Example, Moment, MoneyView, Name, Reason, SignedAmount, View
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


class LedgerPage(View):
    """Newest first."""

    items: list[LedgerEntryView]
    next_cursor: str | None
