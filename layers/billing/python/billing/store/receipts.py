"""Receipts and credit notes in the table, and the counters that number them.

A number exists only with its document: the counter and up to 98 documents are written in one transaction. So a series
has no gap and no double, whatever dies when. A payment holds no lock for it: it is recorded before, without a number.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from billing.domain.document import Content, Counter, Document, Party, Series
from billing.domain.tax import TaxLine
from billing.domain.transaction import Transaction
from billing.store.attributes import InstantAttribute, IntegerAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.formats import TUPLE, PositionFormat
from billing.store.tables import raw_item
from billing.store.transactions import FACE, LINE

MAX_DOCUMENTS = 98
"""In one transaction of a hundred items: beside the counter, and the seller whose prefix the first number fixes."""

_RECEIPT = "receipt"
_CREDIT_NOTE = "credit_note#"


class ReceiptsByNumber(GlobalSecondaryIndex[Any]):
    """The documents of a series in the order of their numbers: what proves that none is missing."""

    class Meta:
        index_name = "by_number"
        projection = KeysOnlyProjection()

    series = UnicodeAttribute(hash_key=True)
    number = IntegerAttribute(range_key=True)


class ReceiptItem(Model):
    """A document of a transaction, never changed: `document` is "receipt", or "credit_note#" with the refund's id."""

    class Meta:
        table_name = "receipts"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    transaction_id = UnicodeAttribute(hash_key=True)
    document = UnicodeAttribute(range_key=True)
    series = UnicodeAttribute()
    number = IntegerAttribute()
    issued_at = InstantAttribute()
    account_id = UnicodeAttribute()
    prefix = UnicodeAttribute()
    transaction_kind = UnicodeAttribute()
    amount_micros = IntegerAttribute()
    currency = UnicodeAttribute()
    moved_at = InstantAttribute()
    seller = JsonAttribute()
    customer = JsonAttribute()
    languages = JsonAttribute()
    lines = JsonAttribute()
    taxes = JsonAttribute(null=True)
    notes = JsonAttribute(null=True)
    title = UnicodeAttribute(null=True)
    card = JsonAttribute(null=True)
    receipt_number = UnicodeAttribute(null=True)

    by_number = ReceiptsByNumber()


class ReceiptCounterItem(Model):
    """The last number of a series: of a seller's receipts, or credit notes, of a year."""

    class Meta:
        table_name = "receipt_counters"

    series = UnicodeAttribute(hash_key=True)
    issued = IntegerAttribute()
    last_at = InstantAttribute()


_PARTY = PositionFormat(Party, lines=TUPLE)
_TAX = PositionFormat(TaxLine)


class Receipts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_transactions(self, transaction_ids: Iterable[str]) -> dict[str, Document]:
        """The receipts that there are, by transaction."""
        keys = [{"transaction_id": each, "document": _RECEIPT} for each in transaction_ids]
        found = (read_document(item) for item in self._database.get_many(ReceiptItem, keys))
        return {document.content.transaction_id: document for document in found}

    def of_history(self, transactions: Iterable[Transaction]) -> dict[tuple[str, str | None], Document]:
        """All documents of some transactions: by transaction, and by refund if it is a credit note, else None."""
        keys = [
            {"transaction_id": each.transaction_id, "document": document}
            for each in transactions
            if each.is_money_received
            for document in (_RECEIPT, *(f"{_CREDIT_NOTE}{refund.refund_id}" for refund in each.refunds))
        ]
        found = (read_document(item) for item in self._database.get_many(ReceiptItem, keys))
        return {(document.content.transaction_id, document.content.refund_id): document for document in found}

    def credit_notes(self, transaction_id: str) -> list[Document]:
        """Of a transaction, in the order of their numbers."""
        pages = self._database.pages(
            "query",
            ReceiptItem,
            ConsistentRead=True,
            KeyConditionExpression="transaction_id = :transaction AND begins_with(document, :note)",
            ExpressionAttributeValues={":transaction": {"S": transaction_id}, ":note": {"S": _CREDIT_NOTE}},
        )
        notes = [read_document(item) for page in pages for item in page]
        return sorted(notes, key=lambda note: (note.year, note.number))

    def counter(self, series: Series) -> Counter:
        item = self._database.get(ReceiptCounterItem, {"series": _key(series)})
        return Counter(series) if item is None else Counter(series, item.issued, item.last_at)

    def counters(self) -> Iterator[Counter]:
        """Of all series: one a seller, kind and year."""
        for page in self._database.pages("scan", ReceiptCounterItem, ConsistentRead=True):
            for raw in page:
                item = ReceiptCounterItem.from_raw_data(raw)
                yield Counter(_series(item.series), item.issued, item.last_at)

    def numbers(self, series: Series) -> Iterator[int]:
        """The numbers of a series, in order, as the index has them: the last ones may come some moments later."""
        pages = self._database.pages(
            "query",
            ReceiptItem,
            limit=None,
            IndexName=ReceiptsByNumber.Meta.index_name,
            KeyConditionExpression="series = :series",
            ExpressionAttributeValues={":series": {"S": _key(series)}},
        )
        return (int(item["number"]["N"]) for page in pages for item in page)

    def issue(
        self, before: Counter, after: Counter, documents: Sequence[Document], with_them: Sequence[Item] = ()
    ) -> bool:
        """Write the documents and the counter that numbered them. At most MAX_DOCUMENTS.

        False, having written nothing, where another issuer was faster, or a document is there already.
        """
        items = [self._count(before, after), *map(self._put, documents), *with_them]
        return self._database.transact(items) is None

    def _count(self, before: Counter, after: Counter) -> Item:
        condition = "attribute_not_exists(series)" if before.issued == 0 else "issued = :seen"
        values = raw_item(ReceiptCounterItem, issued=after.issued, last_at=after.last_at)
        seen = {":seen": {"N": str(before.issued)}} if before.issued else {}
        return {
            "Update": {
                "TableName": self._database.table(ReceiptCounterItem),
                "Key": raw_item(ReceiptCounterItem, series=_key(after.series)),
                "UpdateExpression": "SET issued = :issued, last_at = :last_at",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {**{f":{name}": value for name, value in values.items()}, **seen},
            }
        }

    def _put(self, document: Document) -> Item:
        return self._database.put_new(ReceiptItem, _item(document), "transaction_id")


def read_document(raw: Item) -> Document:
    item = ReceiptItem.from_raw_data(raw)
    series = _series(item.series)
    kind: Any = item.transaction_kind
    content = Content(
        kind=series.kind,
        transaction_id=item.transaction_id,
        account_id=item.account_id,
        seller_id=series.seller_id,
        prefix=item.prefix,
        transaction_kind=kind,
        amount_micros=item.amount_micros,
        currency=item.currency,
        moved_at=item.moved_at,
        seller=_PARTY.read(item.seller),
        customer=_PARTY.read(item.customer),
        languages=tuple(item.languages),
        lines=tuple(map(LINE.read, item.lines)),
        taxes=tuple(map(_TAX.read, item.taxes or ())),
        notes=tuple(item.notes or ()),
        title=item.title,
        card=None if item.card is None else FACE.read(item.card),
        refund_id=item.document.removeprefix(_CREDIT_NOTE) if series.kind == "credit_note" else None,
        receipt_number=item.receipt_number,
    )
    return Document(content, series.year, item.number, item.issued_at)


def _item(document: Document) -> Item:
    content = document.content
    return raw_item(
        ReceiptItem,
        transaction_id=content.transaction_id,
        document=_RECEIPT if content.refund_id is None else f"{_CREDIT_NOTE}{content.refund_id}",
        series=_key(document.series),
        number=document.number,
        issued_at=document.issued_at,
        account_id=content.account_id,
        prefix=content.prefix,
        transaction_kind=content.transaction_kind,
        amount_micros=content.amount_micros,
        currency=content.currency,
        moved_at=content.moved_at,
        seller=_PARTY.write(content.seller),
        customer=_PARTY.write(content.customer),
        languages=list(content.languages),
        lines=[LINE.write(line) for line in content.lines],
        taxes=[_TAX.write(line) for line in content.taxes] or None,
        notes=list(content.notes) or None,
        title=content.title,
        card=None if content.card is None else FACE.write(content.card),
        receipt_number=content.receipt_number,
    )


def _key(series: Series) -> str:
    return f"{series.seller_id}#{series.kind}#{series.year}"


def _series(key: str) -> Series:
    # A seller's id has no "#".
    seller_id, kind, year = key.split("#")
    known: Any = kind
    return Series(seller_id, known, int(year))
