"""PDF files of documents in the table: made once, and the same bytes for ever.

A font, a template or a library may change with a release, and would draw the same facts otherwise. So the first file
that is made of a document is kept, and everybody gets that one. A file has 30 to 60 KB; an item may have 400 KB.
"""

import hashlib
from datetime import datetime

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.store.attributes import InstantAttribute
from billing.store.database import Database
from billing.store.tables import raw_item


class DocumentFileItem(Model):
    """A PDF by the id of its document, never changed."""

    class Meta:
        table_name = "document_files"

    document_id = UnicodeAttribute(hash_key=True)
    pdf = BinaryAttribute(legacy_encoding=False)
    sha256 = UnicodeAttribute()
    made_at = InstantAttribute()


class DocumentFiles:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, document_id: str) -> bytes | None:
        item = self._database.get(DocumentFileItem, {"document_id": document_id})
        return None if item is None else bytes(item.pdf)

    def keep(self, document_id: str, pdf: bytes, now: datetime) -> bytes:
        """Keep the file, if there is none yet. Returns the one that is kept, which another may have made first."""
        item = raw_item(
            DocumentFileItem,
            document_id=document_id,
            pdf=pdf,
            sha256=hashlib.sha256(pdf).hexdigest(),
            made_at=now,
        )
        if self._database.add(DocumentFileItem, item, "document_id"):
            return pdf
        kept = self.get(document_id)
        if kept is None:
            raise LookupError(f"the file of {document_id} was there and is gone")
        return kept
