"""Find who holds an API key, and keep when it was used."""

import logging
from datetime import datetime

from billing.domain.api_key import ApiKey, parse_key
from billing.store.store import Store

log = logging.getLogger(__name__)

_SCHEME = "bearer"


def authenticate(authorization: str, store: Store, now: datetime) -> ApiKey | None:
    """The key of an `Authorization: Bearer tk_...` header, or None where it opens nothing, or nothing any more."""
    scheme, _, text = authorization.strip().partition(" ")
    parsed = parse_key(text.strip()) if scheme.lower() == _SCHEME else None
    if parsed is None:
        return None
    key_id, secret = parsed
    key = store.api_keys.get(key_id)
    if key is None or not key.is_opened_by(secret) or key.is_expired(now):
        return None
    return key


def keep_use(key: ApiKey, store: Store, now: datetime) -> None:
    """Keep that the key was used now, where that is news. Whoever holds a good key gets in, kept or not."""
    if not key.is_use_news(now):
        return
    try:
        store.api_keys.mark_used(key.key_id, now)
    except Exception:
        log.warning("that a key was used is not kept", exc_info=True, extra={"key_id": key.key_id})
