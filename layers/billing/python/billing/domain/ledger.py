"""The ledger: immutable entries whose postings sum to zero, numbered without gaps, each with the balance after it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from billing.domain.stored import ByPosition
from billing.domain.usage import EventType

EntryKind = Literal[
    "usage",
    "adjustment",
    "credit_grant",
    "grant_expiry",
    "payment",
    "refund",
    "dispute",
    "renewal",
    "plan_change",
    "usage_reset",
    "dispute_hold",
    "replay_marker",
]

PAID_CREDIT = "liability:paid_credit"
PROMOTIONAL_CREDIT = "liability:promotional_credit"
CARD_CLEARING = "asset:card_clearing"
RECEIVABLE = "asset:receivable"
USAGE_REVENUE = "revenue:usage"
SUBSCRIPTION_REVENUE = "revenue:subscription"
PROMOTION_EXPENSE = "expense:promotion"
DISPUTE_EXPENSE = "expense:disputes"


class UnbalancedEntry(AssertionError):
    """A bug: the postings of an entry do not sum to zero."""


EntryCode = Literal[
    "top_up",
    "auto_refill",
    "renewal",
    "plan_change",
    "subscription_started",
    "subscription_changed",
    "not_needed",
    "grant_expired",
    "refund",
    "refund_returned",
    "disputed",
    "dispute_given_back",
    "dispute_corrected",
    "usage_reset",
    "replay_marker",
]
"""What an entry was for, closer than its kind tells. One that a person gave the reason for has none."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A signed movement of one ledger account of the seller's books: credits are positive, debits negative."""

    account: str
    micros: int


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One line of a usage record. Quantities are millionths of the metered unit; the parts add up to `billed`.

    `cost_micros` is what it cost the platform: None where the plan states no unit cost.

    Stored by position: a new field goes last, with a default.
    """

    feature: str
    unit: str
    quantity_millionths: int
    billed_millionths: int
    included_millionths: int
    overage_millionths: int
    pay_as_you_go_millionths: int
    unit_price_micros: int
    amount_micros: int
    cost_micros: int | None = None

    @property
    def bought_millionths(self) -> int:
        """What was priced, since it drew no allowance."""
        return self.billed_millionths - self.included_millionths


@dataclass(frozen=True, slots=True)
class Counted(ByPosition):
    """What had been counted of a feature, in millionths of its metered unit, and how much of it was bought.

    Stored by position: a new field goes last, with a default.
    """

    feature: str
    used_millionths: int
    bought_millionths: int = 0


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Why a usage entry costs what it costs. `dimensions` are what its sender tells calls apart by."""

    event_id: str
    event_type: EventType
    call_id: str | None
    workspace_id: str
    occurred_at: datetime
    plan_id: str
    plan_version: int
    lines: tuple[RatedLine, ...]
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record of money. `amount_micros` is its signed effect on the credit balance.

    Of usage, `fingerprint` is of what the event said, and `rejection_id` of the rejection whose replay was charged.

    What it was for is `usage`, or `code` with its facts (`words/history_texts.py` has the sentence). `description` is
    what a person gave as the reason. Entries of a former release have no code, and a sentence as their description.
    `charged_as` of a replay's marker is the cause of the charge; `counted` is what a reset of usage put to zero.
    """

    cause: str
    account_id: str
    sequence: int
    kind: EntryKind
    amount_micros: int
    balance_after_micros: int
    currency: str
    posted_at: datetime
    description: str
    postings: tuple[Posting, ...]
    usage: UsageRecord | None = None
    by: str | None = None
    fingerprint: str | None = None
    rejection_id: str | None = None
    code: EntryCode | None = None
    charged_as: str | None = None
    counted: tuple[Counted, ...] = ()

    def __post_init__(self) -> None:
        if sum(posting.micros for posting in self.postings) != 0:
            raise UnbalancedEntry(self.cause)

    @property
    def entry_id(self) -> str:
        return entry_id(self.cause)


def adjustment_cause(account_id: str, adjustment_id: str) -> str:
    return f"adjustment:{account_id}:{adjustment_id}"


def grant_cause(account_id: str, grant_id: str) -> str:
    return f"grant:{account_id}:{grant_id}"


def usage_reset_cause(account_id: str, reset_id: str) -> str:
    return f"usage_reset:{account_id}:{reset_id}"


def entry_id(cause: str) -> str:
    """The public id of the entry with this cause: stable, and says nothing about the cause."""
    return "le_" + hashlib.sha256(cause.encode()).hexdigest()[:24]


def make_postings(*movements: tuple[str, int]) -> tuple[Posting, ...]:
    """Postings of the movements that are not zero, by the names of their accounts: they are stored as a map."""
    return tuple(Posting(account, micros) for account, micros in sorted(movements) if micros)
