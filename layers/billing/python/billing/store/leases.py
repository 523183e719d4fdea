"""Lease pages in the table: read together with the wallet, written where their version still stands.

A lease takes 16 bytes of its page: its key and its expiry. Ids as they are sent would take four times that, and an
account with thousands of live leases would cost four times as much to count.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pynamodb.attributes import BinaryAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from billing.domain.lease import KEY_BYTES, LeaseKey, LeasePage
from billing.domain.wallet import Wallet
from billing.store.attributes import IntegerAttribute
from billing.store.database import Database, Item, StoreBusy
from billing.store.tables import item_update, raw_item, readable
from billing.store.wallets import WalletItem, read_wallet


class LeasePageItem(Model):
    """A page of an account's concurrency leases: each write is conditioned on `version`; `leases` is packed."""

    class Meta:
        table_name = "leases"

    account_id = UnicodeAttribute(hash_key=True)
    page_number = IntegerAttribute(range_key=True)
    version = IntegerAttribute()
    pages = IntegerAttribute()
    leases = BinaryAttribute(legacy_encoding=False)
    delete_after = TTLAttribute(null=True)


_LEASE = struct.Struct(f">{KEY_BYTES}sI")
_KEPT = timedelta(days=1)  # after its last lease expired; DynamoDB deletes the page some time later
_KEY = ("account_id", "page_number")


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def with_wallet(self, account_id: str) -> tuple[Wallet | None, list[LeasePage]]:
        """An account's wallet and its lease pages, strongly consistent.

        One request reads the wallet and page 0, which is all there is up to PAGE_SLOTS slots. Beyond, one more reads
        the other pages, 250 leases for a read unit: exact, for 20 units where 5000 are live.
        """
        key = {"account_id": account_id}
        found = self._database.get_together({WalletItem: key, LeasePageItem: {**key, "page_number": 0}})
        wallet = read_wallet(found[WalletItem]) if WalletItem in found else None
        first = _page(found[LeasePageItem]) if LeasePageItem in found else None
        return wallet, self.with_further_pages(first, account_id)

    def of_account(self, account_id: str) -> list[LeasePage]:
        first = next((_page(item) for item in self._first_items([account_id])), None)
        return self.with_further_pages(first, account_id)

    def first_pages(self, account_ids: Iterable[str]) -> dict[str, LeasePage]:
        """Page 0 of those accounts that have one that can be read: a request for a hundred accounts."""
        first = self._first_items(account_ids)
        return dict(readable(LeasePageItem, first, lambda item: (item["account_id"]["S"], _page(item))))

    def with_further_pages(self, first: LeasePage | None, account_id: str) -> list[LeasePage]:
        """An account's pages, of which page 0 is read already: one more request where there are others."""
        if first is None or first.pages == 1:
            return [] if first is None else [first]
        further = self._database.page(
            "query",
            LeasePageItem,
            _KEY,
            limit=first.pages,
            start=None,
            ConsistentRead=True,
            KeyConditionExpression="account_id = :account AND page_number > :first",
            ExpressionAttributeValues={":account": {"S": account_id}, ":first": {"N": "0"}},
        )
        return [first, *(_page(item) for item in further.items)]

    def write(self, account_id: str, pages: Sequence[LeasePage], now: datetime) -> bool:
        """Write the pages, all or none. False, having written nothing, where one has moved on since it was read."""
        items = [_item(account_id, page, now) for page in pages]
        try:
            if len(pages) == 1:
                condition, compared = _unmoved(pages[0])
                return self._database.move(LeasePageItem, items[0], condition=condition, **compared)
            table = self._database.table(LeasePageItem)
            return self._database.transact([_update(table, *each) for each in zip(items, pages, strict=True)]) is None
        except StoreBusy:
            # A single write meets another's transaction: to be tried again, like any lost race.
            return False

    def _first_items(self, account_ids: Iterable[str]) -> Iterator[Item]:
        keys = [{"account_id": account_id, "page_number": 0} for account_id in account_ids]
        return self._database.get_many(LeasePageItem, keys)


def _item(account_id: str, page: LeasePage, now: datetime) -> Item:
    # Page 0 of an account with others stays: it is what says that there are others.
    deletable = page.number > 0 or page.pages == 1
    last = max(page.leases.values(), default=int(now.timestamp()))
    return raw_item(
        LeasePageItem,
        account_id=account_id,
        page_number=page.number,
        version=page.version + 1,
        pages=page.pages,
        leases=b"".join(_LEASE.pack(key, expiry) for key, expiry in page.leases.items()),
        delete_after=datetime.fromtimestamp(last, UTC) + _KEPT if deletable else None,
    )


def _unmoved(page: LeasePage) -> tuple[str, Item]:
    """The condition, and what it compares with."""
    if page.version == 0:
        return "attribute_not_exists(account_id)", {}
    return "#version = :read", {"read": {"N": str(page.version)}}


def _update(table: str, item: Item, page: LeasePage) -> Item:
    condition, compared = _unmoved(page)
    return {"Update": {"TableName": table, **item_update(LeasePageItem, item, condition=condition, **compared)}}


def _page(raw: Item) -> LeasePage:
    item = LeasePageItem.from_raw_data(raw)
    leases: dict[LeaseKey, int] = dict(_LEASE.iter_unpack(item.leases))
    return LeasePage(item.page_number, leases, item.version, item.pages)
