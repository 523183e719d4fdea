"""Auto-refill as the customer sets it. What then starts by itself: see `auto_refill`."""

from dataclasses import dataclass, replace

from billing.domain.charge_limits import largest_charge_micros
from billing.domain.decimals import format_millionths
from billing.domain.errors import CardRequired, InvalidValue
from billing.domain.refill_breaker import with_saved_settings
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
    """Auto-refill as the customer wants it. What is pending, what was charged and the declines of a card stay.

    Raises InvalidValue for a threshold that is not above zero or is above what is charged at once, and for a monthly
    limit below the amount; CardRequired where it is on without a default card.
    """
    largest = largest_charge_micros(wallet.currency)
    if wanted.threshold_micros <= 0:
        # A balance of zero is not positive: an account that was paused would be refilled to it, and stay paused.
        raise InvalidValue("must be more than zero", field="threshold")
    if wanted.threshold_micros > largest:
        raise InvalidValue(f"must be at most {format_millionths(largest)} {wallet.currency}", field="threshold")
    amount = chargeable(wanted.amount_micros, wallet.currency)
    if wanted.monthly_limit_micros is not None and wanted.monthly_limit_micros < amount:
        raise InvalidValue("must be at least the amount", field="monthly_limit")
    if wanted.enabled and wallet.default_card is None:
        raise CardRequired("auto-refill needs a default card")
    return replace(
        wallet,
        refill=replace(
            with_saved_settings(wallet.refill or Refill()),
            enabled=wanted.enabled,
            threshold_micros=wanted.threshold_micros,
            amount_micros=amount,
            monthly_limit_micros=wanted.monthly_limit_micros,
        ),
    )


def switch_off(wallet: Wallet) -> Wallet:
    """Without auto-refill, whose settings stay for the next time."""
    return wallet if wallet.refill is None else replace(wallet, refill=replace(wallet.refill, enabled=False))
