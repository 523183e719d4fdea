"""Cards, top-ups, auto-refill and the billing history on the wire."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from billing.api.spans import SpanQuery, link_to
from billing.domain.card import Card
from billing.domain.decimals import format_millionths
from billing.domain.declines import Failure
from billing.domain.document import Document
from billing.domain.instants import format_instant
from billing.domain.refill_advice import advise, waits_for_month
from billing.domain.refill_settings import RefillSettings
from billing.domain.tax import TaxLine
from billing.domain.transaction import (
    DisputeStatus,
    LineCode,
    Transaction,
    TransactionKind,
    TransactionLine,
    TransactionStatus,
)
from billing.domain.wallet import Refill, Wallet
from billing.services.documents import Documents
from billing.store.transactions import HistoryFilter
from billing.web.operations import FailureView
from billing.web.values import (
    Amount,
    Body,
    Cursor,
    Example,
    MoneyView,
    PageLimit,
    PaymentMethodId,
    ReturnUrl,
    View,
)
from billing.words.history_texts import say_line
from billing.words.refill_texts import say_advice


class NewCardBody(Body):
    """Stripe's page sends the customer back to `return_url`. Without one, the deployment's own is taken."""

    return_url: ReturnUrl | None = None


class HostedPageView(View):
    """Stripe's page: send the customer there."""

    url: str


class DefaultCardView(View):
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int

    @classmethod
    def of(cls, card: Card | None) -> "DefaultCardView | None":
        if card is None:
            return None
        return cls(
            payment_method_id=card.payment_method_id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
        )


class CardView(View):
    """A card. One that `failed` was not kept, and Stripe has one that is `gone` no longer: `failure` says why.

    On a `verified` card, `failure` says why a new expiry date that was entered for it was not accepted.
    """

    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    verification: Literal["pending", "verified", "failed", "gone"]
    is_default: bool
    added_at: str
    failure: FailureView | None

    @classmethod
    def of(cls, card: Card, default_id: str | None) -> "CardView":
        if card.verification == "removing":
            raise ValueError("a removed card is not shown")
        return cls(
            payment_method_id=card.payment_method_id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            verification=card.verification,
            is_default=card.payment_method_id == default_id,
            added_at=format_instant(card.added_at),
            failure=FailureView.of(card.failure),
        )


class CardPage(View):
    """The first added first."""

    items: list[CardView]
    next_cursor: str | None


class CardChangeBody(Body):
    """The one thing that can be changed of a card: it becomes the default."""

    default: Literal[True]


class RemovedCardView(View):
    """Removing the last card switches auto-refill off."""

    payment_method_id: str
    auto_refill_switched_off: bool


class TopUpBody(Body):
    """With a saved card it is charged at once; without one the answer has the address of Stripe's page."""

    example: ClassVar[Example] = {"amount": "50.00"}

    amount: Amount
    payment_method: PaymentMethodId | None = None
    return_url: ReturnUrl | None = None


class TopUpView(View):
    """`Paid`; `Checkout` with the `url` of the page; `Processing` while the answer is not known."""

    transaction_id: str
    status: TransactionStatus
    amount: MoneyView
    url: str | None

    @classmethod
    def of(cls, transaction: Transaction) -> "TopUpView":
        return cls(
            transaction_id=transaction.transaction_id,
            status=transaction.status,
            amount=MoneyView.of(transaction.amount_micros, transaction.currency),
            url=transaction.url,
        )


RefillStatus = Literal["off", "ready", "pending", "waiting", "limit_reached", "suspended"]


class AutoRefillBody(Body):
    """The whole setting. Switched off without amounts, the former ones stay.

    `threshold` is above zero, and at most what is charged at once.
    """

    example: ClassVar[Example] = {"enabled": True, "threshold": "20.00", "amount": "100.00", "monthly_limit": "500.00"}

    enabled: bool
    threshold: Amount | None = None
    amount: Amount | None = None
    monthly_limit: Amount | None = None

    @model_validator(mode="after")
    def _says_when_and_how_much(self) -> "AutoRefillBody":
        if (self.threshold is None) != (self.amount is None) or (self.enabled and self.amount is None):
            raise PydanticCustomError("invalid_value", "must have both a threshold and an amount")
        return self

    def to_settings(self) -> RefillSettings | None:
        if self.threshold is None or self.amount is None:
            return None
        return RefillSettings(self.enabled, self.threshold, self.amount, self.monthly_limit)


class AutoRefillView(View):
    """`suspended` needs the customer; `limit_reached` and `waiting` wait until `next_attempt_at`.

    `message` says what the customer can do about a suspension or the limit. It also says that no refill starts because
    the subscription ends. `suspended_reason` is a decline's code, `dispute_opened`, `refunded`,
    `deficit_too_large` or `too_many_refills`.
    """

    enabled: bool = False
    threshold: MoneyView | None = None
    amount: MoneyView | None = None
    monthly_limit: MoneyView | None = None
    status: RefillStatus = "off"
    suspended_reason: str | None = None
    message: str | None = None
    charged_this_month: MoneyView | None = None
    next_attempt_at: str | None = None
    last_attempt_at: str | None = None
    last_failure: FailureView | None = None

    @classmethod
    def of(cls, wallet: Wallet) -> "AutoRefillView":
        refill, currency = wallet.refill, wallet.currency
        if refill is None:
            return cls()
        limit = refill.monthly_limit_micros
        advised = advise(wallet)
        return cls(
            enabled=refill.enabled,
            threshold=MoneyView.of(refill.threshold_micros, currency),
            amount=MoneyView.of(refill.amount_micros, currency),
            monthly_limit=None if limit is None else MoneyView.of(limit, currency),
            status=_refill_status(refill),
            suspended_reason=refill.suspended,
            message=None if advised is None else say_advice(advised),
            charged_this_month=MoneyView.of(refill.charged_micros, currency),
            next_attempt_at=None if refill.next_attempt_at is None else format_instant(refill.next_attempt_at),
            last_attempt_at=None if refill.last_attempt_at is None else format_instant(refill.last_attempt_at),
            last_failure=None if refill.last_failure is None else FailureView.of(Failure(refill.last_failure)),
        )


def _refill_status(refill: Refill) -> RefillStatus:
    if refill.pending is not None:
        return "pending"
    if not refill.enabled:
        return "off"
    if refill.suspended is not None:
        return "suspended"
    if refill.next_attempt_at is None:
        return "ready"
    return "limit_reached" if waits_for_month(refill) else "waiting"


class RefundBody(Body):
    """Without an amount, all that is left is given back."""

    amount: Amount | None = None


class TransactionsQuery(SpanQuery):
    """Transactions created in the span, of a kind and a status where they are named."""

    kind: TransactionKind | None = None
    status: TransactionStatus | None = None
    limit: PageLimit | None = None
    cursor: Cursor | None = None

    def link_to(self, cursor: str) -> str:
        """The same query from `cursor` on, as a relative reference."""
        return link_to(cursor, self, {"kind": self.kind, "status": self.status})

    def to_filter(self) -> HistoryFilter:
        return HistoryFilter(self.from_, self.to, self.kind, self.status)


class CardFaceView(View):
    brand: str
    last4: str


class TransactionLineView(View):
    """A part of a charge, or the reason of an adjustment. What is no part of a month has no period."""

    code: LineCode | None = Field(description="stable; null in transactions of an earlier release")
    description: str
    quantity: str
    amount: MoneyView
    period_start: str | None
    period_end: str | None

    @classmethod
    def of(cls, line: TransactionLine, currency: str) -> "TransactionLineView":
        return cls(
            code=line.code,
            description=say_line(line),
            quantity=line.quantity,
            amount=MoneyView.of(line.amount_micros, currency),
            period_start=None if line.period_start is None else format_instant(line.period_start),
            period_end=None if line.period_end is None else format_instant(line.period_end),
        )


class TaxLineView(View):
    """What of the amount is tax, as the receipt says: `net` and `tax` are the whole."""

    name: str
    percent: str
    net: MoneyView
    tax: MoneyView

    @classmethod
    def of(cls, line: TaxLine, currency: str) -> "TaxLineView":
        return cls(
            name=line.name,
            percent=format_millionths(line.percent_millionths),
            net=MoneyView.of(line.net_micros, currency),
            tax=MoneyView.of(line.tax_micros, currency),
        )


class RefundView(View):
    """`returned`: the bank did not take it, and the account has the credit again."""

    refund_id: str
    credit_note_number: str | None = Field(description="null until there is a credit note")
    amount: MoneyView
    created_at: str
    returned: bool


class TransactionView(View):
    """One row of the billing history: a payment by card, or credit that an administrator gave or took (`adjustment`).

    `url` is the page of one that waits for the customer.
    """

    transaction_id: str
    kind: TransactionKind
    status: TransactionStatus
    amount: MoneyView = Field(description="below zero if an adjustment took credit")
    created_at: str
    paid_at: str | None
    card: CardFaceView | None = Field(description="null if no card is known; an adjustment has none")
    failure: FailureView | None
    refunded: MoneyView
    refunds: list[RefundView]
    dispute: DisputeStatus | None
    receipt_number: str | None = Field(description="null until there is a receipt")
    taxes: list[TaxLineView] = Field(description="as the receipt says; empty until there is one")
    lines: list[TransactionLineView]
    url: str | None

    @classmethod
    def of(cls, transaction: Transaction, documents: Documents) -> "TransactionView":
        """`documents` are those of the transaction, and may be of others, too."""
        currency = transaction.currency
        card = transaction.card
        receipt = documents.get((transaction.transaction_id, None))
        return cls(
            transaction_id=transaction.transaction_id,
            kind=transaction.kind,
            status=transaction.status,
            amount=MoneyView.of(transaction.amount_micros, currency),
            created_at=format_instant(transaction.created_at),
            paid_at=None if transaction.paid_at is None else format_instant(transaction.paid_at),
            card=None if card is None else CardFaceView(brand=card.brand, last4=card.last4),
            failure=FailureView.of(transaction.failure),
            refunded=MoneyView.of(transaction.refunded_micros, currency),
            refunds=[
                RefundView(
                    refund_id=refund.refund_id,
                    credit_note_number=_number(documents.get((transaction.transaction_id, refund.refund_id))),
                    amount=MoneyView.of(refund.amount_micros, currency),
                    created_at=format_instant(refund.created_at),
                    returned=refund.returned,
                )
                for refund in transaction.refunds
            ],
            dispute=transaction.dispute_status,
            receipt_number=_number(receipt),
            taxes=[] if receipt is None else [TaxLineView.of(line, currency) for line in receipt.content.taxes],
            lines=[TransactionLineView.of(line, currency) for line in transaction.lines],
            url=transaction.url,
        )


def _number(document: Document | None) -> str | None:
    return None if document is None else document.full_number


class TransactionPage(View):
    """Newest first."""

    items: list[TransactionView]
    next_cursor: str | None
