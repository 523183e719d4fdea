"""API keys in the table: by id, with the hash of the secret."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from billing.domain.api_key import USE_KEPT_EVERY, ApiKey
from billing.domain.instants import format_instant
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item, readable


class ListedApiKeys(GlobalSecondaryIndex[Any]):
    """All keys, the latest first. Keys only: what uses one does not write it."""

    class Meta:
        index_name = "listed"
        projection = KeysOnlyProjection()

    listed = UnicodeAttribute(hash_key=True)
    created_at = InstantAttribute(range_key=True)


class ApiKeyItem(Model):
    """An API key: its hash, never the key."""

    class Meta:
        table_name = "api_keys"

    key_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute()
    name = UnicodeAttribute()
    scopes = UnicodeAttribute()
    account_id = UnicodeAttribute(null=True)
    created_at = InstantAttribute()
    listed = UnicodeAttribute(null=True)
    expires_at = InstantAttribute(null=True)
    last_used_at = InstantAttribute(null=True)

    by_creation = ListedApiKeys()


_KEY = ("listed", "created_at", "key_id")
_LISTED = "all"


class ApiKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key_id: str) -> ApiKey | None:
        item = self._database.get(ApiKeyItem, {"key_id": key_id})
        return None if item is None else _api_key(item)

    def add(self, key: ApiKey) -> None:
        item = raw_item(
            ApiKeyItem,
            key_id=key.key_id,
            secret_hash=key.secret_hash,
            name=key.name,
            scopes=" ".join(sorted(key.scopes)),
            account_id=key.account_id,
            created_at=key.created_at,
            listed=_LISTED,
            expires_at=key.expires_at,
        )
        self._database.add(ApiKeyItem, item, "key_id")

    def remove(self, key_id: str) -> bool:
        """False where there was none."""
        return self._database.delete(ApiKeyItem, {"key_id": key_id})

    def mark_used(self, key_id: str, now: datetime) -> None:
        """Keep a use. Of many at the same moment one is written, and none makes a key that was removed."""
        self._database.update(
            ApiKeyItem,
            {"key_id": key_id},
            UpdateExpression="SET last_used_at = :now",
            ConditionExpression="attribute_exists(key_id) AND "
            "(attribute_not_exists(last_used_at) OR last_used_at <= :before)",
            ExpressionAttributeValues={
                ":now": {"S": format_instant(now)},
                ":before": {"S": format_instant(now - USE_KEPT_EVERY)},
            },
        )

    def page(self, limit: int, cursor: str | None) -> Listing[ApiKey]:
        """The latest first. One that was removed a moment ago is left out, and one that cannot be read is logged."""
        page = self._database.page(
            "query",
            ApiKeyItem,
            _KEY,
            limit=limit,
            start=start_key(cursor, _KEY, {"listed": {"S": _LISTED}}),
            IndexName=ListedApiKeys.Meta.index_name,
            KeyConditionExpression="listed = :all",
            ExpressionAttributeValues={":all": {"S": _LISTED}},
            ScanIndexForward=False,
        )
        listed = Listing.of(page, lambda item: str(item["key_id"]["S"]))
        read = self._database.get_many(ApiKeyItem, [{"key_id": key_id} for key_id in listed.items])
        keys = {key.key_id: key for key in readable(ApiKeyItem, read, _read)}
        return Listing([keys[key_id] for key_id in listed.items if key_id in keys], listed.next_cursor)

    def fill_list(self) -> int:
        """List the keys of earlier releases, by a scan; how many were not listed."""
        filled = 0
        for page in self._database.pages("scan", ApiKeyItem, FilterExpression="attribute_not_exists(listed)"):
            for item in page:
                filled += self._database.update(
                    ApiKeyItem,
                    {"key_id": item["key_id"]["S"]},
                    UpdateExpression="SET listed = :all",
                    ConditionExpression="attribute_exists(key_id)",
                    ExpressionAttributeValues={":all": {"S": _LISTED}},
                )
        return filled


def _read(raw: Item) -> ApiKey:
    return _api_key(ApiKeyItem.from_raw_data(raw))


def _api_key(item: ApiKeyItem) -> ApiKey:
    return ApiKey(
        key_id=item.key_id,
        secret_hash=item.secret_hash,
        name=item.name,
        scopes=frozenset(item.scopes.split()),
        account_id=item.account_id,
        created_at=item.created_at,
        expires_at=item.expires_at,
        last_used_at=item.last_used_at,
    )
