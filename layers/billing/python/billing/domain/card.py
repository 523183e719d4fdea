"""Saved cards: added on Stripe's page, proved by a hold that is never captured, one of them the default.

    entered on Stripe's page               entered again
               |     +---------------------------------------------+
               v     v                                             |
             pending ---------- the hold is declined ----------> failed
                |                                                  |
                | the hold is placed, and voided                   | removed
                v                                                  v
            verified ---------------- removed ----------------> removing
             ^    |                                                |
             +----+ another date entered                           | Stripe has forgotten it
                                                                   v
                                                                no row

A card that Stripe has no longer for us (its customer was deleted there, or it was detached by hand) is `gone`, from
pending or verified: it is listed, and may be removed, or entered again.

Only a verified card is charged or made the default; the first one becomes it. A pending card cannot be removed, nor the
default one while another is verified. Another date that is entered is proved by a hold, too. If that is declined, the
old date stays, and `failure` says why. A date that the card's network changes is taken over as it is. A card that is
entered again while it is removing is forgotten first, and is pending then.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.domain.declines import Failure

Verification = Literal["pending", "verified", "failed", "removing", "gone"]

MAX_CARDS = 20
MAX_CARDS_NOT_KEPT = 50
"""Of an account. Whoever tries stolen cards on the page is stopped by the second; removing one makes room."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card of an account, known by Stripe's fingerprint: the same card added twice is one card.

    `failure` says why a card was not kept, or of a verified one, why a new date that was entered for it was not;
    `expiry_told_days` is the last announcement of its end (see `card_expiry`).
    """

    account_id: str
    fingerprint: str
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    verification: Verification
    added_at: datetime
    failure: Failure | None = None
    expiry_told_days: int | None = None

    @property
    def is_listed(self) -> bool:
        return self.verification != "removing"

    @property
    def is_usable(self) -> bool:
        return self.verification == "verified"

    def has_date_of(self, other: "Card") -> bool:
        return (self.exp_year, self.exp_month) == (other.exp_year, other.exp_month)

    def renewed_as(self, seen: "Card") -> "Card":
        """This card as Stripe has it now. A new end is announced anew; what was wrong with a date is past."""
        renewed = replace(
            self,
            payment_method_id=seen.payment_method_id,
            last4=seen.last4,
            exp_month=seen.exp_month,
            exp_year=seen.exp_year,
        )
        if self.has_date_of(seen):
            return renewed
        return replace(renewed, expiry_told_days=None, failure=None if self.is_usable else self.failure)
