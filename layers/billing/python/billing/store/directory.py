"""The directory: where accounts are listed by their names and addresses, in the order of `account_search.places_of`."""

from collections.abc import Iterator
from typing import cast

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.account import Account
from billing.domain.account_search import FoundBy, places_of
from billing.domain.errors import InvalidValue
from billing.store.database import Database, Item
from billing.store.tables import item_update, raw_item

Place = tuple[str, str]
"""A place in a list, by which it goes on behind it, and the account that is there."""


class DirectoryItem(Model):
    """That an account is found by its name, or by its e-mail address. Written with the account, in one transaction."""

    class Meta:
        table_name = "directory"

    found_by = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)
    account_id = UnicodeAttribute()


class Directory:
    def __init__(self, database: Database) -> None:
        self._database = database

    def pages(self, found_by: FoundBy, beginning: str, after: str | None, size: int) -> Iterator[list[Place]]:
        """The places that begin so, strongly consistent, in their order, behind the place `after`.

        Raises InvalidValue where that is none of them.
        """
        if after is not None and not after.startswith(beginning):
            raise InvalidValue("is not a cursor of this list", field="cursor")
        condition = "found_by = :by"
        values: Item = {":by": {"S": found_by}}
        if beginning:
            condition += " AND begins_with(place, :beginning)"
            values[":beginning"] = {"S": beginning}
        start = {} if after is None else {"ExclusiveStartKey": {"found_by": {"S": found_by}, "place": {"S": after}}}
        pages = self._database.pages(
            "query",
            DirectoryItem,
            limit=size,
            ConsistentRead=True,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            **start,
        )
        return ([(item["place"]["S"], item["account_id"]["S"]) for item in page] for page in pages)

    def all_pages(self) -> Iterator[list[tuple[FoundBy, Place]]]:
        """All rows, by a scan: for who puts the tables right, and nobody who waits."""
        for page in self._database.pages("scan", DirectoryItem):
            rows = [DirectoryItem.from_raw_data(item) for item in page]
            yield [(cast("FoundBy", row.found_by), (row.place, row.account_id)) for row in rows]

    def remove(self, found_by: FoundBy, place: str) -> None:
        self._database.delete(DirectoryItem, {"found_by": found_by, "place": place})


def listed(database: Database, account: Account, before: Account | None = None) -> list[Item]:
    """The parts of a transaction that list an account, and no more where it was listed `before`."""
    places = places_of(account)
    old = {} if before is None else places_of(before)
    rows = [raw_item(DirectoryItem, found_by=by, place=at, account_id=account.account_id) for by, at in places.items()]
    return [
        *(_listing(database, row) for row in rows),
        *(_unlisting(database, by, at) for by, at in old.items() if at != places[by]),
    ]


def _listing(database: Database, row: Item) -> Item:
    # A place holds its account's id: another account's is never there.
    condition = "attribute_not_exists(#account_id) OR #account_id = :account"
    update = item_update(DirectoryItem, row, condition=condition, account=row["account_id"])
    return {"Update": {"TableName": database.table(DirectoryItem), **update}}


def _unlisting(database: Database, found_by: str, place: str) -> Item:
    return {
        "Delete": {
            "TableName": database.table(DirectoryItem),
            "Key": raw_item(DirectoryItem, found_by=found_by, place=place),
        }
    }
