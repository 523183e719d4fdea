"""What Stripe's objects, as plain dictionaries, say in our words: read once, here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from billing.domain.card import Card
from billing.domain.declines import Failure, bounce, decline
from billing.domain.dispute import DisputeMovement, DisputeReport, dispute_status
from billing.domain.money import Money, from_minor_units
from billing.domain.stripe_event import StripeEvent
from billing.domain.transaction import CardFace, Outcome, PaymentReport, Refund

TRANSACTION_KEY = "talktime_transaction"
CARD_KEY = "talktime_card"
"""What our objects' metadata names: a transaction, or the card that a verification hold is about."""

_DEBITS = ("_bank_account", "_debit")
"""How Stripe calls payment methods by which a bank account is debited, such as us_bank_account and sepa_debit."""

IsForeign = Callable[[Mapping[str, str] | None], bool]

# Of a PaymentIntent without an error; a status that is new at Stripe is pending. A test compares the statuses with
# those that Stripe describes. Payments by bank redirect may stay at "processing" for days; cards do not.
OUTCOME_OF_STATUS: Final[Mapping[str, Outcome]] = {
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "needs_customer",
    "processing": "under_way",
    "requires_capture": "held",
    "succeeded": "succeeded",
    "canceled": "canceled",
}


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent. `card_id` is the card that a verification hold is about."""

    intent_id: str
    foreign: bool
    metadata: Mapping[str, str]
    status: str
    created_at: datetime
    report: PaymentReport
    card_id: str | None
    customer_id: str | None
    refunded: bool
    disputed: bool

    @property
    def is_unconfirmed(self) -> bool:
        """Whether no bank was asked yet, and none will be: we confirm what we make in the same request."""
        return self.status in {"requires_payment_method", "requires_confirmation"} and self.report.failure is None

    @property
    def was_held(self) -> bool:
        """Whether a bank has agreed to a hold, also one that was voided since. What was never asked has no card."""
        return self.report.outcome == "held" or (self.report.outcome == "canceled" and self.report.card is not None)

    @property
    def is_open(self) -> bool:
        """Whether money may still come of it, or has."""
        return self.report.outcome not in {"declined", "canceled"}


@dataclass(frozen=True, slots=True)
class HostedPage:
    """A Checkout Session: `url` while its page is open."""

    session_id: str
    foreign: bool
    account_id: str
    transaction_id: str | None
    mode: Literal["payment", "setup"]
    status: Literal["open", "complete", "expired"]
    url: str | None
    payment_intent_id: str | None
    payment_method_id: str | None


@dataclass(frozen=True, slots=True)
class CardDetails:
    """What Stripe knows of a card. The fingerprint names its number, whatever the date."""

    fingerprint: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A payment method at Stripe, the customer it is attached to, and the card that it is, if it is one."""

    payment_method_id: str
    customer_id: str | None
    type: str
    created_at: datetime
    card: CardDetails | None

    def as_card(self, account_id: str, added_at: datetime) -> Card | None:
        """The account's card, still to be verified; None for what is no card."""
        if self.card is None:
            return None
        return Card(
            account_id=account_id,
            fingerprint=self.card.fingerprint,
            payment_method_id=self.payment_method_id,
            brand=self.card.brand,
            last4=self.card.last4,
            exp_month=self.card.exp_month,
            exp_year=self.card.exp_year,
            verification="pending",
            added_at=added_at,
        )


@dataclass(frozen=True, slots=True)
class StripeRefund:
    """A refund at Stripe; `key` and `asked` are ours where we asked for it. `pending` ones count: money on its way."""

    refund: Refund
    key: str | None
    asked: str | None


def read_intent(intent: Any, is_foreign: IsForeign) -> Intent:
    metadata = intent["metadata"] or {}
    charge = intent["latest_charge"]
    if not isinstance(charge, dict):
        charge = None
    error = intent["last_payment_error"]
    face, fingerprint = _card_of(charge, error)
    currency = str(intent["currency"]).upper()
    return Intent(
        intent_id=intent["id"],
        foreign=is_foreign(metadata),
        metadata=metadata,
        status=intent["status"],
        created_at=datetime.fromtimestamp(intent["created"], UTC),
        report=PaymentReport(
            transaction_id=metadata.get(TRANSACTION_KEY, ""),
            account_id=metadata.get("talktime_account", ""),
            payment_intent_id=intent["id"],
            outcome=_outcome(intent["status"], error),
            received_micros=from_minor_units(intent["amount_received"], currency).micros,
            currency=currency,
            card=face,
            card_fingerprint=fingerprint,
            failure=_failure(error),
        ),
        card_id=metadata.get(CARD_KEY),
        customer_id=intent["customer"],
        refunded=charge is not None and charge["amount_refunded"] > 0,
        disputed=charge is not None and bool(charge["disputed"]),
    )


def _outcome(status: str, error: Any) -> Outcome:
    if status == "requires_payment_method" and error is not None:
        failure = _failure(error)
        return "needs_customer" if failure is not None and failure.needs_customer else "declined"
    return OUTCOME_OF_STATUS.get(status, "pending")


def _failure(error: Any) -> Failure | None:
    if error is None:
        return None
    if str((error.get("payment_method") or {}).get("type")).endswith(_DEBITS):
        return bounce(error.get("code"))
    return decline(error.get("code"), error.get("decline_code"))


def _card_of(charge: Any, error: Any) -> tuple[CardFace | None, str | None]:
    source = charge["payment_method_details"] if charge is not None else (error or {}).get("payment_method")
    details = (source or {}).get("card")
    if details is None:
        return None, None
    return CardFace(details.get("brand") or "", details.get("last4") or ""), details.get("fingerprint")


def read_session(session: Any, is_foreign: IsForeign) -> HostedPage:
    metadata = session["metadata"] or {}
    setup = session["setup_intent"]
    return HostedPage(
        session_id=session["id"],
        foreign=is_foreign(metadata),
        account_id=metadata.get("talktime_account", ""),
        transaction_id=metadata.get(TRANSACTION_KEY),
        mode=session["mode"],
        status=session["status"],
        url=session["url"],
        payment_intent_id=session["payment_intent"],
        payment_method_id=setup["payment_method"] if isinstance(setup, dict) else None,
    )


def read_method(method: Any) -> SavedMethod:
    return SavedMethod(
        payment_method_id=method["id"],
        customer_id=method["customer"],
        type=method["type"],
        created_at=datetime.fromtimestamp(method["created"], UTC),
        card=_card_details(method) if method["type"] == "card" else None,
    )


def _card_details(method: Any) -> CardDetails:
    card = method["card"]
    return CardDetails(
        # Stripe may have none, as of some tokens: then nothing else is the same card.
        fingerprint=card["fingerprint"] or method["id"],
        brand=card["brand"],
        last4=card["last4"],
        exp_month=card["exp_month"],
        exp_year=card["exp_year"],
    )


def read_refund(refund: Any) -> StripeRefund:
    currency = str(refund["currency"]).upper()
    metadata = refund["metadata"] or {}
    return StripeRefund(
        Refund(
            refund_id=refund["id"],
            amount_micros=from_minor_units(refund["amount"], currency).micros,
            created_at=datetime.fromtimestamp(refund["created"], UTC),
            returned=refund["status"] in {"failed", "canceled"},
        ),
        metadata.get("talktime_refund"),
        metadata.get("talktime_asked"),
    )


def read_dispute(dispute: Any) -> DisputeReport:
    """With its charge as an object, and its charge's balance transaction, which Stripe makes a moment after it paid."""
    settled = dispute["charge"]["balance_transaction"]
    return DisputeReport(
        dispute["id"],
        dispute_status(dispute["status"]),
        _money(dispute),
        tuple(DisputeMovement(each["id"], _money(each)) for each in dispute["balance_transactions"]),
        None if settled is None else _money(settled),
    )


def _money(thing: Any) -> Money:
    """The amount that an object of Stripe's says in minor units of its currency."""
    return from_minor_units(thing["amount"], str(thing["currency"]).upper())


def read_event(event: Any, is_foreign: IsForeign) -> StripeEvent | None:
    """None for what says itself that it is another's: a refund or a dispute only says of which payment it is."""
    thing = event["data"]["object"]
    if thing["object"] in {"charge", "payment_intent", "checkout.session"} and is_foreign(thing["metadata"]):
        return None
    created_at = datetime.fromtimestamp(event["created"], UTC)
    return StripeEvent(event["id"], event["type"], thing["id"], thing.get("payment_intent"), created_at)
