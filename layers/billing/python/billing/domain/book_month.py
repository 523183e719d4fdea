"""The seller's books of a month: what all entries post to each of its accounts, and what of that is revenue.

Credits are positive and debits negative, as in each posting. All postings of a month add up to zero, so that a trial
balance does, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from billing.domain.complete import complete
from billing.domain.ledger import (
    CARD_CLEARING,
    DISPUTE_EXPENSE,
    PAID_CREDIT,
    PROMOTION_EXPENSE,
    PROMOTIONAL_CREDIT,
    RECEIVABLE,
    SUBSCRIPTION_REVENUE,
    USAGE_REVENUE,
    EntryKind,
    LedgerEntry,
)
from billing.domain.month import Month
from billing.domain.stored import ByPosition

BOOKS: Final = (
    PAID_CREDIT,
    PROMOTIONAL_CREDIT,
    CARD_CLEARING,
    RECEIVABLE,
    USAGE_REVENUE,
    SUBSCRIPTION_REVENUE,
    PROMOTION_EXPENSE,
    DISPUTE_EXPENSE,
)
"""The accounts, in the order in which they are listed."""

RevenueLine = Literal["usage", "subscription", "promotion", "refunds", "disputes"]
REVENUE_LINES: Final[tuple[RevenueLine, ...]] = get_args(RevenueLine)

_OF_ACCOUNT: Final[Mapping[str, RevenueLine]] = {
    USAGE_REVENUE: "usage",
    SUBSCRIPTION_REVENUE: "subscription",
    PROMOTION_EXPENSE: "promotion",
    DISPUTE_EXPENSE: "disputes",
}
_OF_KIND: Final[Mapping[EntryKind, RevenueLine | None]] = complete(
    {
        "usage": None,
        "adjustment": None,
        "credit_grant": None,
        "grant_expiry": None,
        "payment": None,
        "refund": "refunds",
        "dispute": "disputes",
        "renewal": None,
        "plan_change": None,
        "usage_reset": None,
        "dispute_hold": None,
        "replay_marker": None,
        "void": None,
    },
    get_args(EntryKind),
)
"""What takes revenue back has a line of its own; of the others their account says the line."""


class BooksDiffer(AssertionError):
    """A bug: the books of a month do not balance."""


@dataclass(frozen=True, slots=True)
class PostingSum(ByPosition):
    """What entries of a kind post to an account: debits and credits, both not negative.

    Stored by position: a new field goes last, with a default.
    """

    kind: EntryKind
    account: str
    debit_micros: int = 0
    credit_micros: int = 0

    @property
    def net_micros(self) -> int:
        return self.credit_micros - self.debit_micros


PostingSums = tuple[PostingSum, ...]


@dataclass(frozen=True, slots=True)
class TrialLine:
    """An account of the books in a month. What it closes with is what it opened with, and credits less debits."""

    account: str
    opening_micros: int
    debit_micros: int
    credit_micros: int

    @property
    def closing_micros(self) -> int:
        return self.opening_micros + self.credit_micros - self.debit_micros


@dataclass(frozen=True, slots=True)
class BookMonth:
    """The postings of all accounts in a month, by currency. `is_final`: nothing is posted in it any more."""

    month: Month
    is_final: bool
    sums: Mapping[str, PostingSums]

    def __post_init__(self) -> None:
        for currency, sums in self.sums.items():
            if sum(each.net_micros for each in sums) != 0:
                raise BooksDiffer(str(self.month), currency)

    def revenue(self, currency: str) -> dict[RevenueLine, int]:
        """What was earned, by what for; costs and what was taken back are negative. The sum is the month's result."""
        lines = dict.fromkeys(REVENUE_LINES, 0)
        for each in self.sums.get(currency, ()):
            line = _OF_ACCOUNT.get(each.account)
            if line is not None:
                lines[_OF_KIND[each.kind] or line] += each.net_micros
        return lines


def add_postings(sums: PostingSums, entries: Iterable[LedgerEntry]) -> PostingSums:
    return add_sums(
        sums,
        (
            PostingSum(entry.kind, each.account, max(0, -each.micros), max(0, each.micros))
            for entry in entries
            for each in entry.postings
        ),
    )


def add_sums(sums: PostingSums, more: Iterable[PostingSum]) -> PostingSums:
    """In whatever order; the sums are ordered by account and kind."""
    added = {(each.account, each.kind): each for each in sums}
    for each in more:
        known = added.get((each.account, each.kind))
        if known is not None:
            each = replace(  # noqa: PLW2901
                known,
                debit_micros=known.debit_micros + each.debit_micros,
                credit_micros=known.credit_micros + each.credit_micros,
            )
        added[each.account, each.kind] = each
    return tuple(added[key] for key in sorted(added))


def trial_balance(before: Sequence[BookMonth], month: BookMonth, currency: str) -> list[TrialLine]:
    """Each account of the books in a month; `before` are all months before it."""
    opening = [each for earlier in before for each in earlier.sums.get(currency, ())]
    within = month.sums.get(currency, ())
    accounts = {each.account for each in (*opening, *within)}
    return [
        TrialLine(
            account,
            sum(each.net_micros for each in opening if each.account == account),
            sum(each.debit_micros for each in within if each.account == account),
            sum(each.credit_micros for each in within if each.account == account),
        )
        for account in (*(each for each in BOOKS if each in accounts), *sorted(accounts - set(BOOKS)))
    ]
