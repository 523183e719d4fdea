"""Find who holds an API key."""

from billing.domain.api_key import ApiKey, parse_key
from billing.store.store import Store

_SCHEME = "bearer"


def authenticate(authorization: str, store: Store) -> ApiKey | None:
    """The key of an `Authorization: Bearer tk_...` header, or None where it opens nothing."""
    scheme, _, text = authorization.strip().partition(" ")
    parsed = parse_key(text.strip()) if scheme.lower() == _SCHEME else None
    if parsed is None:
        return None
    key_id, secret = parsed
    key = store.api_keys.get(key_id)
    return key if key is not None and key.is_opened_by(secret) else None
