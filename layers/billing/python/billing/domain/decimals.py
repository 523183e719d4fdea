"""Exact decimals at the edge, integers inside.

A quantity is held as an integer number of millionths of its unit, a price or an amount as an integer number of
micro-units of the currency: sums and products of integers are exact at any size, and each division rounds in one named
place.
"""

import re
from decimal import Context, Decimal

from billing.domain.errors import InvalidValue

MILLION = 1_000_000
MAX_SIGNIFICANT_DIGITS = 28
MAX_INTEGER_DIGITS = 15
_MAX_CHARACTERS = 64

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_EXACT = Context(prec=80)


def parse_decimal(text: object, field: str, *, negative: bool = False) -> Decimal:
    """Read a decimal string exactly: plain notation, at most 28 significant digits, below 10^15.

    Raises InvalidValue, naming `field`, for anything else: numbers (JSON's are floats), exponents, NaN, Infinity,
    signs where a sign has no meaning.
    """
    if not isinstance(text, str):
        raise InvalidValue('must be a decimal string such as "12.50", not a JSON number', field=field)
    if len(text) > _MAX_CHARACTERS or not _DECIMAL.fullmatch(text):
        raise InvalidValue('must be a decimal in plain notation such as "12.50"', field=field)
    value = Decimal(text)
    if value < 0 and not negative:
        raise InvalidValue("must not be negative", field=field)
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    if len(digits) > MAX_SIGNIFICANT_DIGITS:
        raise InvalidValue(f"must have at most {MAX_SIGNIFICANT_DIGITS} significant digits", field=field)
    if value.adjusted() >= MAX_INTEGER_DIGITS:
        raise InvalidValue(f"must be below 10^{MAX_INTEGER_DIGITS}", field=field)
    return value


def parse_millionths(text: object, field: str, *, negative: bool = False) -> int:
    """Read a decimal string with at most six places as an integer number of millionths."""
    value = parse_decimal(text, field, negative=negative)
    scaled = _EXACT.multiply(value, Decimal(MILLION))
    if scaled != scaled.to_integral_value():
        raise InvalidValue("must have at most six decimal places", field=field)
    return int(scaled)


def divide_half_up(numerator: int, denominator: int) -> int:
    """Integer division rounded half up (away from zero at the half for positive values)."""
    return (2 * numerator + denominator) // (2 * denominator)


def format_millionths(value: int, *, fixed: bool = False) -> str:
    """Write millionths as a decimal string: six places when `fixed`, else without trailing zeros."""
    sign, magnitude = ("-", -value) if value < 0 else ("", value)
    whole, fraction = divmod(magnitude, MILLION)
    if fixed:
        return f"{sign}{whole}.{fraction:06d}"
    return f"{sign}{whole}.{fraction:06d}".rstrip("0").rstrip(".")
