"""The ledger: immutable entries whose postings sum to zero, numbered without gaps, each with the balance after it."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from billing.domain.instants import format_instant
from billing.domain.stored import ByPosition
from billing.domain.usage import EventType

_ENTRY_ID = "le_"
_SEQUENCE_DIGITS = 12
_POSITION = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z#[0-9]{12}", re.ASCII)

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
    "void",
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
class Drawn(ByPosition):
    """What a charge took of promotional credit.

    Stored by position: a new field goes last, with a default.
    """

    grant_id: str
    micros: int
    expires_at: datetime


CountedIn = Literal["previous", "none"]
"""Where usage was counted, if not in the period that held when it was posted: in the one before, or in none."""


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
    counted_in: CountedIn | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record of money. `amount_micros` is its signed effect on the credit balance.

    Of usage, `fingerprint` is of what the event said, and `rejection_id` of the rejection whose replay was charged.

    What it was for is `usage`, or `code` with its facts (`words/history_texts.py` has the sentence). `description` is
    what a person gave as the reason. Entries of a former release have no code, and a sentence as their description.
    `charged_as` of a replay's marker is the cause of the charge; `counted` is what a reset of usage put to zero.
    `drawn` is the promotional credit that a charge took. The usage of a void is that of its charge, below zero.
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
    drawn: tuple[Drawn, ...] = ()

    def __post_init__(self) -> None:
        if sum(posting.micros for posting in self.postings) != 0:
            raise UnbalancedEntry(self.cause)

    @property
    def position(self) -> str:
        """Where it stands among its account's entries: its moment and its number, both rising together."""
        return f"{format_instant(self.posted_at)}#{self.sequence:0{_SEQUENCE_DIGITS}d}"

    @property
    def entry_id(self) -> str:
        """Its public id: by its position, so that one query finds it."""
        return f"{_ENTRY_ID}{base64.urlsafe_b64encode(self.position.encode()).decode().rstrip('=')}"


def adjustment_cause(account_id: str, adjustment_id: str) -> str:
    return f"adjustment:{account_id}:{adjustment_id}"


def grant_cause(account_id: str, grant_id: str) -> str:
    return f"grant:{account_id}:{grant_id}"


def usage_reset_cause(account_id: str, reset_id: str) -> str:
    return f"usage_reset:{account_id}:{reset_id}"


def void_cause(cause: str) -> str:
    """The cause of the entry that voids a charge: a charge is voided once."""
    return f"void:{cause}"


def position_of(entry_id: str) -> str | None:
    """The position that a public id stands for; None where it is none."""
    text = entry_id.removeprefix(_ENTRY_ID)
    try:
        position = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return position if _POSITION.fullmatch(position) else None


def make_postings(*movements: tuple[str, int]) -> tuple[Posting, ...]:
    """Postings of the movements that are not zero, by the names of their accounts: they are stored as a map."""
    return tuple(Posting(account, micros) for account, micros in sorted(movements) if micros)
