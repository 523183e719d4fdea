"""API keys: `tk_<id>_<secret>`, of which only the id and a hash of the secret are kept."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

SCOPES = ("usage:write", "calls:authorize", "billing:read", "billing:write", "admin")

_ADMIN = "admin"
_KEY = re.compile(r"tk_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key may do; bound to one account, or to none and then good for all."""

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    account_id: str | None
    created_at: datetime

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
