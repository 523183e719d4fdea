"""Makes PDF files of pages that are ready to print, with typst (https://typst.app) and fonts of our own.

The same page gives the same bytes, in every process of a release: no clock, no font of the machine takes part. Over a
release of a font, of the template or of typst they may change: whoever wants a file for ever keeps it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import typst

_HERE = Path(__file__).parent
FONTS = _HERE / "fonts"
"""Noto Sans for Latin, Greek, Cyrillic and Vietnamese, Devanagari, Arabic and Hebrew. `more/` is for yours."""
_TEMPLATE = _HERE / "document.typ"
_FIRST_FAMILY = "Noto Sans"
_ADDED = "more"
_ONE_AT_A_TIME = Lock()
"""A compiler that two threads use at once raises in one of them."""


@dataclass(frozen=True, slots=True)
class Typeset:
    """A PDF. `is_complete`: every letter has a glyph, so that it is PDF/UA-1. Else a box stands in its place."""

    pdf: bytes
    is_complete: bool


def typeset(page: Mapping[str, Any], *, fonts: Path = FONTS) -> Typeset:
    """The PDF of a page, tagged, of its own language and date. `page` is text (see `document.typ`), never markup.

    PDF/UA-1 makes an error of a letter that no font has. A customer's name would take the document away: it is then
    made without the mark of the standard.
    """
    compiler, families = _compiler(fonts)
    inputs = {"page": json.dumps(page, ensure_ascii=False), "families": json.dumps(families)}
    year, month, day = page["date"]
    issued_on = datetime(year, month, day, tzinfo=UTC)
    with _ONE_AT_A_TIME:
        try:
            pdf = compiler.compile(sys_inputs=inputs, format="pdf", pdf_standards="ua-1", timestamp=issued_on)
        except typst.TypstError:
            pdf = compiler.compile(sys_inputs=inputs, format="pdf", timestamp=issued_on)
            return Typeset(_bytes(pdf), is_complete=False)
    return Typeset(_bytes(pdf), is_complete=True)


@cache
def _compiler(folder: Path) -> tuple[typst.Compiler, list[str]]:
    """The compiler with its fonts, read once, and their families: the first one that has a letter draws it."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
    added = {font.family for font in fonts.fonts() if font.path and Path(font.path).is_relative_to(folder / _ADDED)}
    # What is added draws only what ours cannot: else a font of many scripts would change documents of today.
    families = sorted(fonts.families(), key=lambda family: (family in added, family != _FIRST_FAMILY, family))
    return typst.Compiler(_TEMPLATE, root=_HERE, font_paths=fonts), families


def _bytes(made: bytes | list[bytes] | None) -> bytes:
    if not isinstance(made, bytes):
        raise TypeError("a PDF is one file")
    return made
