"""Leases on the wire: what a call asks to hold, and what it is told."""

import re
from collections.abc import Mapping

from billing.contracts.json_text import AmbiguousObject, loads
from billing.domain.instants import format_instant
from billing.domain.lease import MAX_TTL_SECONDS, MIN_TTL_SECONDS, Lease
from billing.domain.plan import CALL_CONCURRENCY
from billing.web.http import Request, RequestRefused, body_text

MAX_BODY_BYTES = 1024
_FIELDS = ("feature", "ttl_seconds")
# What the id of a call may be, since a lease of that id is given back by the call's event, but for the slash: API
# Gateway reads it as the end of the id, however it is escaped.
_LEASE_ID = re.compile(r"[!-.0-~]{1,128}")


def lease_id_of(request: Request) -> str:
    """The id in the path. Raises RequestRefused (422 `invalid_value`)."""
    lease_id: str = request["pathParameters"]["lease_id"]
    if not _LEASE_ID.fullmatch(lease_id):
        raise _refused("lease_id", "must be 1 to 128 visible ASCII characters without a slash")
    return lease_id


def ttl_seconds_of(request: Request) -> int:
    """How long the lease is to live. Raises MalformedJson, or RequestRefused (422 `invalid_value`) naming the field."""
    body = loads(body_text(request, max_bytes=MAX_BODY_BYTES))
    if not isinstance(body, Mapping) or isinstance(body, AmbiguousObject):
        raise _refused(None, "must be a JSON object that has no field twice")
    for name in _FIELDS:
        if name not in body:
            raise _refused(name, "is missing")
    for name in body:
        if name not in _FIELDS:
            raise _refused(ascii(name[:64])[1:-1], "is not a field of this request")
    if body["feature"] != CALL_CONCURRENCY:
        raise _refused("feature", f'must be "{CALL_CONCURRENCY}"')
    ttl_seconds = body["ttl_seconds"]
    if type(ttl_seconds) is not int or not MIN_TTL_SECONDS <= ttl_seconds <= MAX_TTL_SECONDS:
        raise _refused("ttl_seconds", f"must be a whole number from {MIN_TTL_SECONDS} to {MAX_TTL_SECONDS}")
    return ttl_seconds


def lease_view(lease: Lease) -> dict[str, object]:
    return {"expires_at": format_instant(lease.expires_at), "limit": lease.limit, "in_use": lease.in_use}


def _refused(field: str | None, says: str) -> RequestRefused:
    return RequestRefused("invalid_value", f"{field or 'the body'} {says}", field=field)
