"""Pages from templates: what they may ask for, and the words in the visitor's language.

A fact inside a sentence is escaped and isolated: whatever its script, it turns round nothing that stands around it.
Templates are compiled when the layer is built (see `infra/layers.py`); from a checkout they are read as they lie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, ModuleLoader, StrictUndefined
from markupsafe import Markup

from billing.domain.decimals import format_millionths
from billing.domain.money import Money
from billing.words import formats
from billing.words.console_texts import CONSOLE
from billing.words.directions import RIGHT_TO_LEFT, one_line

_HERE = Path(__file__).parent
TEMPLATES = _HERE / "templates"
COMPILED = _HERE / "compiled"
_LONGEST_FACT = 600


def environment(loader: BaseLoader) -> Environment:
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )


def compile_templates(folder: Path) -> None:
    """Write the templates as Python modules, for a layer."""
    environment(FileSystemLoader(TEMPLATES)).compile_templates(str(folder), zip=None, ignore_errors=False)


@cache
def _pages() -> Environment:
    return environment(ModuleLoader(COMPILED) if COMPILED.is_dir() else FileSystemLoader(TEMPLATES))


def render(template: str, facts: Mapping[str, object]) -> str:
    return _pages().get_template(template).render(facts)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says things in a language, as a template asks for them."""

    language: str

    @property
    def direction(self) -> str:
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def say(self, code: str, **facts: object) -> Markup:
        """A sentence of the console, with its facts as they are shown."""
        shown = {name: str(isolated(fact)) for name, fact in facts.items()}
        return Markup(CONSOLE.say(self.language, code, **shown))  # noqa: S704  our words have no markup, facts are escaped

    def plain(self, code: str, **facts: object) -> str:
        """The same as text: for a title or an attribute, which the template escapes."""
        return CONSOLE.say(self.language, code, **{name: _text(fact) for name, fact in facts.items()})

    def day(self, moment: datetime) -> str:
        return formats.date(moment, self.language)

    def time(self, moment: datetime) -> str:
        return formats.date_and_time(moment, self.language)

    def minute(self, moment: datetime) -> str:
        """The same where what stands beside it says that it is in UTC."""
        return self.time(moment).removesuffix(" UTC")

    def month(self, year: int, number: int) -> str:
        return formats.month(year, number, self.language)

    def language_name(self) -> str:
        return {"en": "English", "ar": "العربية"}[self.language]


def isolated(fact: object) -> Markup:
    """A fact that keeps its own direction. One that is markup already has its own."""
    return (
        fact
        if isinstance(fact, Markup)
        else Markup("<bdi>{}</bdi>").format(one_line(str(fact), max_characters=_LONGEST_FACT))
    )


def _text(fact: object) -> str:
    return fact.striptags() if isinstance(fact, Markup) else one_line(str(fact), max_characters=_LONGEST_FACT)


def ltr(text: str) -> Markup:
    """What reads from left to right in every language: an amount, a card's number."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def amounts(currency: str) -> Mapping[str, Callable[[int], Markup]]:
    """Amounts in micro-units of the account's currency, each in the way that its place wants (see `formats`)."""
    return {
        "money": lambda micros: ltr(formats.money(Money(micros, currency))),
        "balance": lambda micros: ltr(formats.balance(Money(micros, currency))),
        "precise": lambda micros: ltr(formats.precise(Money(micros, currency))),
    }


_BRANDS: Mapping[str, str] = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "Eftpos Australia",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def card_name(card: Any) -> Markup:  # noqa: ANN401  a Card, or a CardFace
    """ "Visa •••• 4242"."""
    return ltr(card_text(card))


def card_text(card: Any) -> str:  # noqa: ANN401  the same
    brand = _BRANDS.get(card.brand, card.brand.capitalize())
    return f"{brand} •••• {card.last4}" if card.last4 else str(brand)


def quantity(millionths: int, unit: str) -> Markup:
    return Markup("{} <bdi>{}</bdi>").format(number(millionths), unit)


def number(millionths: int) -> str:
    """ "1,234.5": with the thousands apart, without trailing zeros."""
    whole, dot, fraction = format_millionths(millionths).partition(".")
    return f"{int(whole):,}{dot}{fraction}"
