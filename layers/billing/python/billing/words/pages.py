"""A page as `typesetting` lays it out: text that is ready to print, in one language or in two.

A page of two languages has each label in both, and each fact once where both say the same. Its direction is that of
the first one. Every fact is isolated, so that it keeps its own direction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.document import Party
from billing.domain.transaction import CardFace
from billing.words.countries import country
from billing.words.directions import RIGHT_TO_LEFT, isolate, one_line
from billing.words.document_texts import LABELS
from billing.words.formats import date

Page = Mapping[str, Any]
Cell = Mapping[str, str]

_MAX_FACT_CHARACTERS = 500
_BETWEEN = " · "


@dataclass(frozen=True, slots=True)
class Paper:
    """How a document of these languages says things."""

    languages: Sequence[str]

    @property
    def language(self) -> str:
        return self.languages[0]

    def fact(self, text: str) -> str:
        """A fact as it was given, in its own direction; nothing stays nothing."""
        return isolate(plain(text), self.language) if text else ""

    def said(self, say: Callable[[str], str], *, between: str = _BETWEEN) -> str:
        """What is said in each language, once where they say the same."""
        texts = dict.fromkeys(say(language) for language in self.languages)
        return next(iter(texts)) if len(texts) == 1 else between.join(isolate(text, self.language) for text in texts)

    def label(self, code: str) -> str:
        return self.said(lambda language: LABELS.say(language, code))

    def date(self, moment: datetime) -> str:
        return self.said(lambda language: date(moment, language))

    def span(self, start: datetime, end: datetime) -> str:
        """A line for each language: it is too long for one."""
        return self.said(lambda language: f"{date(start, language)} – {date(end, language)} (UTC)", between="\n")

    def party(self, label: str, party: Party) -> dict[str, Any]:
        lines = [self.fact(text) for text in (party.name, *party.lines)]
        code, tax_id = party.country, party.tax_id
        if code is not None:
            lines.append(self.said(lambda language: country(code, language)))
        if tax_id is not None:
            lines.append(f"{self.label('tax_id')}: {self.fact(tax_id)}")
        return {"label": self.label(label), "lines": lines}

    def card(self, face: CardFace) -> str:
        return self.fact(f"{face.brand.capitalize()} •••• {face.last4}")

    def page(
        self,
        *,
        title: str,
        number: str,
        issued_at: datetime,
        seller: Party,
        customer: Party,
        facts: Sequence[tuple[str, str]],
        tables: Sequence[Mapping[str, Any]],
        totals: Sequence[Mapping[str, Any]] = (),
        notes: Sequence[str] = (),
    ) -> Page:
        footer = [seller.name, *([seller.tax_id] if seller.tax_id else []), number]
        return {
            "language": self.language,
            "direction": "rtl" if self.language in RIGHT_TO_LEFT else "ltr",
            "title": title,
            "subtitle": self.fact(number),
            "document_title": plain(f"{title} {number}"),
            "author": plain(seller.name),
            "keywords": [number],
            "date": [issued_at.year, issued_at.month, issued_at.day],
            "brand": self.fact(seller.name),
            "parties": [self.party("from", seller), self.party("bill_to", customer)],
            "facts": [list(fact) for fact in facts],
            "tables": list(tables),
            "totals": list(totals),
            "notes": [self.fact(note) for note in notes],
            "footer": _BETWEEN.join(map(self.fact, footer)),
            "page_label": self.label("page"),
        }


def plain(text: str) -> str:
    """For what is no line of the page: without marks of direction."""
    return one_line(text, max_characters=_MAX_FACT_CHARACTERS)


def column(text: str, *, at_end: bool = False) -> Mapping[str, str]:
    return {"text": text, "align": "end" if at_end else "start"}
