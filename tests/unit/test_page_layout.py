"""How a page is laid out: columns keep apart and line up, and a screen reader hears each figure with what it is of."""

import shutil
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest

from billing.domain.document import customer_of, seller_of
from billing.domain.month import Month
from billing.domain.statement import Statement, UsageLine
from billing.words.write_statement import write_statement
from tests.builders import NOW
from tests.documented import customer, seller
from typesetting import FONTS, typeset

PERIOD = "23 Nov 2026 – 23 Dec 2026"
WIDE = ("Conversation", PERIOD, "1,000,000", "1,234,567.25", "USD 0.000123", "USD 1,234,567.89")
COLUMNS = (
    ("Description", "start"),
    ("Period", "start"),
    *((text, "end") for text in ("Included", "Beyond", "Unit", "Sum")),
)


def table(*rows: tuple[str, ...], columns: tuple[tuple[str, str], ...] = COLUMNS) -> dict[str, Any]:
    return {
        "heading": None,
        "columns": [{"text": text, "align": align} for text, align in columns],
        "rows": [[{"text": text} for text in row] for row in rows],
        "strong_rows": [],
        "empty": None,
    }


def page(*tables: dict[str, Any], direction: str = "ltr", **facts: Any) -> dict[str, Any]:
    return {
        "language": "ar" if direction == "rtl" else "en",
        "direction": direction,
        "title": "Receipt",
        "subtitle": "TT-2026-000123",
        "document_title": "Receipt TT-2026-000123",
        "author": "Talktime Ltd",
        "keywords": ["TT-2026-000123"],
        "date": [2026, 11, 23],
        "brand": "Talktime Ltd",
        "parties": [{"label": "From", "lines": ["Talktime Ltd", "1 Example Street"]}],
        "facts": [["Paid", "20 Nov 2026"], ["Card", "Visa"]],
        "tables": list(tables),
        "totals": [{"label": "Total", "amount": "USD 53.00", "strong": True}],
        "notes": [],
        "footer": "Talktime Ltd",
        "page_label": "Page",
    } | facts


def edges(pdf: bytes, text: str) -> tuple[float, float]:
    """The left and the right edge of `text` on the first page, in points."""
    shown = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    found = shown.search(text, match_case=True).get_next()
    assert found is not None, text
    start, count = found
    boxes = [shown.get_charbox(place) for place in range(start, start + count)]
    return min(left for left, *_ in boxes), max(right for _, _, right, _ in boxes)


@pytest.mark.parametrize("count", range(2, 7))
def test_no_column_runs_into_the_next_one(count: int) -> None:
    made = typeset(page(table(WIDE[:count], columns=COLUMNS[:count])))
    first_words = [text if text.startswith("USD") else text.split()[0] for text in WIDE[:count]]
    # "23" is a day in other places, too.
    seen = [edges(made.pdf, "23 Nov" if word == "23" else word) for word in first_words]
    for (_, right), (left, _) in pairwise(seen):
        assert right < left


def test_a_long_name_wraps_within_its_column_of_a_wide_table() -> None:
    long_word, long_name = "M" * 60, "a name of very many words " * 4
    made = typeset(page(table((long_word, *WIDE[1:]), (long_name, *WIDE[1:]))))
    shown = pypdfium2.PdfDocument(made.pdf)[0].get_textpage()
    text = shown.get_text_range()
    letters = [shown.get_charbox(place) for place, letter in enumerate(text) if letter == "M"]
    period, _ = edges(made.pdf, "23 Nov")
    assert len(letters) >= 60
    assert max(right for _, _, right, _ in letters) < period
    assert edges(made.pdf, "name")[1] < period


@pytest.mark.parametrize("languages", [("en",), ("ar",), ("ar", "en")])
def test_the_largest_figures_of_a_statement_keep_apart_in_every_language(languages: tuple[str, ...]) -> None:
    largest = 999_999_999_999_999
    tokens = UsageLine(
        "tokens", "M" * 32, True, 111_111_111_111_111, 222_222_222_222_222, 333_333_333_333_333, largest, "p", 1
    )
    statement = Statement(
        account_id="acme",
        currency="OMR",
        month=Month(2026, 11),
        is_final=True,
        made_at=NOW,
        opening_micros=largest,
        closing_micros=0,
        movements={"usage": -largest},
        money=(),
        subscription=(),
        usage=(tokens,),
        customer=customer_of(customer()),
        languages=languages,
    )
    made = typeset(write_statement(statement, seller_of(seller())))
    seen = [edges(made.pdf, f"{digit * 9}.{digit * 6}") for digit in "123"]
    for (left, right), (other_left, other_right) in pairwise(seen):
        assert right < other_left or other_right < left


def test_figures_beyond_all_reason_still_make_a_document() -> None:
    made = typeset(page(table(("x", *["9" * 60] * 5))))
    assert made.pdf.startswith(b"%PDF-")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("amount", ["USD 4.00", "USD 1,234,567.89"])
def test_totals_stand_below_the_amounts_of_the_table(amount: str, direction: str) -> None:
    columns = (("Description", "start"), ("Amount", "end"))
    made = typeset(page(table(("Starter", amount), columns=columns), direction=direction))
    # By one word: pdfium gives those of a line from right to left in another order.
    assert edges(made.pdf, amount.rsplit(maxsplit=1)[-1])[1] == pytest.approx(edges(made.pdf, "53.00")[1], abs=0.5)


def test_what_a_fact_is_of_stands_before_it_in_either_direction() -> None:
    for direction, is_left in (("ltr", True), ("rtl", False)):
        made = typeset(page(direction=direction))
        label, fact = edges(made.pdf, "Paid"), edges(made.pdf, "Visa")
        gap = fact[0] - label[1] if is_left else label[0] - fact[1]
        assert 10 < gap < 40


def test_a_screen_reader_hears_each_fact_with_its_label_and_each_cell_with_its_header() -> None:
    """PDF/UA-1, 7.5: a table has headers. Facts and totals have none that typst can mark, so they are lists."""
    made = typeset(page(table(WIDE)))
    assert made.is_complete
    root: Any = pypdf.PdfReader(BytesIO(made.pdf)).trailer["/Root"]
    elements = elements_of(root["/StructTreeRoot"])
    assert len(with_tag(elements, "/LI")) == 3
    assert len(with_tag(elements, "/Table")) == 1
    assert len(with_tag(elements, "/TH")) == 6
    headers = [attribute.get("/Headers") for cell in with_tag(elements, "/TD") for attribute in attributes_of(cell)]
    assert len([each for each in headers if each]) == 6


def test_a_font_that_is_added_changes_nothing_that_ours_can_draw(tmp_path: Path) -> None:
    """Both fonts have digits, and the added one's name is first in the alphabet."""
    shutil.copy(FONTS / "NotoSansDevanagari-Regular.ttf", tmp_path)
    (tmp_path / "more").mkdir()
    shutil.copy(FONTS / "NotoSansArabic-Regular.ttf", tmp_path / "more")
    sheet: Any = pypdf.PdfReader(BytesIO(typeset(page(notes=["0123456789"]), fonts=tmp_path).pdf)).pages[0]
    fonts = {str(font.get_object()["/BaseFont"]) for font in sheet["/Resources"]["/Font"].values()}
    assert any("Devanagari" in name for name in fonts)
    assert not any("Arabic" in name for name in fonts)


def elements_of(node: Any) -> list[Any]:
    found = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(found, list):
        return [element for each in found for element in elements_of(each)]
    if not isinstance(found, dict):
        return []
    return [found, *elements_of(found.get("/K", []))]


def with_tag(elements: list[Any], tag: str) -> list[Any]:
    return [each for each in elements if each.get("/S") == tag]


def attributes_of(cell: Any) -> list[Any]:
    found = cell.get("/A", [])
    return [each.get_object() for each in (found if isinstance(found, list) else [found])]
