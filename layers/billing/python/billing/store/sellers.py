"""Sellers in the table, and who has which receipt prefix."""

from collections.abc import Iterable
from dataclasses import replace

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.domain.seller import PrefixTaken, Seller, TaxRate
from billing.store.attributes import InstantAttribute, IntegerAttribute, JsonAttribute
from billing.store.database import Canceled, Database, Item
from billing.store.formats import TUPLE, PositionFormat
from billing.store.tables import raw_item
from billing.store.versioned import versioned_update


class SellerItem(Model):
    """Who bills; each write is conditioned on `version`."""

    class Meta:
        table_name = "sellers"

    seller_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    name = UnicodeAttribute()
    receipt_prefix = UnicodeAttribute()
    created_at = InstantAttribute()
    legal_lines = JsonAttribute(null=True)
    country = UnicodeAttribute(null=True)
    tax_id = UnicodeAttribute(null=True)
    title = UnicodeAttribute(null=True)
    languages = JsonAttribute(null=True)
    notes = JsonAttribute(null=True)
    tax_rates = JsonAttribute(null=True)
    billing_url = UnicodeAttribute(null=True)
    is_numbering = BooleanAttribute(null=True)


class ReceiptPrefixItem(Model):
    """Whose a prefix is. Its key makes it impossible that two sellers have the same one, whoever asks first."""

    class Meta:
        table_name = "receipt_prefixes"

    prefix = UnicodeAttribute(hash_key=True)
    seller_id = UnicodeAttribute()


_RATE = PositionFormat(TaxRate, countries=TUPLE)
_CLAIM = 1
"""The place of the prefix's row in the transaction that writes a seller."""


class Sellers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, seller_id: str) -> Seller | None:
        item = self._database.get(SellerItem, {"seller_id": seller_id})
        return None if item is None else _seller(item)

    def get_many(self, seller_ids: Iterable[str]) -> dict[str, Seller]:
        """Those that are there."""
        keys = [{"seller_id": seller_id} for seller_id in seller_ids]
        found = map(read_seller, self._database.get_many(SellerItem, keys))
        return {seller.seller_id: seller for seller in found}

    def put(self, before: Seller | None, after: Seller) -> bool:
        """Write the seller, and claim its prefix in the place of its former one.

        False, having written nothing, where the seller has changed since `before` was read, or others were at work on
        it. Raises PrefixTaken.
        """
        items = [self._write(before, after)]
        if before is None or before.receipt_prefix != after.receipt_prefix:
            items.append(self._claim(after))
            items += [] if before is None else [self._release(before)]
        canceled = self._database.transact(items)
        if canceled is not None and _is_taken(canceled):
            raise PrefixTaken(after.receipt_prefix)
        return canceled is None

    def begin_numbering(self, seller: Seller) -> Item:
        """The part of a transaction that fixes the prefix, with the first document that is numbered with it."""
        return self._write(seller, replace(seller, is_numbering=True))

    def _write(self, before: Seller | None, after: Seller) -> Item:
        if before is None:
            return self._database.put_new(SellerItem, _item(after), "seller_id")
        item = _item(replace(after, version=before.version + 1))
        return versioned_update(self._database, SellerItem, item, before.version)

    def _claim(self, seller: Seller) -> Item:
        claim = raw_item(ReceiptPrefixItem, prefix=seller.receipt_prefix, seller_id=seller.seller_id)
        return self._database.put_new(ReceiptPrefixItem, claim, "prefix")

    def _release(self, seller: Seller) -> Item:
        key = raw_item(ReceiptPrefixItem, prefix=seller.receipt_prefix)
        return {"Delete": {"TableName": self._database.table(ReceiptPrefixItem), "Key": key}}


def _is_taken(canceled: Canceled) -> bool:
    if len(canceled.reasons) <= _CLAIM:
        return False
    reason = canceled.reasons[_CLAIM]
    return reason is not None and reason.condition_failed


def _item(seller: Seller) -> Item:
    return raw_item(
        SellerItem,
        seller_id=seller.seller_id,
        version=seller.version,
        name=seller.name,
        receipt_prefix=seller.receipt_prefix,
        created_at=seller.created_at,
        legal_lines=list(seller.legal_lines) or None,
        country=seller.country,
        tax_id=seller.tax_id,
        title=seller.title,
        languages=list(seller.languages) or None,
        notes=list(seller.notes) or None,
        tax_rates=[_RATE.write(rate) for rate in seller.tax_rates] or None,
        billing_url=seller.billing_url,
        is_numbering=seller.is_numbering or None,
    )


def read_seller(raw: Item) -> Seller:
    return _seller(SellerItem.from_raw_data(raw))


def _seller(item: SellerItem) -> Seller:
    return Seller(
        seller_id=item.seller_id,
        name=item.name,
        receipt_prefix=item.receipt_prefix,
        created_at=item.created_at,
        legal_lines=tuple(item.legal_lines or ()),
        country=item.country,
        tax_id=item.tax_id,
        title=item.title,
        languages=tuple(item.languages or ()),
        notes=tuple(item.notes or ()),
        tax_rates=tuple(map(_RATE.read, item.tax_rates or ())),
        billing_url=item.billing_url,
        is_numbering=item.is_numbering or False,
        version=item.version,
    )
