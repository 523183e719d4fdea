"""Why a card was not charged: in a code that stays, and in the customer's words."""

from dataclasses import dataclass

NEEDS_CUSTOMER = "authentication_required"
EXPIRED = "expired_card"
UNUSABLE = "card_unusable"

# These cards will not work again: asking once more tells the bank of a careless merchant.
_DEAD = frozenset(
    {
        "card_unusable",
        "expired_card",
        "invalid_account",
        "lost_card",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
        "do_not_try_again",
    }
)

_BOUNCES = frozenset({"account_closed", "debit_not_authorized", "debit_without_funds", "no_account"})

MENDED_BY_NEW_DATE = frozenset({EXPIRED, UNUSABLE})
"""These say nothing of the card's number: the same one entered again may do."""

NO_LONGER_WANTED = "no_longer_wanted"
"""Nobody was asked, or nobody answered, until it was wanted no more (see `intention`)."""

DISPUTE_OPENED = "dispute_opened"
"""A payment by this card is disputed: by itself nothing is charged to it (see `dispute_hold`)."""

NO_DECLINE = frozenset(
    {"amount_refused", "canceled", "currency_mismatch", DISPUTE_OPENED, "no_card", "not_completed", NO_LONGER_WANTED}
)
"""These payments failed without a card's refusal."""

SENTENCES = {
    "account_closed": "The bank account was closed. Use another one, or a card.",
    "amount_refused": "The amount cannot be charged. Choose another one, or contact us. Nothing was charged.",
    "authentication_required": "Your bank wants you to confirm this payment yourself.",
    "card_declined": "Your bank declined the card without a reason. Ask your bank, or use another card.",
    "card_not_supported": "The card does not support this kind of payment. Use another card.",
    "card_unusable": "The card can no longer be charged. Add it again, or use another card.",
    "card_velocity_exceeded": "The card has reached its limit. Try again later, or use another card.",
    "canceled": "The payment was canceled. Nothing was charged.",
    "currency_mismatch": "The payment was made in another currency than the account's and not credited: contact us.",
    "currency_not_supported": "The card does not support this currency. Use another card.",
    "debit_not_authorized": "The bank says that this debit was not authorized. Ask your bank, or use a card.",
    "debit_returned": "The bank returned the debit. Ask your bank, or use a card.",
    DISPUTE_OPENED: "A payment by this card is disputed, so it was not charged. Use another card, or contact us.",
    "do_not_honor": "Your bank declined the card without a reason. Ask your bank, or use another card.",
    "expired_card": "The card has expired. Use another card.",
    "incorrect_cvc": "The card's security code is wrong. Add the card again.",
    "debit_without_funds": "There was not enough money on the bank account. Use a card, or try again once there is.",
    "insufficient_funds": "The card has insufficient funds. Use another card, or try again once it has.",
    "invalid_account": "The card, or the account behind it, is not valid. Use another card.",
    "invalid_amount": "The amount is more than the card allows. Use a smaller amount or another card.",
    "issuer_not_available": "Your bank could not be reached. Try again later.",
    NO_LONGER_WANTED: "The payment was not needed any more. Nothing was charged.",
    "no_account": "The bank account could not be found. Check its numbers, or use a card.",
    "no_card": "There is no card to charge. Add one.",
    "not_completed": "The payment was not made. Nothing was charged; please try again.",
    "processing_error": "The bank had a problem with this payment. Try again later.",
    "reenter_transaction": "The bank had a problem with this payment. Try again later.",
    "restricted_card": "The card cannot be used for this payment. Use another card.",
    "transaction_not_allowed": "The card cannot be used for this payment. Ask your bank, or use another card.",
    "try_again_later": "Your bank could not answer. Try again later.",
    "withdrawal_count_limit_exceeded": "The card has reached its limit. Try again later, or use another card.",
}
# A bank tells of these in confidence: the person at the screen may not be the card's owner.
# https://docs.stripe.com/declines/codes
_CONFIDENTIAL = frozenset({"fraudulent", "lost_card", "merchant_blacklist", "pickup_card", "stolen_card"})
_GENERIC = SENTENCES["card_declined"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A decline or an error: its code for programs, its message for the customer."""

    code: str
    message: str

    @property
    def needs_customer(self) -> bool:
        return self.code == NEEDS_CUSTOMER

    @property
    def is_decline(self) -> bool:
        """Whether a card was asked and refused."""
        return self.code not in NO_DECLINE

    @property
    def is_unwanted(self) -> bool:
        """Whether it was given up because nobody wanted it any more."""
        return self.code == NO_LONGER_WANTED

    @property
    def card_is_dead(self) -> bool:
        return self.code in _DEAD

    @property
    def mends_with_new_date(self) -> bool:
        """Whether it says nothing of the card's number: the same one entered again may do."""
        return self.code in MENDED_BY_NEW_DATE


def failure(code: str) -> Failure:
    """The failure of a code, in words that everybody may read."""
    return Failure(code, _GENERIC if code in _CONFIDENTIAL else SENTENCES.get(code, _GENERIC))


def decline(code: str | None, decline_code: str | None) -> Failure:
    """The failure that a card error of Stripe's tells: the bank's own code where there is one."""
    if NEEDS_CUSTOMER in {code, decline_code} or decline_code == "authentication_not_handled":
        return failure(NEEDS_CUSTOMER)
    if decline_code in {None, "generic_decline"}:
        return failure(code or "card_declined")
    return failure(decline_code or "card_declined")


def bounce(code: str | None) -> Failure:
    """The failure of a bank debit that Stripe's error tells. https://docs.stripe.com/payments/ach-direct-debit"""
    named = "debit_without_funds" if code == "insufficient_funds" else code
    return failure(named if named in _BOUNCES else "debit_returned")
