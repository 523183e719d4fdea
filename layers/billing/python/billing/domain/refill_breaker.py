"""What makes auto-refill stop, and what lets it go on: declines, refunds, disputes, and what the customer does then.

What makes it stop (`Refill.suspended`), and what lets it go on:

    a decline's code    a payment by hand, another default card; a new date where only the date was wrong
    refunded            a payment by hand, another default card, settings that are saved
    dispute_opened      the same
    deficit_too_large   what leaves the missing amount within one charge: a payment by hand, an adjustment, settings
    too_many_refills    the next day (UTC), settings that are saved

A card that was declined is not asked again before `Refill.retry_at`, whatever else stops auto-refill meanwhile.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.auto_refill import DEFICIT_TOO_LARGE, TOO_MANY, counted_in_month, look_soon, month_of
from billing.domain.declines import Failure
from billing.domain.transaction import Transaction
from billing.domain.wallet import DefaultCard, Refill, Wallet

# After the first decline, after the second; the third suspends.
RETRY_AFTER = (timedelta(hours=1), timedelta(hours=24))
GIVES_UP_AFTER = len(RETRY_AFTER) + 1
# After a try that failed for no fault of the card's.
RETRY_UNBLAMED_AFTER = timedelta(hours=1)

DISPUTED = "dispute_opened"
REFUNDED = "refunded"
_OF_NO_CARD = frozenset({DEFICIT_TOO_LARGE, TOO_MANY})
_LIFTED_BY_SETTINGS = frozenset({DISPUTED, REFUNDED, *_OF_NO_CARD})


def with_closed_breaker(refill: Refill) -> Refill:
    """Auto-refill as if no card had failed; the last failure stays to be read until something is tried again."""
    refill = replace(refill, failures=0, retry_at=None, breaker_card=None)
    return refill if refill.suspended in _OF_NO_CARD else replace(refill, next_attempt_at=None, suspended=None)


def with_saved_settings(refill: Refill) -> Refill:
    """What the customer has confirmed by saving: all but what a card's declines have stopped, or made wait."""
    if refill.suspended in _LIFTED_BY_SETTINGS:
        is_given_up = refill.failures >= GIVES_UP_AFTER
        refill = replace(refill, suspended=refill.last_failure if is_given_up else None, started_today=0)
    return replace(refill, next_attempt_at=None, retry_at=_declined_until(refill))


def _declined_until(refill: Refill) -> datetime | None:
    """What a decline makes wait for: in a row of an older release the only thing that a clock is set for then."""
    if not refill.failures:
        return None
    return refill.retry_at or refill.next_attempt_at


def after_paid(wallet: Wallet, transaction: Transaction) -> Wallet:
    """A payment that the customer made closes the breaker. A refill's own ends it, and lifts no suspension."""
    refill = wallet.refill
    if refill is None:
        return wallet
    if refill.pending == transaction.transaction_id:
        refill = replace(refill, pending=None)
    elif transaction.kind == "auto_refill":
        # It had been taken for failed, and its amount with it.
        refill = replace(refill, charged_micros=refill.charged_micros + counted_in_month(refill, transaction))
    if transaction.is_by_hand or refill.suspended is None:
        refill = replace(with_closed_breaker(refill), last_failure=None)
    return replace(wallet, refill=refill)


def after_failed(wallet: Wallet, transaction: Transaction, why: Failure, now: datetime) -> Wallet:
    """Count the decline of a pending refill: wait 1 h, then 24 h, then give up; at once where asking again is no use.

    What is no decline does not count, and is tried again after an hour; what was no longer wanted, once it is. Nor does
    a decline of a card that is no longer the default count, or of a date that was renewed meanwhile: what took its
    place is tried soon. A card is known by its payment method, or by the number that we read when it was saved: what a
    bank says of the number may be another one by then. What was suspended before stays so, for the reason it had.
    """
    refill = wallet.refill
    if refill is None or refill.pending != transaction.transaction_id:
        return wallet
    refill = replace(refill, pending=None, charged_micros=refill.charged_micros - counted_in_month(refill, transaction))
    if why.is_unwanted:
        return look_soon(replace(wallet, refill=refill), now)
    refill = replace(refill, last_failure=why.code)
    if not why.is_decline:
        waits_until = None if refill.suspended else now + RETRY_UNBLAMED_AFTER
        return replace(wallet, refill=replace(refill, next_attempt_at=waits_until))
    card = wallet.default_card
    if card is None or _is_of_another_card(transaction, card, why):
        return look_soon(replace(wallet, refill=refill), now)
    is_hopeless = why.card_is_dead or why.needs_customer
    failures = GIVES_UP_AFTER if is_hopeless else min(refill.failures + 1, GIVES_UP_AFTER)
    retry_at = None if failures == GIVES_UP_AFTER else now + RETRY_AFTER[failures - 1]
    suspended = refill.suspended or (why.code if retry_at is None else None)
    refill = replace(
        refill,
        failures=failures,
        breaker_card=card.fingerprint,
        suspended=suspended,
        retry_at=retry_at,
        next_attempt_at=None if suspended else retry_at,
    )
    return replace(wallet, refill=refill)


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
    is_stopped_for_longer = refill.suspended is not None and refill.suspended not in _OF_NO_CARD
    return wallet if micros <= 0 or is_stopped_for_longer else _stopped(wallet, REFUNDED)


def after_dispute(wallet: Wallet) -> Wallet:
    """A dispute opened: whoever disputes one charge will dispute the next."""
    return _stopped(wallet, DISPUTED)


def _stopped(wallet: Wallet, why: str) -> Wallet:
    if wallet.refill is None:
        return wallet
    card = None if wallet.default_card is None else wallet.default_card.fingerprint
    return replace(wallet, refill=replace(wallet.refill, suspended=why, next_attempt_at=None, breaker_card=card))
