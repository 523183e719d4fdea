"""Transactions of the billing history: money between a card and an account, and what may follow what.

A payment is recorded before Stripe is asked. Whatever then says how it went (the API's answer, a webhook,
reconciliation) says it as a `PaymentReport`, and `record` is the only way from one status to the next.

    top-up or renewal on a page          charge of a saved card
           |                                       |
           v        the bank wants the customer    v       declined, canceled or not made
       Checkout <------- (top-up only) ------ Processing ---------------------------------> Failed
           |  a bank debit on the page, for days   ^                                           |
           | ------------------------------------> +                                           |
           |                                       |                                           |
           | money arrived                         | money arrived               money arrived |
           +-------------------------------------> v <-----------------------------------------+
                                                 Paid

Money in another currency than the account's makes it Failed in place of Paid. If the bank wants the customer of another
charge than a top-up, it is Failed. If a card is declined on a page, or the page expires, it stays at Checkout: only on
a page that is complete nobody can pay again. So a bank debit that bounces is Failed, in whatever order that is heard. A
renewal without a card begins as Failed. Two transactions are no payments, and begin and end as Paid: credit by hand,
and a renewal that is paid from credit.

Paid is final. What a payment may still get beside its status:

    each refund    given back ----> returned by the bank
    each dispute   inquiry ----> opened ----> won or lost      (any of them may be heard of first)
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from billing.domain.declines import Failure
from billing.domain.ledger import LedgerEntry
from billing.domain.money import Money, card_minor_units, from_minor_units
from billing.domain.stored import ByPosition

PaymentKind = Literal["top_up", "auto_refill", "renewal", "plan_change"]
TransactionKind = Literal[PaymentKind, "adjustment"]
TransactionStatus = Literal["Checkout", "Processing", "Paid", "Failed"]
Outcome = Literal["succeeded", "declined", "needs_customer", "canceled", "held", "pending", "under_way"]
DisputeStatus = Literal["inquiry", "opened", "won", "lost"]

CREDIT_KINDS: frozenset[TransactionKind] = frozenset({"top_up", "auto_refill"})
MAX_REFUNDS = 100

# An answer takes seconds. What is still open after this is looked up at Stripe, and again each time it has passed.
PROCESSING_CHECK = timedelta(minutes=5)
CHECKOUT_CHECK = timedelta(hours=1)
RENEWAL_PAGE_LIFE = timedelta(minutes=30)
"""So long a customer can pay an open renewal on a page, and no card is asked."""
PAGE_SLACK = timedelta(minutes=1)
"""Stripe opens no page for less than 30 minutes from when it hears of it: so it is told of a minute more."""

_ID_DIGITS = 24


@dataclass(frozen=True, slots=True)
class CardFace(ByPosition):
    """What a customer knows a card by.

    Stored by position: a new field goes last, with a default.
    """

    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class Refund(ByPosition):
    """Money given back to the card. `returned`: the bank did not take it, so the account has it again.

    Stored by position: a new field goes last, with a default.
    """

    refund_id: str
    amount_micros: int
    created_at: datetime
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Dispute(ByPosition):
    """What a dispute of the payment has come to. `taken_micros` is what it has moved, in the payment's currency: above
    zero the bank has it. `movements` are the balance transactions of Stripe's that are posted.

    Stored by position: a new field goes last, with a default.
    """

    dispute_id: str
    status: DisputeStatus
    taken_micros: int = 0
    movements: tuple[str, ...] = ()


LineCode = Literal[
    "plan", "rental", "plan_unused", "rental_unused", "rounding", "not_needed", "adjustment", "credit", "refund"
]
"""The price of a plan, or of what is rented; what of these was paid and not used; credit that a card's charge was
rounded up by; a payment that nothing waited for; an administrator's adjustment. The last two are on documents alone:
credit that was bought, and what a credit note gives back of the receipt it names."""


@dataclass(frozen=True, slots=True)
class TransactionLine(ByPosition):
    """What a part of the amount was for: `code` tells, with the `name` of the plan or of what is rented.

    `description` is the reason that a person gave. In lines of a former release it is a sentence, which holds.

    Stored by position: a new field goes last, with a default.
    """

    description: str
    quantity: str
    amount_micros: int
    period_start: datetime | None = None
    period_end: datetime | None = None
    code: LineCode | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement between a card and an account, or credit by hand.

    `amount_micros` of a payment is a whole number of the card's minor units; of an adjustment it is any number, below
    zero where credit was taken.

    `fingerprint` is the digest of the request that asked for it. `attempt` numbers the idempotency keys that were used
    up at Stripe; `check_at` is when somebody must look whether it is still open, None once nothing can follow any more.
    `version` counts writes. `asked_at` is when a card was last about to be asked, None before it was asked again.

    `card_fingerprint` of a saved card is what we read when it was saved; of a card on a page, what its charge says.
    `dispute_id` and `dispute_status` are of the one dispute that is shown: the last that changed.

    `received` of an adjustment says that it is money, which came by another way than a card.
    """

    transaction_id: str
    account_id: str
    kind: TransactionKind
    status: TransactionStatus
    amount_micros: int
    currency: str
    created_at: datetime
    check_at: datetime | None
    payment_method_id: str | None = None
    card_fingerprint: str | None = None
    card: CardFace | None = None
    payment_intent_id: str | None = None
    session_id: str | None = None
    url: str | None = None
    paid_at: datetime | None = None
    failure: Failure | None = None
    refunds: tuple[Refund, ...] = ()
    dispute_id: str | None = None
    dispute_status: DisputeStatus | None = None
    lines: tuple[TransactionLine, ...] = ()
    fingerprint: str | None = None
    attempt: int = 0
    version: int = 0
    asked_at: datetime | None = None
    disputes: tuple[Dispute, ...] = ()
    received: bool = False

    @property
    def is_payment(self) -> bool:
        """Whether it goes through Stripe. What does not: nothing to tell as paid, to refund or to look up there."""
        return self.kind != "adjustment" and not self.is_paid_from_credit

    @property
    def is_money_received(self) -> bool:
        """Whether it is money that arrived, by card or by another way: such a transaction gets a receipt."""
        return self.status == "Paid" and self.amount_micros > 0 and (self.is_payment or self.received)

    @property
    def is_paid_from_credit(self) -> bool:
        """Whether credit paid a renewal: no money came from outside."""
        return self.kind == "renewal" and self.status == "Paid" and self.payment_intent_id is None

    @property
    def page_expires_at(self) -> datetime | None:
        """When its page expires; None where that is left to Stripe: after 24 hours."""
        return self.created_at + RENEWAL_PAGE_LIFE + PAGE_SLACK if self.kind == "renewal" else None

    @property
    def is_for_subscription(self) -> bool:
        """Whether it pays for a month, or a part of one, and not for credit."""
        return self.kind in {"renewal", "plan_change"}

    @property
    def is_automatic(self) -> bool:
        """Whether it is asked for by itself. Of what a customer asks for, they see the answer, and can ask again."""
        return self.kind in {"auto_refill", "renewal"}

    @property
    def refunded_micros(self) -> int:
        return sum(refund.amount_micros for refund in self.refunds if not refund.returned)

    @property
    def credit_micros(self) -> int:
        """What of the amount is the account's credit: all of it, or what a subscription's charge has for no time."""
        if self.kind in CREDIT_KINDS:
            return self.amount_micros
        return self.amount_micros - sum(line.amount_micros for line in self.lines if line.period_start is not None)

    @property
    def taken_micros(self) -> int:
        """What refunds and disputes took from the account: at most the payment. More than that is the seller's loss.

        50.00 paid, 20.00 refunded, and the bank takes all 50.00: the account bears 50.00, the seller 20.00. A dispute
        gives back at most what it took.
        """
        gone = self.refunded_micros + sum(max(0, dispute.taken_micros) for dispute in self.disputes)
        return min(self.amount_micros, gone)

    @property
    def credit_taken_micros(self) -> int:
        """What of that is credit: of a payment that was both, credit goes first."""
        return min(self.taken_micros, self.credit_micros)

    @property
    def idempotency_key(self) -> str:
        """Stripe's key for the charge: the transaction's id, or a further one once Stripe has spoiled that."""
        return self.transaction_id if self.attempt == 0 else f"{self.transaction_id}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What Stripe says now of a payment that names one of our transactions.

    `under_way`: a bank was asked, and answers in some days. `page_is_complete`: it was made on a hosted page that takes
    no other payment, whatever becomes of this one.
    """

    transaction_id: str
    account_id: str
    payment_intent_id: str | None
    outcome: Outcome
    received_micros: int
    currency: str
    card: CardFace | None = None
    card_fingerprint: str | None = None
    failure: Failure | None = None
    page_is_complete: bool = False


class SavedCard(Protocol):
    """A card as a charge names it."""

    @property
    def payment_method_id(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


def new_charge(
    transaction_id: str,
    account_id: str,
    kind: TransactionKind,
    amount: Money,
    card: SavedCard | None,
    *,
    now: datetime,
    lines: tuple[TransactionLine, ...] = (),
) -> Transaction:
    """A charge of a saved card, as it is recorded before Stripe is asked: Processing, and looked at again soon.

    Without a card there is nobody to ask: the caller says what becomes of it.
    """
    return Transaction(
        transaction_id=transaction_id,
        account_id=account_id,
        kind=kind,
        status="Processing",
        amount_micros=amount.micros,
        currency=amount.currency,
        created_at=now,
        check_at=now + PROCESSING_CHECK,
        payment_method_id=None if card is None else card.payment_method_id,
        card_fingerprint=None if card is None else card.fingerprint,
        lines=lines,
    )


def transaction_id(*facts: object) -> str:
    """An id that follows from the facts: the same ones are the same transaction, for ever."""
    return "tx_" + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_ID_DIGITS]


def chargeable(micros: int, currency: str) -> int:
    """The amount as a card can be charged with it: rounded up to a whole minor unit."""
    return from_minor_units(card_minor_units(Money(micros, currency)), currency).micros


def record_adjustment(entry: LedgerEntry, adjustment_id: str, *, received: bool = False) -> Transaction:
    """The row of the history for an adjustment's ledger entry: its amount, its moment, and the reason as its one line.

    One for an adjustment id of an account, for ever. Who did it is in the entry alone. `received`: it is money.
    """
    return Transaction(
        transaction_id=transaction_id(entry.account_id, "adjustment", adjustment_id),
        account_id=entry.account_id,
        kind="adjustment",
        status="Paid",
        amount_micros=entry.amount_micros,
        currency=entry.currency,
        created_at=entry.posted_at,
        check_at=None,
        paid_at=entry.posted_at,
        lines=(TransactionLine(entry.description, "1", entry.amount_micros, code="adjustment"),),
        received=received,
    )


def record(transaction: Transaction, report: PaymentReport, now: datetime) -> Transaction:
    """The transaction after a report. A late, repeated or outrun report returns it as it is.

    Money that arrived always wins, also over a decline; Paid is final. A decline on a hosted page leaves Checkout open:
    the customer may take another card there. Money in another currency than the account's is never credited.
    """
    if transaction.status == "Paid":
        return transaction
    seen = replace(
        transaction,
        payment_intent_id=report.payment_intent_id or transaction.payment_intent_id,
        card=transaction.card if report.card in {None, transaction.card} else report.card,
        # A network may replace a card's number, and Stripe then reports another fingerprint than the one we keep.
        card_fingerprint=transaction.card_fingerprint or report.card_fingerprint,
    )
    if report.outcome == "succeeded":
        return _arrived(seen, report, now)
    if transaction.status == "Checkout" and (report.page_is_complete or report.outcome == "under_way"):
        seen = replace(seen, status="Processing", url=None, check_at=now + CHECKOUT_CHECK)
    if seen.status != "Processing":
        return transaction
    match report.outcome:
        case "needs_customer" if seen.session_id is not None and report.failure is None:
            return seen  # as to confirm a bank account: the page is over, and the bank waits for its customer
        case "needs_customer" if transaction.kind == "top_up":
            # Soon: whoever is told of it first may not be the one who opens the page.
            return replace(seen, status="Checkout", check_at=now + PROCESSING_CHECK)
        case "declined" | "needs_customer":
            return fail(seen, report.failure or Failure("card_declined"))
        case "canceled":
            return fail(seen, Failure("canceled"))
        case _:
            return seen


def fail(transaction: Transaction, why: Failure) -> Transaction:
    return replace(transaction, status="Failed", failure=why, check_at=None)


def is_declined(before: Transaction | None, after: Transaction) -> bool | None:
    """Did this change end the charge of a saved card? True: declined. False: paid. None: neither.

    A hosted page and a bank debit are neither: a page that declines a card stays open for another one.
    """
    if before is None or before.status != "Processing" or before.session_id is not None:
        return None
    if after.status == "Paid":
        return False
    return True if after.status == "Failed" and after.failure is not None and after.failure.is_decline else None


def _arrived(seen: Transaction, report: PaymentReport, now: datetime) -> Transaction:
    if report.currency != seen.currency:
        return fail(seen, Failure("currency_mismatch"))
    return replace(
        seen,
        status="Paid",
        paid_at=now,
        amount_micros=report.received_micros,
        failure=None,
        check_at=None,
        url=None,
    )
