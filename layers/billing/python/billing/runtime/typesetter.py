"""Makes PDF files of pages, with typst. A page with a letter that no font has is made all the same, and counted."""

import logging
from datetime import UTC, datetime

import typesetting
from billing.runtime import metrics
from billing.words.pages import Page

log = logging.getLogger(__name__)


def typeset(page: Page) -> bytes:
    """The PDF of a page: the same bytes for the same page, as long as fonts, template and typst stay."""
    made = typesetting.typeset(page)
    if not made.is_complete:
        log.warning("no font has a letter of a document", extra={"document": page["document_title"]})
    metrics.emit("receipts", datetime.now(UTC), counts={"DocumentsWithoutGlyph": int(not made.is_complete)})
    return made.pdf
