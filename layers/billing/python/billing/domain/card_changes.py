"""What may become of a saved card, and what that does to its account: verified or not, the default, renewed, removed.

As a transaction's end follows from a report alone (see `transaction.record`), a card's follows from what its bank said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.domain import refill_breaker
from billing.domain.auto_refill import look_soon, with_refill
from billing.domain.card import Card
from billing.domain.change import Change, Moved, Unmoved
from billing.domain.declines import Failure
from billing.domain.errors import Conflict
from billing.domain.renewal import try_at_once
from billing.domain.wallet import DefaultCard, Posted, Wallet

NewDate = Literal["taken_over", "declined", "outrun"]
"""What came of a date that was entered for a card. `outrun`: the card was changed meanwhile, so look again."""


class CardIsDefault(Conflict):
    """The default card can be removed only as the last one."""

    def __init__(self) -> None:
        super().__init__("this is the default card: make another one the default first", code="card_is_default")


def record_verdict(
    wallet: Wallet, card: Card, current: Card | None, why: Failure | None, now: datetime
) -> Change[None]:
    """A pending card's end: verified where `why` is None. The first usable card becomes the default.

    `card` is what was asked about, `current` what there is of it now. A verdict on anything else changes nothing.
    """
    if current is None or current.verification != "pending" or current.payment_method_id != card.payment_method_id:
        return Change(Posted(wallet), None)
    verdict = replace(current, verification="verified" if why is None else "failed", failure=why)
    after = wallet
    if why is None and wallet.default_card is None:
        # With the last card its date was forgotten, not that it had expired; the hold says that it has not.
        after = with_new_date(with_default_card(wallet, verdict, now), verdict, now)
    return Change(_posted(wallet, after, now), None, (Moved(current, verdict),))


def record_entered_date(
    wallet: Wallet, replaced: Card, entered: Card, *, current: Card | None, why: Failure | None, now: datetime
) -> Change[NewDate]:
    """Another date that was entered for a verified card takes the place of the old one, or stays out where declined.

    `replaced` is the card that `entered` was held against, `current` what there is of it now.
    """
    if current is not None and current.payment_method_id == entered.payment_method_id:
        return Change(Posted(wallet), "taken_over")
    if current is None or current.payment_method_id != replaced.payment_method_id or not current.is_usable:
        return Change(Posted(wallet), "outrun")
    if why is not None:
        return Change(Posted(wallet), "declined", (Moved(current, replace(current, failure=why)),))
    renewed = current.renewed_as(entered)
    posted = _posted(wallet, with_new_date(wallet, renewed, now), now)
    return Change(posted, "taken_over", (Moved(current, renewed),))


def record_network_date(wallet: Wallet, card: Card, seen: Card | None, now: datetime) -> Change[bool]:
    """Take over what the card's network changed. The answer says whether that is a new expiry date.

    `card` is ours, `seen` is the same card as Stripe has it now; None where what it has is no card.
    """
    renewed = card if seen is None else card.renewed_as(seen)
    if renewed == card:
        return Change(Posted(wallet), answer=False)
    has_new_date = not card.has_date_of(renewed)
    after = with_new_date(wallet, renewed, now) if has_new_date else wallet
    return Change(_posted(wallet, after, now), has_new_date, (Moved(card, renewed),))


def record_lost(wallet: Wallet, cards: Sequence[Card], fingerprint: str, now: datetime) -> Change[None]:
    """A card that Stripe has no longer for us is gone. Another verified one takes its place as the default.

    Without another one auto-refill is suspended as by a card that can no longer be charged, until a card is added.
    """
    card = next((each for each in cards if each.fingerprint == fingerprint), None)
    if card is None or card.verification not in {"pending", "verified"}:
        return Change(Posted(wallet), None)
    gone = replace(card, verification="gone", failure=Failure("card_unusable"))
    after = wallet
    if wallet.default_card is not None and wallet.default_card.payment_method_id == card.payment_method_id:
        other = next((each for each in cards if each.is_usable and each.fingerprint != fingerprint), None)
        if other is not None:
            after = with_default_card(wallet, other, now)
        else:
            refill = None if wallet.refill is None else refill_breaker.with_lost_card(wallet.refill, fingerprint)
            after = replace(wallet, default_card=None, refill=refill)
    return Change(_posted(wallet, after, now), None, (Moved(card, gone),))


def make_default(wallet: Wallet, card: Card, now: datetime) -> Change[None]:
    """Make a verified card the default, while it still is one."""
    return Change(_posted(wallet, with_default_card(wallet, card, now), now), None, (Unmoved(card),))


def _posted(before: Wallet, after: Wallet, now: datetime) -> Posted:
    """What became of a default card, with the refill that another one starts."""
    return Posted(after) if after.default_card == before.default_card else with_refill(Posted(after), now)


@dataclass(frozen=True, slots=True)
class Removal:
    """A card that is to be forgotten at Stripe, and whether auto-refill went off with it, since it was the last one."""

    card: Card
    auto_refill_switched_off: bool


def remove(wallet: Wallet, card: Card, cards: Sequence[Card]) -> Change[Removal]:
    """Take a card of `cards` away. Raises Conflict while it is being verified, CardIsDefault."""
    if card.verification == "pending":
        raise Conflict("the card is being verified: try again in a minute", code="card_not_verified")
    after = without_card(wallet, card, cards)
    was_on = wallet.refill is not None and wallet.refill.enabled
    switched_off = was_on and after.refill is not None and not after.refill.enabled
    removing = replace(card, verification="removing")
    return Change(Posted(after), Removal(removing, switched_off), (Moved(card, removing),))


def with_default_card(wallet: Wallet, card: Card, now: datetime) -> Wallet:
    """Make a verified card the default: an unpaid renewal is tried with it at once. The one that is so already, stays.

    Another card than the one that failed, or was disputed, closes the breaker of auto-refill, and ends the holds.
    """
    default = DefaultCard(card.payment_method_id, card.fingerprint)
    if default == wallet.default_card:
        return wallet
    refill = wallet.refill
    if refill is not None:
        refill = refill_breaker.with_other_card(refill, card.fingerprint)
    holds = tuple(hold for hold in wallet.holds if hold.card_fingerprint == card.fingerprint)
    chosen = replace(wallet, default_card=default, refill=refill, holds=holds)
    return chosen if chosen.is_default_held else try_at_once(chosen, now)


def with_new_date(wallet: Wallet, card: Card, now: datetime) -> Wallet:
    """Take over another expiry date of a card. As the default it is asked again where the old date may have failed.

    That is an unpaid renewal, at once, and an auto-refill that was suspended because the card had expired, or because
    Stripe had no longer what was charged. Any other suspension stays: the number is the same.
    """
    if wallet.default_card is None or wallet.default_card.fingerprint != card.fingerprint:
        return wallet
    refill = wallet.refill
    if refill is not None:
        refill = refill_breaker.with_new_date(refill, card.fingerprint)
    default = replace(wallet.default_card, payment_method_id=card.payment_method_id)
    tried = wallet if wallet.is_default_held else try_at_once(wallet, now, mended=True)
    renewed = replace(tried, default_card=default, refill=refill)
    return renewed if refill == wallet.refill else look_soon(renewed, now)


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
