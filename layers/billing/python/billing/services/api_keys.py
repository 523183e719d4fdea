"""API keys: make one, revoke one."""

from collections.abc import Collection
from datetime import datetime

from billing.domain.api_key import ApiKey, hash_secret
from billing.domain.errors import InvalidValue, NotFound
from billing.services.accounts import find_account
from billing.store.store import Store


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"


def create_api_key(
    store: Store,
    *,
    name: str,
    scopes: Collection[str],
    account_id: str | None,
    key_id: str,
    secret: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Keep a new key; `format_key(key_id, secret)` is what its holder sends.

    `key_id` is 16 hexadecimal digits and `secret` 64, both random. Raises AccountNotFound for a key that would be bound
    to no account that exists, InvalidValue for one that would have expired.
    """
    if expires_at is not None and expires_at <= now:
        raise InvalidValue("must be a moment to come", field="expires_at")
    if account_id is not None:
        find_account(store, account_id, field="account_id")
    key = ApiKey(key_id, hash_secret(secret), name, frozenset(scopes), account_id, now, expires_at)
    store.api_keys.add(key)
    return key


def revoke_api_key(store: Store, key_id: str) -> None:
    """It opens nothing from now on. Raises ApiKeyNotFound."""
    if not store.api_keys.remove(key_id):
        raise ApiKeyNotFound(f'there is no API key "{key_id}"')
