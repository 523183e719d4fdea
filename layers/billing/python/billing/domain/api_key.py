"""API keys: `tk_<id>_<secret>`, of which only the id and a hash of the secret are kept."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

SCOPES = ("usage:write", "calls:authorize", "billing:read", "billing:write", "admin")

USE_KEPT_EVERY = timedelta(minutes=15)

_ADMIN = "admin"
_KEY = re.compile(r"tk_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key may do; bound to one account, or to none and then good for all.

    `last_used_at` is a use of it that is at most USE_KEPT_EVERY older than the last one.
    """

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    account_id: str | None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """From its last moment on."""
        return self.expires_at is not None and now >= self.expires_at

    def is_use_news(self, now: datetime) -> bool:
        """Whether it is to be kept that the key was used now: not more often than every USE_KEPT_EVERY."""
        return self.last_used_at is None or now - self.last_used_at >= USE_KEPT_EVERY

    @property
    def granted(self) -> frozenset[str]:
        """What it may do now. A key that is bound to an account has no `admin`.

        One of an earlier release that has it keeps what that implied for its account, the four other scopes.
        """
        if self.account_id is None or _ADMIN not in self.scopes:
            return self.scopes
        return frozenset(SCOPES) - {_ADMIN}

    def is_opened_by(self, secret: str) -> bool:
        """Compares in constant time."""
        return hmac.compare_digest(self.secret_hash, hash_secret(secret))


def hash_secret(secret: str) -> str:
    """A plain SHA-256: the secret is 256 random bits, which no dictionary holds, so that a slow hash adds nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def format_key(key_id: str, secret: str) -> str:
    return f"tk_{key_id}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """The id and the secret of a key, or None for anything else."""
    match = _KEY.fullmatch(text)
    return None if match is None else (match[1], match[2])
