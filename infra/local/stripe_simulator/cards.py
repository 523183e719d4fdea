"""Stripe's test cards, and what the test bank answers to them. https://docs.stripe.com/testing"""

import hashlib
from dataclasses import dataclass
from typing import Literal

Behavior = str
"""`succeed`, `authentication_required`, `authentication_on_setup`, `highest_risk`, or a key of `DECLINES`."""


@dataclass(frozen=True, slots=True)
class Decline:
    """A refusal as Stripe reports it: `code` of the error, the bank's `decline_code`, the sentence."""

    code: str
    decline_code: str | None
    message: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `declined_at_once`: its bank refuses already when the card is attached or set up."""

    token: str
    number: str
    brand: str
    behavior: Behavior = "succeed"
    declined_at_once: bool = False
    country: str = "US"
    funding: str = "credit"
    dispute_reason: str | None = None
    inquiry: bool = False
    risk_level: str = "normal"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """The same for the same number, always and in every account."""
        return fingerprint_of(self.number)


def fingerprint_of(number: str) -> str:
    return hashlib.sha256(f"fingerprint of {number}".encode()).hexdigest()[:16]


_BANK_REFUSALS = """call_issuer card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again
    duplicate_transaction fraudulent generic_decline invalid_account invalid_amount issuer_not_available lost_card
    new_account_information_available no_action_taken not_permitted pickup_card reenter_transaction restricted_card
    revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed stolen_card
    stop_payment_order transaction_not_allowed try_again_later withdrawal_count_limit_exceeded""".split()  # noqa: SIM905  a table to read, not a list

DECLINES: dict[Behavior, Decline] = {
    **{code: Decline("card_declined", code, "Your card was declined.") for code in _BANK_REFUSALS},
    "card_declined": Decline("card_declined", "generic_decline", "Your card was declined."),
    "insufficient_funds": Decline("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    "expired_card": Decline("expired_card", None, "Your card has expired."),
    "incorrect_cvc": Decline("incorrect_cvc", None, "Your card's security code is incorrect."),
    "processing_error": Decline(
        "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
    ),
    "highest_risk": Decline("card_declined", "fraudulent", "Your card was declined.", blocked=True),
}

BEHAVIORS = {"succeed", "authentication_required", "authentication_on_setup", *DECLINES}

AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
AUTHENTICATION_NOT_HANDLED = Decline(
    "authentication_required",
    "authentication_not_handled",
    "This payment required an authentication action to complete, but `error_on_requires_action` was set.",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod to attempt to fulfill "
    "this PaymentIntent again.",
)

_DECLINED_AT_ONCE = {
    "pm_card_chargeDeclined": ("4000000000000002", "card_declined"),
    "pm_card_visa_chargeDeclined": ("4000000000000002", "card_declined"),
    "pm_card_chargeDeclinedInsufficientFunds": ("4000000000009995", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("4000000000009995", "insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": ("4000000000009987", "lost_card"),
    "pm_card_visa_chargeDeclinedLostCard": ("4000000000009987", "lost_card"),
    "pm_card_chargeDeclinedStolenCard": ("4000000000009979", "stolen_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("4000000000009979", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("4000000000000069", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("4000000000000127", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": ("4000000000000119", "processing_error"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("4000000000006975", "card_velocity_exceeded"),
    "pm_card_chargeDeclinedVelocityLimitExceeded": ("4000000000006975", "card_velocity_exceeded"),
}

_CARDS = [
    Card("pm_card_visa", "4242424242424242", "visa"),
    Card("pm_card_visa_debit", "4000056655665556", "visa", funding="debit"),
    Card("pm_card_mastercard", "5555555555554444", "mastercard"),
    Card("pm_card_mastercard_debit", "5200828282828210", "mastercard", funding="debit"),
    Card("pm_card_amex", "378282246310005", "amex"),
    Card("pm_card_discover", "6011111111111117", "discover"),
    Card("pm_card_diners", "3056930009020004", "diners"),
    Card("pm_card_jcb", "3566002020360505", "jcb", country="JP"),
    Card("pm_card_unionpay", "6200000000000005", "unionpay", country="CN"),
    *(
        Card(token, number, "visa", refusal, declined_at_once=True)
        for token, (number, refusal) in _DECLINED_AT_ONCE.items()
    ),
    Card("pm_card_chargeCustomerFail", "4000000000000341", "visa", "card_declined"),
    Card("pm_card_authenticationRequired", "4000002760003184", "visa", "authentication_required"),
    Card("pm_card_authenticationRequiredOnSetup", "4000002500003155", "visa", "authentication_on_setup"),
    Card("pm_card_authenticationRequiredSetupForOffSession", "4000003800000446", "visa"),
    Card("pm_card_createDispute", "4000000000000259", "visa", dispute_reason="fraudulent"),
    Card("pm_card_createDisputeProductNotReceived", "4000000000002685", "visa", dispute_reason="product_not_received"),
    Card("pm_card_createDisputeInquiry", "4000000000001976", "visa", dispute_reason="fraudulent", inquiry=True),
    Card("pm_card_riskLevelElevated", "4000000000009235", "visa", risk_level="elevated"),
    Card("pm_card_riskLevelHighest", "4000000000004954", "visa", "highest_risk", risk_level="highest"),
]

LINK = Card("link", "", "link")
"""What stands in for a card where a customer pays by Link, which always pays."""

BANK_ACCOUNT = Card("us_bank_account", "000123456789", "us_bank_account", risk_level="not_assessed")
"""What stands in for a card where a customer lets their bank account be debited."""

CARDS = {card.token: card for card in _CARDS}

Answer = Literal["approved", "needs_authentication"] | Decline


def ask_bank(behavior: Behavior, *, set_up: bool, authenticated: bool, expired: bool) -> Answer:
    """What the card's bank says to a charge. `set_up`: the cardholder agreed before to charges without them."""
    if expired:
        return DECLINES["expired_card"]
    if behavior in DECLINES:
        return DECLINES[behavior]
    if authenticated or behavior == "succeed" or (behavior == "authentication_on_setup" and set_up):
        return "approved"
    return "needs_authentication"
