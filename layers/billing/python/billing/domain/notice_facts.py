"""What each notice says: one value of typed facts for each type, without a word of how they are written.

A class's docstring and its fields' metadata are the descriptions and limits of the schemas in events/bus/. The fields'
order is the order on the wire. A new field goes last and has a default: events of the former release do not state it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from billing.domain.complete import complete
from billing.domain.document import DocumentKind
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.notice_types import NOTICE_TYPES, NoticeType
from billing.domain.transaction import CardFace, PaymentKind, TransactionKind
from billing.domain.wallet import AccountStatus, LockedBy


def _in_words() -> Any:  # noqa: ANN401  a field, as dataclasses' own `field` returns one
    """What `code` says in words: the domain leaves it out, and whoever tells the notice puts it in."""
    return field(default=None, metadata={"description": "`code` in words for the customer, in English."})


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFacts:
    """The account whose wallet changed, and what it has after the change."""

    type: ClassVar[NoticeType]
    account_id: str
    balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFacts(WalletFacts):
    """What an account may do now, and what it was before."""

    status: AccountStatus
    previous_status: AccountStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPaused(StandingFacts):
    """The balance became negative, or a lock was lifted while it is: new calls are refused."""

    type: ClassVar[NoticeType] = "account.paused"
    status: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResumed(StandingFacts):
    """Calls may start again: the balance is above zero, or a lock was lifted."""

    type: ClassVar[NoticeType] = "account.resumed"
    status: Literal["active"] = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLocked(StandingFacts):
    """No call may start, whatever the balance."""

    type: ClassVar[NoticeType] = "account.locked"
    status: Literal["locked"] = "locked"
    locked_by: LockedBy
    lock_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLow(WalletFacts):
    """The balance fell below a threshold that the customer set: the lowest of those it fell through."""

    type: ClassVar[NoticeType] = "balance.low"
    threshold: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoRefillSuspended(WalletFacts):
    """No refill starts until a payment succeeds or the default card changes."""

    type: ClassVar[NoticeType] = "auto_refill.suspended"
    code: str
    reason: str | None = _in_words()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFacts(WalletFacts):
    """The period of a subscription that a notice is about."""

    plan_id: str
    plan_version: int = field(metadata={"minimum": 1})
    period_start: datetime
    period_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceLow(PeriodFacts):
    """An included quantity is used to 80 %, or all of it. Told once each a period. A call is then paid from credit."""

    type: ClassVar[NoticeType] = "allowance.low"
    feature: str
    percent: int = field(metadata={"minimum": 80, "maximum": 100})
    included: str = field(metadata={"description": "In the plan's priced unit, as a decimal."})


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRenewed(PeriodFacts):
    """A period began, and is paid or costs nothing. Told once a period."""

    type: ClassVar[NoticeType] = "subscription.renewed"
    charged: bool = field(
        metadata={
            "description": "Whether a card was charged for it: then payment.succeeded tells of it. "
            "A month that was paid from credit was not."
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPastDue(PeriodFacts):
    """A renewal could not be paid. Told at each failed try, with the charge that failed. If there was no card to ask,
    it names the last charge that failed. Without a next try the account is locked.
    """

    type: ClassVar[NoticeType] = "subscription.past_due"
    attempts: int = field(metadata={"minimum": 1})
    next_attempt_at: datetime | None
    transaction_id: str = field(metadata={"description": "The charge that failed; payment.failed tells of it, too."})
    amount: Money
    card: CardFace | None = field(metadata={"description": "Null if there is none, or if it is not known."})
    code: str | None
    reason: str | None = _in_words()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCanceled(PeriodFacts):
    """The subscription ended."""

    type: ClassVar[NoticeType] = "subscription.canceled"
    ended_at: datetime = field(
        metadata={"description": "The period's end, or the moment of the cancellation if the period was not paid."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFacts:
    """Money that moved: by card, or as an `adjustment` by another way, which a person recorded."""

    type: ClassVar[NoticeType]
    account_id: str
    transaction_id: str
    kind: TransactionKind
    amount: Money
    card: CardFace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFacts(MoneyFacts):
    """A payment by card."""

    type: ClassVar[NoticeType]
    kind: PaymentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded(MoneyFacts):
    """Money arrived: from a card, or by another way as an `adjustment` that says so."""

    type: ClassVar[NoticeType] = "payment.succeeded"
    period_start: datetime | None = field(
        metadata={
            "description": "The month that a renewal paid. Null of any other payment, "
            "and if nobody waited for the month any more."
        }
    )
    period_end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(PaymentFacts):
    """A card was not charged."""

    type: ClassVar[NoticeType] = "payment.failed"
    code: str | None
    reason: str | None = _in_words()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(PaymentFacts):
    """A payment was given back, whole or in part. Told once a refund. A credit note follows (`receipt.issued`)."""

    type: ClassVar[NoticeType] = "payment.refunded"
    refund_id: str
    refunded: Money = field(metadata={"description": "What this refund gives back; `amount` is what was paid."})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptIssued(MoneyFacts):
    """A document was issued: the receipt of a payment, or the credit note of a refund. Its PDF can be fetched.

    `amount` is what was paid, or given back.
    """

    type: ClassVar[NoticeType] = "receipt.issued"
    document: DocumentKind
    number: str = field(metadata={"description": "As printed, such as TT-2026-000123 or TT-CN-2026-000007."})
    receipt_number: str | None = field(metadata={"description": "The receipt that a credit note belongs to."})
    moved_at: datetime = field(metadata={"description": "When the money was paid, or given back."})
    issued_at: datetime
    period_start: datetime | None = field(metadata={"description": "The month that a renewal paid, else null."})
    period_end: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOpened(PaymentFacts):
    """The cardholder's bank took a payment back until the dispute is decided."""

    type: ClassVar[NoticeType] = "dispute.opened"
    dispute_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardExpiring:
    """A card expires within 30 days, or within 7. `expires` is the last month in which it is good."""

    type: ClassVar[NoticeType] = "card.expiring"
    account_id: str
    payment_method_id: str
    card: CardFace
    expires: Month
    days_left: int = field(metadata={"minimum": 0, "maximum": 30})


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRejected:
    """Events could not be charged and are kept. Told once a code and hour (UTC), with the first of them that was heard
    of: there may be more. GET /v1/rejected-events lists all.
    """

    type: ClassVar[NoticeType] = "usage.rejected"
    rejection_id: str = field(metadata={"pattern": "^[0-9a-f]{32}$"})
    event_id: str | None
    account_id: str | None = field(metadata={"description": "The account that the sender's key is bound to, if any."})
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointDisabled:
    """An endpoint took nothing for three days, or said that it is gone. It is told of nothing more until it is
    enabled.
    """

    type: ClassVar[NoticeType] = "webhook_endpoint.disabled"
    endpoint_id: str = field(metadata={"pattern": "^we_[0-9a-f]{24}$"})
    url: str
    reason: str


Facts: TypeAlias = (
    AccountPaused
    | AccountResumed
    | AccountLocked
    | BalanceLow
    | AllowanceLow
    | PaymentSucceeded
    | PaymentFailed
    | PaymentRefunded
    | ReceiptIssued
    | AutoRefillSuspended
    | SubscriptionRenewed
    | SubscriptionPastDue
    | SubscriptionCanceled
    | CardExpiring
    | DisputeOpened
    | UsageRejected
    | WebhookEndpointDisabled
)

FACTS: Mapping[NoticeType, type[Facts]] = complete({each.type: each for each in get_args(Facts)}, NOTICE_TYPES)
"""The facts of each type."""
