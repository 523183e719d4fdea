"""API keys in the table: by id, with the hash of the secret."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.api_key import ApiKey
from billing.store.attributes import InstantAttribute
from billing.store.database import Database
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item


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


_KEY = ("key_id",)


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
        )
        self._database.add(ApiKeyItem, item, "key_id")

    def remove(self, key_id: str) -> bool:
        """False where there was none."""
        return self._database.delete(ApiKeyItem, {"key_id": key_id})

    def page(self, limit: int, cursor: str | None) -> Listing[ApiKey]:
        page = self._database.page(
            "scan", ApiKeyItem, _KEY, limit=limit, start=start_key(cursor, _KEY), ConsistentRead=True
        )
        return Listing.of(page, lambda item: _api_key(ApiKeyItem.from_raw_data(item)))


def _api_key(item: ApiKeyItem) -> ApiKey:
    return ApiKey(
        key_id=item.key_id,
        secret_hash=item.secret_hash,
        name=item.name,
        scopes=frozenset(item.scopes.split()),
        account_id=item.account_id,
        created_at=item.created_at,
    )
