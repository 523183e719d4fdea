"""Saved cards: added on Stripe's page, proved by a hold that is never captured, one of them the default."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.domain.auto_refill import with_closed_breaker
from billing.domain.declines import MENDED_BY_NEW_DATE, Failure
from billing.domain.errors import Conflict
from billing.domain.renewal import try_at_once
from billing.domain.wallet import DefaultCard, Wallet

Verification = Literal["pending", "verified", "failed", "removing"]

MAX_CARDS = 20
MAX_CARDS_NOT_KEPT = 50
"""Of an account. Whoever tries stolen cards on the page is stopped by the second; removing one makes room."""


class CardIsDefault(Conflict):
    """The default card can be removed only as the last one."""

    def __init__(self) -> None:
        super().__init__("this is the default card: make another one the default first", code="card_is_default")


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


def with_default_card(wallet: Wallet, card: Card, now: datetime) -> Wallet:
    """Make a verified card the default: an unpaid renewal is tried with it at once.

    Another card than the one that failed closes the breaker of auto-refill.
    """
    default = DefaultCard(card.payment_method_id, card.fingerprint)
    refill = wallet.refill
    if refill is not None and refill.breaker_card != card.fingerprint:
        refill = with_closed_breaker(refill)
    if default != wallet.default_card:
        wallet = try_at_once(wallet, now)
    return replace(wallet, default_card=default, refill=refill)


def with_new_date(wallet: Wallet, card: Card, now: datetime) -> Wallet:
    """Take over another expiry date of a card. As the default it is asked again where the old date may have failed.

    That is an unpaid renewal, at once, and an auto-refill that was suspended because the card had expired, or because
    Stripe had no longer what was charged. Any other suspension stays: the number is the same.
    """
    if wallet.default_card is None or wallet.default_card.fingerprint != card.fingerprint:
        return wallet
    refill = wallet.refill
    if refill is not None and refill.suspended in MENDED_BY_NEW_DATE and refill.breaker_card == card.fingerprint:
        refill = with_closed_breaker(refill)
    default = DefaultCard(card.payment_method_id, card.fingerprint)
    return replace(try_at_once(wallet, now), default_card=default, refill=refill)


def without_card(wallet: Wallet, card: Card, cards: Sequence[Card]) -> Wallet:
    """The wallet once `card` is removed. Raises CardIsDefault while the default is not the last one.

    Without any card, auto-refill is switched off.
    """
    if wallet.default_card is None or wallet.default_card.payment_method_id != card.payment_method_id:
        return wallet
    if any(other.is_usable and other != card for other in cards):
        raise CardIsDefault
    refill = wallet.refill
    return replace(wallet, default_card=None, refill=None if refill is None else replace(refill, enabled=False))
