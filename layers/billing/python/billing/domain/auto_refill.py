"""Auto-refill: when it starts, how much it charges, and the breaker that keeps a bad card from being asked on and on.

Pure, and decided with each change of the wallet: the transaction that lowers a balance also holds the intent to refill.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.subscription import month_after
from billing.domain.wallet import DefaultCard, Posted, Refill, Wallet

if TYPE_CHECKING:
    from billing.domain.declines import Failure
    from billing.domain.transaction import Transaction

# Every settlement imports this module and few start a refill: what only those need is imported where it is used.

# After the first decline, after the second; the third suspends.
RETRY_AFTER = (timedelta(hours=1), timedelta(hours=24))
_DISPUTED = "dispute_opened"
_ADVICE = {
    _DISPUTED: "A payment was disputed. Make another card the default, or pay by hand, to resume.",
    "authentication_required": "Your bank wants you to confirm payments. Pay by hand or change the default card.",
}
_OTHER_ADVICE = "The card was declined. Pay by hand or change the default card to resume."


def with_refill(posted: Posted, now: datetime) -> Posted:
    """The decision with what it starts: one refill where the balance is below the threshold and nothing forbids it."""
    wallet = posted.wallet
    refill, card = wallet.refill, wallet.default_card
    if refill is None or card is None or not _may_start(wallet, refill, now):
        return posted
    if wallet.balance_micros >= refill.threshold_micros:
        # Nothing to wait for any more: the next fall below the threshold starts one.
        return posted if refill.next_attempt_at is None else _with(posted, replace(refill, next_attempt_at=None))
    refill = _in_month(refill, now)
    amount = _amount(wallet, refill)
    if amount == 0:
        return _with(posted, replace(refill, next_attempt_at=_next_month(now)))
    return _started(posted, refill, card, amount, now)


def _may_start(wallet: Wallet, refill: Refill, now: datetime) -> bool:
    return (
        refill.enabled
        and wallet.status in {"active", "paused"}
        and refill.pending is None
        and refill.suspended is None
        and (refill.next_attempt_at is None or refill.next_attempt_at <= now)
    )


def _amount(wallet: Wallet, refill: Refill) -> int:
    """The smallest whole multiple that reaches the threshold, at least one, within the month's limit; 0 for none."""
    from billing.domain.charge_limits import largest_charge_micros

    missing = refill.threshold_micros - wallet.balance_micros
    multiples = max(1, -(-missing // refill.amount_micros))
    if refill.monthly_limit_micros is not None:
        multiples = min(multiples, (refill.monthly_limit_micros - refill.charged_micros) // refill.amount_micros)
    ceiling = max(1, largest_charge_micros(wallet.currency) // refill.amount_micros)
    return max(0, min(multiples, ceiling)) * refill.amount_micros


def _started(posted: Posted, refill: Refill, card: DefaultCard, amount: int, now: datetime) -> Posted:
    from billing.domain.money import Money
    from billing.domain.transaction import new_charge, transaction_id

    wallet = posted.wallet
    number = refill.started + 1
    charge = new_charge(
        transaction_id(wallet.account_id, "refill", number, now.isoformat()),
        wallet.account_id,
        "auto_refill",
        Money(amount, wallet.currency),
        card,
        now=now,
    )
    pending = replace(
        refill,
        pending=charge.transaction_id,
        started=number,
        charged_micros=refill.charged_micros + amount,
        next_attempt_at=None,
        last_attempt_at=now,
    )
    return replace(_with(posted, pending), refill=charge)


def with_closed_breaker(refill: Refill) -> Refill:
    """Auto-refill as if nothing had failed; the last failure stays to be read until something is tried again."""
    return replace(refill, failures=0, next_attempt_at=None, suspended=None, breaker_card=None)


def after_paid(wallet: Wallet, transaction: "Transaction") -> Wallet:
    """Any payment that arrived closes the breaker; the pending refill's also ends it."""
    refill = wallet.refill
    if refill is None:
        return wallet
    if refill.pending == transaction.transaction_id:
        refill = replace(refill, pending=None)
    elif transaction.kind == "auto_refill":
        # It had been taken for failed, and its amount with it.
        refill = replace(refill, charged_micros=refill.charged_micros + _counted(refill, transaction))
    return replace(wallet, refill=replace(with_closed_breaker(refill), last_failure=None))


def after_failed(wallet: Wallet, transaction: "Transaction", why: "Failure", now: datetime) -> Wallet:
    """Count the decline of a pending refill: wait 1 h, then 24 h, then give up; at once where asking again is no use.

    A card that is no longer the default does not count, nor does a date that was renewed meanwhile: what took its
    place is tried at once. What was suspended before stays so, for the reason it had.
    """
    refill = wallet.refill
    if refill is None or refill.pending != transaction.transaction_id:
        return wallet
    refill = replace(
        refill,
        pending=None,
        charged_micros=refill.charged_micros - _counted(refill, transaction),
        last_failure=why.code,
    )
    card = wallet.default_card
    if card is None or card.fingerprint != transaction.card_fingerprint:
        return replace(wallet, refill=refill)
    if card.payment_method_id != transaction.payment_method_id and why.mends_with_new_date:
        return replace(wallet, refill=refill)
    failures = refill.failures + 1
    gives_up = why.card_is_dead or why.needs_customer or failures > len(RETRY_AFTER)
    suspended = refill.suspended or (why.code if gives_up else None)
    refill = replace(
        refill,
        failures=failures,
        breaker_card=card.fingerprint,
        suspended=suspended,
        next_attempt_at=None if suspended else now + RETRY_AFTER[failures - 1],
    )
    return replace(wallet, refill=refill)


def after_dispute(wallet: Wallet) -> Wallet:
    """A dispute opened: whoever disputes one charge will dispute the next. Suspended until a payment or a new card."""
    refill = wallet.refill
    if refill is None:
        return wallet
    card = None if wallet.default_card is None else wallet.default_card.fingerprint
    return replace(wallet, refill=replace(refill, suspended=_DISPUTED, next_attempt_at=None, breaker_card=card))


def waits_for_month(refill: Refill) -> bool:
    """Whether the month's limit leaves no room, so that it goes on with the next month. A decline waits, too."""
    return refill.suspended is None and refill.next_attempt_at is not None and not refill.failures


def advice(refill: Refill) -> str | None:
    """What the customer can do about an auto-refill that is suspended, or waits for the next month."""
    if refill.suspended is not None:
        return _ADVICE.get(refill.suspended, _OTHER_ADVICE)
    if refill.next_attempt_at is None or not waits_for_month(refill):
        return None
    return (
        f"The monthly limit is reached. Auto-refill goes on at {refill.next_attempt_at.astimezone(UTC):%Y-%m-%d %H:%M} "
        "UTC. Raise the monthly limit or top up by hand to have credit before then."
    )


def _in_month(refill: Refill, now: datetime) -> Refill:
    month = _month(now)
    return refill if refill.month == month else replace(refill, month=month, charged_micros=0)


def _counted(refill: Refill, transaction: "Transaction") -> int:
    return transaction.amount_micros if refill.month == _month(transaction.created_at) else 0


def _month(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"


def _next_month(now: datetime) -> datetime:
    return month_after(month_start(now), 1)


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _with(posted: Posted, refill: Refill) -> Posted:
    return replace(posted, wallet=replace(posted.wallet, refill=refill))
