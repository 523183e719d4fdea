"""Auto-refill as the customer sets it. What then starts by itself: see `auto_refill`."""

from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.auto_refill import RETRY_AFTER, month_start
from billing.domain.errors import CardRequired, InvalidValue
from billing.domain.transaction import chargeable
from billing.domain.wallet import Refill, Wallet


@dataclass(frozen=True, slots=True)
class RefillSettings:
    """What the customer wants of auto-refill: below which balance, how much at least, and at most in a month (UTC)."""

    enabled: bool
    threshold_micros: int
    amount_micros: int
    monthly_limit_micros: int | None = None


def configure(wallet: Wallet, wanted: RefillSettings) -> Wallet:
    """Auto-refill as the customer wants it. What is pending, what was charged and the breaker stay.

    Raises InvalidValue for a monthly limit below the amount, CardRequired where it is on without a default card.
    """
    amount = chargeable(wanted.amount_micros, wallet.currency)
    if wanted.monthly_limit_micros is not None and wanted.monthly_limit_micros < amount:
        raise InvalidValue("must be at least the amount", field="monthly_limit")
    if wanted.enabled and wallet.default_card is None:
        raise CardRequired("auto-refill needs a default card")
    refill = wallet.refill or Refill()
    return replace(
        wallet,
        refill=replace(
            refill,
            enabled=wanted.enabled,
            threshold_micros=wanted.threshold_micros,
            amount_micros=amount,
            monthly_limit_micros=wanted.monthly_limit_micros,
            next_attempt_at=_declined_until(refill),
        ),
    )


def switch_off(wallet: Wallet) -> Wallet:
    """Without auto-refill, whose settings stay for the next time."""
    return wallet if wallet.refill is None else replace(wallet, refill=replace(wallet.refill, enabled=False))


def _declined_until(refill: Refill) -> datetime | None:
    """What a decline makes wait for. A clock set for the month's limit must not outlive the limit."""
    waits_until, asked_at = refill.next_attempt_at, refill.last_attempt_at
    if waits_until is None or asked_at is None or not refill.failures:
        return None
    if waits_until != month_start(waits_until):
        return waits_until
    return min(waits_until, asked_at + RETRY_AFTER[refill.failures - 1])
