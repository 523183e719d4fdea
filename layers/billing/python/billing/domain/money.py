"""Money: an integer number of micro-units (1/1,000,000 of the major unit) with an ISO 4217 currency."""

from dataclasses import dataclass

from billing.domain.decimals import MILLION, format_millionths, parse_millionths
from billing.domain.errors import InvalidValue

MAX_AMOUNT_MICROS = 10**9 * MILLION

# ISO 4217 minor units, for what Stripe can charge. https://docs.stripe.com/currencies#zero-decimal
# fmt: off
_ZERO_DECIMAL = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
    }
)
_THREE_DECIMAL = frozenset(
    {
        "BHD", "JOD", "KWD", "OMR", "TND",
    }
)
# ISO 4217 gives them no decimals, Stripe two that are 0.
_WHOLE_UNITS = frozenset({"ISK", "UGX"})
_TWO_DECIMAL = frozenset(
    {
        "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND",
        "BOB", "BRL", "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CVE", "CZK", "DKK",
        "DOP", "DZD", "EGP", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL",
        "HTG", "HUF", "IDR", "ILS", "INR", "ISK", "JMD", "KES", "KGS", "KHR", "KYD", "KZT", "LAK", "LBP", "LKR",
        "LRD", "LSL", "MAD", "MDL", "MKD", "MMK", "MNT", "MOP", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN",
        "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "SAR", "SBD",
        "SCR", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB", "TJS", "TOP", "TRY", "TTD", "TWD",
        "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "WST", "XCD", "YER", "ZAR", "ZMW",
    }
)
# fmt: on
CURRENCIES = _ZERO_DECIMAL | _TWO_DECIMAL | _THREE_DECIMAL
"""All that can be charged."""
_MICROS_A_MINOR_UNIT = {0: 1_000_000, 2: 10_000, 3: 1_000}


def parse_currency(code: object, field: str = "currency") -> str:
    """Return the ISO 4217 code, or raise InvalidValue when it is not one that can be charged."""
    if isinstance(code, str) and code in CURRENCIES:
        return code
    raise InvalidValue('must be an ISO 4217 currency code in capitals, such as "USD"', field=field)


def minor_unit_decimals(currency: str) -> int:
    """Decimals of the currency's minor unit: 0, 2 or 3 (ISO 4217)."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. Constructing one from anything but an integer raises TypeError."""

    micros: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.micros) is not int:
            raise TypeError(f"money is an integer number of micro-units, not {type(self.micros).__name__}")

    @classmethod
    def parse(cls, text: object, currency: str, field: str = "amount", *, negative: bool = False) -> "Money":
        """Read a decimal string in major units: at most six places and a thousand million units."""
        micros = parse_millionths(text, field, negative=negative)
        if abs(micros) > MAX_AMOUNT_MICROS:
            raise InvalidValue("must be at most 1000000000", field=field)
        return cls(micros, currency)

    def to_wire(self) -> dict[str, str]:
        return {"amount": format_millionths(self.micros, fixed=True), "currency": self.currency}


def card_minor_units(amount: Money) -> int:
    """Convert to what Stripe charges, rounding up to a whole minor unit.

    Three-decimal currencies are rounded up to a multiple of ten minor units, since Stripe wants their last digit 0
    (https://docs.stripe.com/currencies#three-decimal), and ISK and UGX to whole units, since they have no smaller ones
    (https://docs.stripe.com/currencies#special-cases).
    """
    decimals = minor_unit_decimals(amount.currency)
    charged_in_minor_units = 10 if amount.currency in _THREE_DECIMAL else 100 if amount.currency in _WHOLE_UNITS else 1
    step_micros = charged_in_minor_units * _MICROS_A_MINOR_UNIT[decimals]
    return -(-amount.micros // step_micros) * charged_in_minor_units


def is_whole_minor_units(amount: Money) -> bool:
    """Whether it can be paid as it is by any means: 12.345 OMR can, 12.345 USD cannot."""
    return amount.micros % _MICROS_A_MINOR_UNIT[minor_unit_decimals(amount.currency)] == 0


def share(whole: Money, part: int, of: int) -> Money:
    """`part` of `of` as the same share of `whole`, half up to a minor unit. Of 50.00 EUR, 21.60 of 54.00 are 20.00 EUR.

    Parts are not negative, and of something.
    """
    minor_unit = _MICROS_A_MINOR_UNIT[minor_unit_decimals(whole.currency)]
    units = (2 * whole.micros * part + of * minor_unit) // (2 * of * minor_unit)
    return Money(units * minor_unit, whole.currency)


def from_minor_units(minor_units: int, currency: str) -> Money:
    return Money(minor_units * _MICROS_A_MINOR_UNIT[minor_unit_decimals(currency)], currency)
