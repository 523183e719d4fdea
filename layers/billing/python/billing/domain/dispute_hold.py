"""The hold of a dispute: no charge is made by itself to a card of which a payment is disputed.

    begins    when a dispute of a payment by this card is opened, or first heard of as lost; an inquiry holds nothing
    means     auto-refill is suspended (`dispute_opened`), and at the next renewal no card is asked: the month fails as
              `dispute_opened`, is due again on the days of dunning, and the account is locked after the last of them
    ends      when the dispute is won, another card becomes the default, or an administrator lifts it

A payment that was under way ends nothing. Auto-refill alone goes on also once the customer pays by hand or saves its
settings: who confirms it wants it. A card is known by the fingerprint that we read when it was saved, so a new payment
method of the same number is held, too.
"""

from dataclasses import replace
from datetime import datetime

from billing.domain.auto_refill import look_soon
from billing.domain.change import Change
from billing.domain.refill_breaker import after_dispute, without_dispute
from billing.domain.renewal import try_at_once
from billing.domain.transaction import Transaction
from billing.domain.wallet import MAX_HOLDS, DisputeHold, Posted, Wallet, post


def hold(wallet: Wallet, transaction: Transaction, dispute_id: str) -> Wallet:
    """Hold the transaction's card, where it was a card. Of more than MAX_HOLDS disputes the oldest holds no longer."""
    card = transaction.card_fingerprint
    if card is None:
        return wallet
    others = tuple(each for each in wallet.holds if each.dispute_id != dispute_id)
    return replace(wallet, holds=(*others, DisputeHold(dispute_id, card))[-MAX_HOLDS:])


def hold_and_stop(wallet: Wallet, transaction: Transaction, dispute_id: str) -> Wallet:
    """As `hold`, and suspend auto-refill: whoever disputes one charge will dispute the next."""
    return hold(after_dispute(wallet, transaction), transaction, dispute_id)


def end_hold(wallet: Wallet, dispute_id: str, now: datetime) -> Wallet:
    """The dispute is won. The card is asked again unless another dispute holds it."""
    return _without(wallet, tuple(each for each in wallet.holds if each.dispute_id != dispute_id), now)


def lift_by_hand(wallet: Wallet, *, reason: str, by: str, now: datetime) -> Change[None]:
    """All cards may be asked again, whatever becomes of their disputes. An entry without money says who and why.

    Where nothing is held, nothing is posted.
    """
    lifted = _without(wallet, (), now)
    if lifted == wallet:
        return Change(Posted(wallet), None)
    posted = post(
        wallet,
        lifted,
        cause=f"dispute_hold:{wallet.account_id}:{wallet.sequence + 1}",
        kind="dispute_hold",
        now=now,
        description=reason,
        postings=(),
        by=by,
    )
    return Change(posted, None)


def _without(wallet: Wallet, holds: tuple[DisputeHold, ...], now: datetime) -> Wallet:
    """With these holds alone: the next sweep tries an unpaid renewal, and the clock starts the next refill."""
    freed = replace(wallet, holds=holds)
    if freed.is_default_held:
        return freed
    if wallet.is_default_held:
        freed = try_at_once(freed, now)
    if wallet.refill is None or (refill := without_dispute(wallet.refill)) == wallet.refill:
        return freed
    return look_soon(replace(freed, refill=refill), now)
