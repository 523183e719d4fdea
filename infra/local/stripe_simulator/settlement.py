"""In which currency money settles: its own, or one that Stripe converts everything to."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from infra.local.stripe_simulator.currencies import decimals, parse_currency
from infra.local.stripe_simulator.errors import Json, invalid


@dataclass(frozen=True, slots=True)
class Settled:
    """Money as it reaches the balance: minor units, and the rate where it was converted."""

    amount: int
    currency: str
    exchange_rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything is converted to `currency` by the rate of its own; what has no rate settles in itself.

    A rate is of major units: at 1.08, 10.00 EUR are 10.80 USD.
    """

    currency: str
    rates: dict[str, Decimal]

    def settle(self, amount: int, currency: str) -> Settled:
        """`amount` minor units, of either sign, as they reach the balance: rounded half up to a minor unit."""
        rate = self.rates.get(currency)
        if currency == self.currency or rate is None:
            return Settled(amount, currency, None)
        exact = rate * amount * Decimal(10) ** (decimals(self.currency) - decimals(currency))
        return Settled(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), self.currency, rate)


def read_settlement(currency: str | None, rates: Json) -> Settlement | None:
    """What a control call says; None where each currency settles in itself."""
    if currency is None:
        return None
    return Settlement(parse_currency(currency), {parse_currency(name): _rate(rate) for name, rate in rates.items()})


def _rate(text: object) -> Decimal:
    """Decimal text: a float would not be the rate that was meant."""
    try:
        rate = Decimal(text) if isinstance(text, str) else Decimal(0)
    except InvalidOperation:
        rate = Decimal(0)
    if not rate.is_finite() or rate <= 0:
        raise invalid(f"A rate is decimal text above 0: {text!r}", "rates")
    return rate
