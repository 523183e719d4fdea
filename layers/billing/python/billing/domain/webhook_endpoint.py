"""Webhook endpoints: where the platform hears of notices, which addresses may be spoken to, and when to give up."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from billing.domain.errors import InvalidValue
from billing.domain.web_address import check_web_address

MAX_ENDPOINTS = 20
SECRET_BYTES = 32
ROTATED_SECRET_LIVES = timedelta(hours=24)
DISABLED_AFTER = timedelta(days=3)

_SECRET_PREFIX = "whsec_"  # noqa: S105  (says what follows, and is none)
_GONE = 410
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One address. Without `events` it hears all of them. `failing_since` is the first failure since a success."""

    endpoint_id: str
    url: str
    events: tuple[str, ...]
    description: str
    created_at: datetime
    enabled: bool = True
    disabled_reason: str | None = None
    failing_since: datetime | None = None

    def wants(self, type_: str) -> bool:
        return not self.events or type_ in self.events

    def after_attempt(self, *, accepted: bool, status: int | None, now: datetime) -> "WebhookEndpoint":
        """Disabled where it says that it is gone (410), or has taken nothing for as long as a delivery is tried."""
        if accepted:
            return self if self.failing_since is None else replace(self, failing_since=None)
        if status == _GONE:
            return self._disabled("it answered 410 Gone", now)
        if self.failing_since is None:
            return replace(self, failing_since=now)
        if now - self.failing_since >= DISABLED_AFTER:
            return self._disabled(f"it has taken nothing for {DISABLED_AFTER.days} days", now)
        return self

    def _disabled(self, reason: str, now: datetime) -> "WebhookEndpoint":
        return replace(self, enabled=False, disabled_reason=reason, failing_since=self.failing_since or now)


def secret_text(secret: bytes) -> str:
    """The secret as its holder keeps it: `whsec_` and base64."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def sign(secrets: Sequence[str], message_id: str, timestamp: int, body: str) -> str:
    """The `webhook-signature` header of Standard Webhooks: one signature for each secret that is valid now."""
    content = f"{message_id}.{timestamp}.{body}".encode()
    keys = [base64.b64decode(secret.removeprefix(_SECRET_PREFIX)) for secret in secrets]
    digests = [hmac.new(key, content, hashlib.sha256).digest() for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def check_url(url: str, *, local: bool) -> str:
    """An address that somebody types, which is https and names a host of the internet. Raises InvalidValue.

    Where `local`, plain http and this machine are allowed. What a name stands for is checked at each delivery.
    """
    return require_allowed_url(check_web_address(url, "url"), local=local)


def require_allowed_url(url: str, *, local: bool) -> str:
    """The same of an address that is kept: a former release was less strict about its characters."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidValue("is not an address", field="url") from error
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise InvalidValue("must begin with https://", field="url")
    if not parts.hostname or port == 0 or parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidValue("must name a host, and have neither a user nor a fragment", field="url")
    if not local and not _may_be_public(parts.hostname):
        raise InvalidValue("must be an address on the internet", field="url")
    return url


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's own: not private, loopback, link-local (cloud metadata), ...

    An IPv6 address that wraps an IPv4 one (mapped, 6to4, NAT64) is only as public as what it wraps.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None or ip.is_site_local:
            return False
        nat64 = ipaddress.IPv4Address(int(ip) & (2**32 - 1)) if ip in _NAT64 else None
        wrapped = ip.ipv4_mapped or ip.sixtofour or nat64
        if wrapped is not None:
            return is_public(str(wrapped))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _may_be_public(host: str) -> bool:
    try:
        return is_public(host)
    except ValueError:
        # A name. Those without a dot, and these, never are the internet's.
        name = host.rstrip(".").lower()
        return "." in name and not name[-1].isdigit() and not name.endswith((".localhost", ".local", ".internal"))
