"""What makes auto-refill stop, and what lets it go on: declines, refunds, disputes, and what the customer does then.

What makes it stop (`Refill.suspended`), and what lets it go on:

    a decline's code    a payment by hand, another default card; a new date where only the date was wrong
    refunded            a payment by hand, another default card, settings that are saved
    dispute_opened      the same, a dispute that is won, an administrator who lifts the hold (see `dispute_hold`)
    deficit_too_large   what leaves the missing amount within one charge: a payment by hand, an adjustment, settings
    too_many_refills    the next day (UTC), settings that are saved

A card that was declined is not asked again before `Refill.retry_at`, whatever else stops auto-refill meanwhile.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.auto_refill import (
    DEFICIT_TOO_LARGE,
    TOO_MANY,
    counted_in_month,
    look_soon,
    month_of,
    within_reach,
)
from billing.domain.declines import DISPUTE_OPENED, MENDED_BY_NEW_DATE, UNUSABLE, Failure
from billing.domain.transaction import Transaction
from billing.domain.wallet import DefaultCard, Refill, Wallet

# After the first decline, after the second; the third suspends.
RETRY_AFTER = (timedelta(hours=1), timedelta(hours=24))
GIVES_UP_AFTER = len(RETRY_AFTER) + 1
# After a try that failed for no fault of the card's, and after the next one that failed alike.
RETRY_UNBLAMED_AFTER = timedelta(hours=1)
RETRY_UNBLAMED_AGAIN_AFTER = timedelta(hours=24)

DISPUTED = DISPUTE_OPENED
REFUNDED = "refunded"
_STOPS = frozenset({DISPUTED, REFUNDED})
_OF_NO_CARD = frozenset({DEFICIT_TOO_LARGE, TOO_MANY})


def with_closed_breaker(refill: Refill) -> Refill:
    """Auto-refill as if no card had failed, and nothing had been refunded or disputed.

    No wait is left, so whoever calls this decides anew, or lets the clock (`look_soon`). The last failure stays to be
    read until something is tried again.
    """
    return _joined(replace(_without_stop(_without_declines(_parted(refill))), next_attempt_at=None))


def with_other_card(refill: Refill, fingerprint: str) -> Refill:
    """Auto-refill with another default card: what another card's declines or dispute have stopped goes on."""
    refill = _parted(refill)
    if refill.breaker_card != fingerprint:
        refill = _without_declines(refill)
    if refill.refunded_card != fingerprint:
        refill = replace(refill, refunded_card=None)
    if refill.stopped_card != fingerprint:
        refill = _without_first_stop(refill)
    return _joined(replace(refill, next_attempt_at=None))


def with_new_date(refill: Refill, fingerprint: str) -> Refill:
    """Auto-refill with another expiry date of a card: it mends what the old date broke, and nothing else."""
    refill = _parted(refill)
    if refill.breaker_card != fingerprint or refill.last_failure not in MENDED_BY_NEW_DATE:
        return refill
    return _joined(_without_declines(refill))


def with_saved_settings(refill: Refill) -> Refill:
    """What the customer has confirmed by saving: all but what a card's declines have stopped, or made wait."""
    refill = _parted(refill)
    if refill.suspended == TOO_MANY:
        refill = replace(refill, started_today=0)
    confirmed = None if refill.suspended in _OF_NO_CARD else refill.suspended
    refill = replace(refill, suspended=confirmed, next_attempt_at=None, retry_at=_declined_until(refill))
    return _joined(_without_stop(refill))


def with_lost_card(refill: Refill, fingerprint: str) -> Refill:
    """Auto-refill whose card is gone, as if that had been declined for good."""
    if not refill.enabled:
        return refill
    lost = replace(_parted(refill), failures=GIVES_UP_AFTER, breaker_card=fingerprint, retry_at=None)
    return _joined(replace(lost, last_failure=UNUSABLE))


def without_dispute(refill: Refill) -> Refill:
    """Auto-refill once a dispute stops it no more. What was refunded does so still."""
    refill = _parted(refill)
    return _joined(_without_first_stop(refill)) if refill.stopped == DISPUTED else refill


def _parted(refill: Refill) -> Refill:
    """The refill with each of its reasons by itself: an older release kept them in `suspended` alone."""
    why = refill.suspended
    if why in _STOPS and refill.stopped is None:
        return replace(refill, stopped=why, stopped_card=refill.breaker_card)
    if why is not None and why not in _STOPS | _OF_NO_CARD and refill.failures < GIVES_UP_AFTER:
        return replace(refill, failures=GIVES_UP_AFTER, last_failure=why)
    return refill


def _joined(refill: Refill) -> Refill:
    """The refill with `suspended` as its parts have it: what was stopped before a card that was given up."""
    given_up = refill.last_failure if refill.failures >= GIVES_UP_AFTER else None
    of_no_card = refill.suspended if refill.suspended in _OF_NO_CARD else None
    suspended = refill.stopped or given_up or of_no_card
    is_waiting = suspended is None or suspended == TOO_MANY
    return replace(refill, suspended=suspended, next_attempt_at=refill.next_attempt_at if is_waiting else None)


def _without_declines(refill: Refill) -> Refill:
    return replace(refill, failures=0, retry_at=None, breaker_card=None)


def _without_stop(refill: Refill) -> Refill:
    return replace(refill, stopped=None, stopped_card=None, refunded_card=None)


def _without_first_stop(refill: Refill) -> Refill:
    """Without the dispute; or, where there is none, without the refund."""
    card = refill.refunded_card
    if card is None:
        return _without_stop(refill)
    return replace(refill, stopped=REFUNDED, stopped_card=card or None, refunded_card=None)


def _declined_until(refill: Refill) -> datetime | None:
    """What a decline makes wait for: in a row of an older release the only thing that a clock is set for then."""
    if not refill.failures:
        return None
    return refill.retry_at or refill.next_attempt_at


def after_paid(wallet: Wallet, transaction: Transaction) -> Wallet:
    """Credit that the customer bought closes the breaker; a refill does that the default card paid, unless suspended.

    A renewal or a change of plan says nothing of it. A refill's own payment ends it, and lifts no suspension.
    """
    refill, card = wallet.refill, wallet.default_card
    if refill is None:
        return wallet
    if refill.pending == transaction.transaction_id:
        refill = replace(refill, pending=None)
    elif transaction.kind == "auto_refill":
        # It had been taken for failed, and its amount with it.
        refill = replace(refill, charged_micros=refill.charged_micros + counted_in_month(refill, transaction))
    is_by_default = card is not None and card.payment_method_id == transaction.payment_method_id
    has_refilled = transaction.kind == "auto_refill" and is_by_default and refill.suspended is None
    if transaction.kind == "top_up" or has_refilled:
        refill = replace(with_closed_breaker(refill), last_failure=None)
    return replace(wallet, refill=refill)


def look_after_payment(before: Wallet, after: Wallet, transaction: Transaction, now: datetime) -> Wallet:
    """The wallet once a payment was posted that has brought it from `before` to `after`. It starts no refill.

    The clock starts the next one where this was a refill's payment and not enough, where it lifted what had stopped
    auto-refill or the account, or where a refill waited already. Only credit that the customer bought brings a deficit
    within reach of one charge.
    """
    refill = before.refill
    if refill is None:
        return after
    if transaction.kind == "top_up":
        after = within_reach(after, now)
    was_stopped = refill.suspended is not None or refill.next_attempt_at is not None or before.is_locked
    is_own = refill.pending == transaction.transaction_id
    return look_soon(after, now) if is_own or was_stopped else after


def after_failed(wallet: Wallet, transaction: Transaction, why: Failure, now: datetime) -> Wallet:
    """Count the decline of a pending refill: wait 1 h, then 24 h, then give up; at once where asking again is no use.

    What is no decline does not count. It is tried again after an hour, then daily; what was given up as unwanted, as
    soon as it is wanted. A decline of a card that is no longer the default does not count either, nor of a date that
    was renewed meanwhile: what took its place is tried soon. A card is known by its payment method, or by the number
    that we read when it was saved: what a bank says of the number may be another one by then.
    """
    refill = wallet.refill
    if refill is None or refill.pending != transaction.transaction_id:
        return wallet
    refill = _parted(refill)
    refill = replace(refill, pending=None, charged_micros=refill.charged_micros - counted_in_month(refill, transaction))
    if why.is_unwanted:
        return look_soon(replace(wallet, refill=refill), now)
    was_unblamed = refill.last_failure == why.code
    refill = replace(refill, last_failure=why.code)
    if not why.is_decline:
        delay = RETRY_UNBLAMED_AGAIN_AFTER if was_unblamed else RETRY_UNBLAMED_AFTER
        return replace(wallet, refill=replace(refill, next_attempt_at=None if refill.suspended else now + delay))
    card = wallet.default_card
    if card is None or _is_of_another_card(transaction, card, why):
        return look_soon(replace(wallet, refill=refill), now)
    is_hopeless = why.card_is_dead or why.needs_customer
    failures = GIVES_UP_AFTER if is_hopeless else min(refill.failures + 1, GIVES_UP_AFTER)
    retry_at = None if failures == GIVES_UP_AFTER else now + RETRY_AFTER[failures - 1]
    refill = replace(
        refill, failures=failures, breaker_card=card.fingerprint, retry_at=retry_at, next_attempt_at=retry_at
    )
    return replace(wallet, refill=_joined(refill))


def _is_of_another_card(transaction: Transaction, default: DefaultCard, why: Failure) -> bool:
    """Whether a decline says nothing of the default card."""
    if transaction.payment_method_id == default.payment_method_id:
        return False
    return transaction.card_fingerprint != default.fingerprint or why.mends_with_new_date


def after_refund(wallet: Wallet, transaction: Transaction, micros: int) -> Wallet:
    """A refill's refund, or below zero one that the bank did not take: as far as it is refunded it counts no more.

    Who was given back what a refill took does not want it taken again.
    """
    refill = wallet.refill
    if refill is None or transaction.kind != "auto_refill":
        return wallet
    if refill.month == month_of(transaction.created_at):
        refill = replace(refill, charged_micros=max(0, refill.charged_micros - micros))
    wallet = replace(wallet, refill=refill)
    return wallet if micros <= 0 else _stopped(wallet, REFUNDED, transaction)


def after_dispute(wallet: Wallet, transaction: Transaction) -> Wallet:
    """A dispute opened: whoever disputes one charge of a card will dispute the next."""
    return _stopped(wallet, DISPUTED, transaction)


def _stopped(wallet: Wallet, why: str, transaction: Transaction) -> Wallet:
    """Suspended until another card than the transaction's is the default, or the customer says so."""
    if wallet.refill is None:
        return wallet
    refill = _parted(wallet.refill)
    default = None if wallet.default_card is None else wallet.default_card.fingerprint
    card = transaction.card_fingerprint or default
    if (refill.stopped, why) == (DISPUTED, REFUNDED):
        stopped = replace(refill, refunded_card=card or "")
    elif (refill.stopped, why) == (REFUNDED, DISPUTED):
        stopped = replace(refill, stopped=why, stopped_card=card, refunded_card=refill.stopped_card or "")
    else:
        stopped = replace(refill, stopped=why, stopped_card=card)
    return replace(wallet, refill=_joined(stopped))
