"""Amounts, quantities, dates and plurals, by language: one way for mails, pages, receipts and the API's sentences.

An amount is "USD 1,234.50" in every language: the code of ISO 4217 first, Latin digits, the sign before the number.
What stands around it isolates it, so that a line from right to left does not turn it round. Months, and the rules of
plurals, are those of Unicode's CLDR; a test compares both with Babel's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from billing.domain.account import LANGUAGES
from billing.domain.complete import complete
from billing.domain.decimals import format_millionths
from billing.domain.money import Money, minor_unit_decimals

_MICRO_DECIMALS = 6

# fmt: off
_MONTHS: Mapping[str, tuple[str, ...]] = complete(
    {
        "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        "ar": (
            "يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو",
            "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر",
        ),
    },
    LANGUAGES,
)
# fmt: on

Plural: TypeAlias = Literal["zero", "one", "two", "few", "many", "other"]
_FEW, _MANY = range(3, 11), range(11, 100)


def money_typed(amount: Money) -> str:
    """An amount as somebody would type it: "1234.50". What stands in a field of a form."""
    return money(amount).partition(" ")[2].replace(",", "")


def money(amount: Money) -> str:
    """What a card pays or gets back: the currency's own decimals. 51 USD are "USD 51.00", 1200 JPY are "JPY 1,200"."""
    return _with_decimals(amount, minor_unit_decimals(amount.currency))


def precise(amount: Money) -> str:
    """A unit price, or what a line costs: at least the currency's decimals, and no more than the amount has.

    0.0123 USD are "USD 0.0123", 0.3 USD are "USD 0.30".
    """
    return _with_decimals(amount, max(minor_unit_decimals(amount.currency), _decimals_needed(amount.micros)))


def in_a_column(amounts: Sequence[Money]) -> list[str]:
    """Amounts that stand below each other: all with as many decimals as the one that needs the most of them."""
    needed = [max(minor_unit_decimals(each.currency), _decimals_needed(each.micros)) for each in amounts]
    return [_with_decimals(each, max(needed, default=0)) for each in amounts]


def balance(amount: Money) -> str:
    """What somebody has: rounded down to the minor unit, but exact where that would show nothing or hide a debt.

    12.349 USD are "USD 12.34"; -0.001 USD are "USD -0.001", and not 0.00 or a cent; -1.251 USD are "USD -1.26".
    """
    decimals = minor_unit_decimals(amount.currency)
    minor_unit = 10 ** (_MICRO_DECIMALS - decimals)
    if abs(amount.micros) < minor_unit:
        return precise(amount)
    return _with_decimals(Money(amount.micros // minor_unit * minor_unit, amount.currency), decimals)


def quantity(millionths: int, unit: str) -> str:
    """ "5.2 minute": without trailing zeros. Units are the words of whoever made the plan."""
    return f"{format_millionths(millionths)} {unit}"


def date(moment: datetime, language: str) -> str:
    """The day in UTC: "23 Nov 2026", "23 نوفمبر 2026"."""
    day = moment.astimezone(UTC)
    return f"{day.day} {month(day.year, day.month, language)}"


def month(year: int, number: int, language: str) -> str:
    """ "Nov 2026", "نوفمبر 2026"."""
    return f"{_MONTHS[language][number - 1]} {year}"


def date_and_time(moment: datetime, language: str) -> str:
    """To the minute: "23 Nov 2026, 09:15 UTC"."""
    return f"{date(moment, language)}, {moment.astimezone(UTC):%H:%M} UTC"


def days(number: int, language: str) -> str:
    """ "1 day", "7 days"; in Arabic "يوم واحد", "يومان", "7 أيام", "11 يومًا", "100 يوم"."""
    return _DAYS[language][plural(number, language)].replace("#", str(number))


def plural(number: int, language: str) -> Plural:
    """The form that a language has for a whole number (CLDR, "Language Plural Rules")."""
    if language == "ar":
        return _arabic_plural(number)
    return "one" if number == 1 else "other"


def _arabic_plural(number: int) -> Plural:
    exact: Mapping[int, Plural] = {0: "zero", 1: "one", 2: "two"}
    if number in exact:
        return exact[number]
    rest = number % 100
    return "few" if rest in _FEW else "many" if rest in _MANY else "other"


_DAYS: Mapping[str, Mapping[Plural, str]] = complete(
    {
        "en": {"one": "# day", "other": "# days"},
        "ar": {
            "zero": "# يوم",
            "one": "يوم واحد",
            "two": "يومان",
            "few": "# أيام",
            "many": "# يومًا",
            "other": "# يوم",
        },
    },
    LANGUAGES,
)


def _decimals_needed(micros: int) -> int:
    fraction = format_millionths(abs(micros), fixed=True).partition(".")[2]
    return len(fraction.rstrip("0"))


def _with_decimals(amount: Money, decimals: int) -> str:
    """The amount has no more decimals than these, or the minor unit's: money of cards is whole minor units."""
    whole, _, fraction = format_millionths(abs(amount.micros), fixed=True).partition(".")
    sign = "-" if amount.micros < 0 else ""
    shown = f"{sign}{int(whole):,}" + (f".{fraction[:decimals]}" if decimals else "")
    return f"{amount.currency} {shown}"
