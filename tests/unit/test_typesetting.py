"""Documents as PDF files: every script is drawn, in its own direction, the same bytes each time, tagged for readers."""

import hashlib
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter, ImageOps

from billing.domain.billing_details import BillingDetails
from billing.domain.document import Document, write_credit_notes, write_receipt
from billing.domain.transaction import TransactionLine
from billing.words.pages import Page, Paper
from billing.words.write_document import write_document
from tests.builders import NOW, PERIOD_END, PERIOD_START, micros
from tests.documented import VAT, customer, payment, refund, seller
from typesetting import FONTS, Typeset, typeset

ACME = BillingDetails("Acme Limited", ("12 Market Street",), "GB")
AL_NOOR = BillingDetails("شركة النور للاتصالات", ("1 Example Street", "مسقط، سلطنة عُمان"), "OM", "OM1100000001")
SCRIPTS = {
    "Latin": "Łódź Österreich Çelik Ñandú",
    "Greek": "Ελληνικά Αθήνα",
    "Cyrillic": "Кириллица Київ Ђорђе",
    "Vietnamese": "Công ty Viễn thông Đà Nẵng",
    "Devanagari": "हिन्दी भारत कंपनी",
    "Arabic": "شركة الاتصالات فارسی اردو",
    "Hebrew": "חברת תקשורת",
    "signs": "€ £ ₹ ₺ ₪ ₫ • – “ ” № % &",
}


def receipt(*, language: str = "en", details: BillingDetails | None = None, **of_seller: Any) -> Document:
    lines = (
        TransactionLine("", "1", micros("49.00"), PERIOD_START, PERIOD_END, code="plan", name="Starter"),
        TransactionLine("", "2", micros("4.00"), PERIOD_START, PERIOD_END, code="rental", name="Phone numbers"),
    )
    paid = payment(amount="53.00", lines=lines, refunds=(refund("a", "20.00"),))
    account = customer(language=language, details=details or ACME)
    content = write_receipt(paid, account, replace(seller(), **of_seller))
    return Document(content, 2026, 123, NOW)


def page_of(**facts: Any) -> Page:
    return {**write_document(receipt()), **facts}


def words(pdf: bytes) -> set[str]:
    """Words without marks: a reader gives Arabic in the order of its looks, and doubles its vowels."""
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages)
    plain = "".join(each for each in unicodedata.normalize("NFKC", text) if not unicodedata.combining(each))
    return {"".join(sorted(word)) for word in plain.split()}


def looks_like(word: str) -> str:
    plain = "".join(each for each in unicodedata.normalize("NFKC", word) if not unicodedata.combining(each))
    return "".join(sorted(plain))


def picture(pdf: bytes, page: int = 0, *, scale: float = 2) -> Image.Image:
    shown: Image.Image = pypdfium2.PdfDocument(pdf)[page].render(scale=scale).to_pil()
    return shown.convert("L")


def last_line(pdf: bytes) -> Image.Image:
    """What is seen of the last line above the footer, cut out: a note."""
    shown = picture(pdf, scale=4)
    shown = shown.crop((0, 0, shown.width, int(shown.height * 0.9)))
    ink = ImageOps.invert(shown)
    *_, bottom = ink.getbbox() or (0, 0, 0, 0)
    top = bottom
    while ink.crop((0, top - 8, ink.width, top)).getbbox() is not None:
        top -= 8
    line = shown.crop((0, top, shown.width, bottom))
    return line.crop(ImageOps.invert(line).getbbox())


def is_drawn_alike(first: Image.Image, second: Image.Image) -> bool:
    """The same line of black and white: the place on the page may differ by parts of a point."""
    if abs(first.width - second.width) > 3 or abs(first.height - second.height) > 3:
        return False
    size = (min(first.width, second.width), min(first.height, second.height))
    blurred = [each.resize(size).filter(ImageFilter.GaussianBlur(3)) for each in (first, second)]
    return sum(ImageChops.difference(*blurred).histogram()[100:]) < size[0]


def test_the_same_page_is_the_same_file_also_in_another_process() -> None:
    page = write_document(receipt(language="ar", details=AL_NOOR))
    here = {hashlib.sha256(typeset(page).pdf).hexdigest() for _ in range(3)}
    script = (
        "import hashlib, sys; from typesetting import typeset; from tests.unit.test_typesetting import *;"
        "print(hashlib.sha256(typeset(write_document(receipt(language='ar', details=AL_NOOR))).pdf).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert here == {other.stdout.strip()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_drawn(script: str) -> None:
    made = typeset(page_of(notes=[SCRIPTS[script]]))
    assert made.is_complete
    if script != "Devanagari":  # its letters change their order and merge: the words are no longer letters by letters
        assert {looks_like(word) for word in SCRIPTS[script].split()} <= words(made.pdf)


def test_a_name_no_font_has_still_gets_its_receipt() -> None:
    made = typeset(write_document(receipt(details=BillingDetails("北京电信 Telecom"))))
    assert not made.is_complete
    assert {looks_like("Telecom"), looks_like("TT-2026-000123")} <= words(made.pdf)
    assert root_of(made.pdf)["/MarkInfo"]["/Marked"]


def test_a_font_that_is_put_beside_ours_draws_what_ours_cannot(tmp_path: Path) -> None:
    page = page_of(notes=[SCRIPTS["Hebrew"]])
    for font in FONTS.glob("NotoSans-*.ttf"):
        shutil.copy(font, tmp_path)
    assert not typeset(page, fonts=tmp_path).is_complete
    richer = tmp_path / "richer"
    shutil.copytree(tmp_path, richer)
    (richer / "more").mkdir()
    shutil.copy(FONTS / "NotoSansHebrew-Regular.ttf", richer / "more")
    assert typeset(page, fonts=richer).is_complete


FOREIGN = ("1 Example Street", "London EC1A 1AA", "TT-2026-000123", "USD -1,253.00", "Visa •••• 4242", "VAT (20 %)")


@pytest.mark.parametrize("text", [*FOREIGN, "23 Nov 2026 – 23 Dec 2026", "Acme (UK) Ltd."])
def test_an_address_in_latin_keeps_its_order_on_an_arabic_receipt(text: str) -> None:
    """Not by the text that a reader extracts, but by the picture: the same line as on an English page."""
    pages = {language: write_document(receipt(language=language)) for language in ("en", "ar")}
    seen = [last_line(typeset({**page, "notes": [Paper([each]).fact(text)]}).pdf) for each, page in pages.items()]
    assert is_drawn_alike(*seen)


@pytest.mark.parametrize("text", ["1 Example Street", "23 Nov 2026 – 23 Dec 2026", "Acme (UK) Ltd."])
def test_what_is_not_isolated_would_be_turned_round(text: str) -> None:
    """So the test before this one can fail."""
    pages = [write_document(receipt(language=language)) for language in ("en", "ar")]
    assert not is_drawn_alike(*(last_line(typeset({**page, "notes": [text]}).pdf) for page in pages))


def test_arabic_letters_are_joined() -> None:
    page = write_document(receipt(language="ar"))
    joined, apart = (last_line(typeset({**page, "notes": [text]}).pdf) for text in ("شركة", "\u200c".join("شركة")))
    assert joined.width < apart.width


@pytest.mark.parametrize("hostile", ["#let x = 1", "*bold* _it_ $x^2$", "`raw` @ref <label> \\ // no", '"#"; [] {}'])
def test_what_people_typed_is_text_and_never_markup(hostile: str) -> None:
    made = typeset(write_document(receipt(details=BillingDetails(hostile, (hostile,)))))
    assert {looks_like(word) for word in hostile.split()} <= words(made.pdf)


def test_a_long_table_breaks_over_pages_and_loses_no_row() -> None:
    page = write_document(receipt())
    row = page["tables"][0]["rows"][0]
    rows = [[{"text": f"row-{number}"}, *row[1:]] for number in range(200)]
    made = typeset({**page, "tables": [{**page["tables"][0], "rows": rows}]})
    reader = pypdf.PdfReader(BytesIO(made.pdf))
    assert len(reader.pages) > 3
    text = " ".join(each.extract_text() for each in reader.pages)
    assert all(f"row-{number}" in text.split() for number in range(200))
    assert all("Unit price" in each.extract_text() for each in reader.pages[:-1])


@pytest.mark.parametrize(("language", "direction"), [("en", "/L2R"), ("ar", "/R2L")])
def test_a_document_is_tagged_named_and_marked_as_accessible(language: str, direction: str) -> None:
    made = typeset(write_document(receipt(language=language)))
    root = root_of(made.pdf)
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == language
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/ViewerPreferences"]["/Direction"] == direction
    assert b"pdfuaid" in root["/Metadata"].get_data()
    named = pypdf.PdfReader(BytesIO(made.pdf)).metadata
    assert named is not None
    assert "TT-2026-000123" in (named.title or "")
    tags = set(tags_of(root["/StructTreeRoot"]))
    assert {"/H1", "/Table", "/THead", "/TH", "/TR", "/TD"} <= tags


def root_of(pdf: bytes) -> Any:
    return pypdf.PdfReader(BytesIO(pdf)).trailer["/Root"]


def tags_of(node: Any) -> list[str]:
    found = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(found, list):
        return [tag for each in found for tag in tags_of(each)]
    if not isinstance(found, dict):
        return []
    return [str(found.get("/S", "")), *tags_of(found.get("/K", []))]


def test_a_credit_note_and_a_receipt_stay_below_a_hundred_kilobytes() -> None:
    paid = receipt(details=AL_NOOR, tax_rates=(VAT,))
    transaction = payment(amount="53.00", refunds=(refund("a", "20.00"),))
    (note,) = write_credit_notes(transaction, paid, [], customer(details=AL_NOOR), seller())
    files: list[Typeset] = [typeset(write_document(each)) for each in (paid, Document(note, 2026, 7, NOW))]
    assert all(10_000 < len(each.pdf) < 100_000 for each in files)


def test_what_is_copied_from_a_document_is_what_is_printed() -> None:
    """An identifier with a break that nobody sees in it would be found nowhere."""
    link = "https://agency.example/terms/of/service/2026"
    document = receipt(notes=(link,), details=BillingDetails("Donaudampfschifffahrtsgesellschaft"))
    text = pypdfium2.PdfDocument(typeset(write_document(document)).pdf)[0].get_textpage().get_text_bounded()
    for fact in (document.content.transaction_id, link, "Donaudampfschifffahrtsgesellschaft"):
        assert fact in text


def test_no_line_of_a_page_leaves_the_paper() -> None:
    """The longest that the API takes, in one word and in many."""
    long_word, long_line = "M" * 200, "Mmm " * 49
    details = BillingDetails(long_word, (long_line, long_word), "GB", "X" * 60)
    made = typeset(write_document(receipt(details=details, notes=(long_line * 2,), title="T" * 60)))
    shown = picture(made.pdf)
    margin = int(shown.width * 0.08)
    for edge in ((0, 0, margin, shown.height), (shown.width - margin, 0, shown.width, shown.height)):
        assert shown.crop(edge).getextrema() == (255, 255), "something is drawn in the margin"
