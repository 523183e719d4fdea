"""Why a card was not charged, in a code that stays. The customer's words are in `words/decline_texts.py`."""

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

# A bank tells of these in confidence: the person at the screen may not be the card's owner.
# https://docs.stripe.com/declines/codes
_CONFIDENTIAL = frozenset({"fraudulent", "lost_card", "merchant_blacklist", "pickup_card", "stolen_card"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A decline or an error, by its code."""

    code: str

    @property
    def is_confidential(self) -> bool:
        """Whether the bank told the seller alone: everybody else hears of a decline without a reason."""
        return self.code in _CONFIDENTIAL

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


def decline(code: str | None, decline_code: str | None) -> Failure:
    """The failure that a card error of Stripe's tells: the bank's own code where there is one."""
    if NEEDS_CUSTOMER in {code, decline_code} or decline_code == "authentication_not_handled":
        return Failure(NEEDS_CUSTOMER)
    if decline_code in {None, "generic_decline"}:
        return Failure(code or "card_declined")
    return Failure(decline_code or "card_declined")


def bounce(code: str | None) -> Failure:
    """The failure of a bank debit that Stripe's error tells. https://docs.stripe.com/payments/ach-direct-debit"""
    named = "debit_without_funds" if code == "insufficient_funds" else code
    return Failure(named if named in _BOUNCES else "debit_returned")
