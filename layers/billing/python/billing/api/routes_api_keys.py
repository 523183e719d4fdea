"""API keys."""

import secrets

from billing.api.accounts import ApiKeyPage, ApiKeyView, NewApiKeyBody, NewApiKeyView
from billing.domain.api_key import format_key
from billing.services.api_keys import create_api_key, revoke_api_key
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery

_KEY_ID_BYTES = 8
_SECRET_BYTES = 32


class ApiKeysRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("POST", "/v1/api-keys", scope="admin", status=201, refusals={404: ("account_not_found",)})
    def create_api_key(self, call: Call, body: NewApiKeyBody) -> NewApiKeyView:
        """Make a key. It is shown in this answer only. From `expires_at` on it opens nothing."""
        secret = secrets.token_hex(_SECRET_BYTES)
        key = create_api_key(
            self._store,
            name=body.name,
            scopes=body.scopes,
            account_id=body.account_id,
            key_id=secrets.token_hex(_KEY_ID_BYTES),
            secret=secret,
            now=call.now,
            expires_at=body.expires_at,
        )
        return NewApiKeyView(**ApiKeyView.of(key).model_dump(), key=format_key(key.key_id, secret))

    @route("GET", "/v1/api-keys", scope="admin")
    def list_api_keys(self, query: PageQuery) -> ApiKeyPage:
        """All keys, without their secrets, the latest first; also those that have expired, until they are revoked."""
        page = self._store.api_keys.page(query.limit, query.cursor)
        return ApiKeyPage(items=[ApiKeyView.of(key) for key in page.items], next_cursor=page.next_cursor)

    @route("DELETE", "/v1/api-keys/{key_id}", scope="admin", refusals={404: ("api_key_not_found",)})
    def revoke_api_key(self, key_id: str) -> None:
        """The key opens nothing from now on."""
        revoke_api_key(self._store, key_id)
