"""HTTP at the edge: requests of API Gateway (payload format 2.0) in, JSON and problem+json (RFC 9457) out.

The one table of statuses is here. mypy refuses a code of the edge that it does not know, and a test a class of refusals
that has no status.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from billing.domain.complete import complete
from billing.domain.errors import BillingError, InvalidValue

Request = Mapping[str, Any]
Response = dict[str, Any]

RefusalCode = Literal[
    "malformed_json",
    "idempotency_key_required",
    "invalid_signature",
    "card_declined",
    "authentication_required",
    "insufficient_scope",
    "account_not_found",
    "route_not_found",
    "method_not_allowed",
    "gzip_required",
    "concurrency_limit_reached",
    "price_changed",
    "body_too_large",
    "unsupported_media_type",
    "invalid_value",
    "too_many_lines",
    "internal_error",
    "payments_refused",
    "payments_unavailable",
    "queue_unavailable",
    "store_unavailable",
]
"""The codes with which the edge itself refuses."""

_STATUS_OF_REFUSAL: Final[Mapping[str, int]] = complete(
    {
        "malformed_json": 400,
        "idempotency_key_required": 400,
        "invalid_signature": 400,
        "card_declined": 402,
        "authentication_required": 402,
        "insufficient_scope": 403,
        "account_not_found": 404,
        "route_not_found": 404,
        "method_not_allowed": 405,
        "gzip_required": 406,
        "concurrency_limit_reached": 409,
        "price_changed": 409,
        "body_too_large": 413,
        "unsupported_media_type": 415,
        "invalid_value": 422,
        "too_many_lines": 422,
        "internal_error": 500,
        "payments_refused": 502,
        "payments_unavailable": 503,
        "queue_unavailable": 503,
        "store_unavailable": 503,
    },
    get_args(RefusalCode),
)
# What the domain and the services refuse has its own code here, or the code of a class above its own.
STATUS_OF_CODE: Final[Mapping[str, int]] = {
    **_STATUS_OF_REFUSAL,
    "card_required": 402,
    "not_found": 404,
    "already_exists": 409,
    "conflict": 409,
    "too_many_events": 413,
    "billing_error": 422,
    "event_rejected": 422,
    "statement_in_progress": 503,
    "usage_in_progress": 503,
    "books_in_progress": 503,
}


class RequestRefused(BillingError):
    """A refusal of the edge itself, by its code; `facts` become members of the problem document."""

    def __init__(self, code: RefusalCode, detail: str, *, field: str | None = None, **facts: object) -> None:
        super().__init__(detail, field=field)
        self.code: str = code
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as the authorizer found. `account_id` is the one account it may touch, None for any."""

    key_id: str
    scopes: frozenset[str]
    account_id: str | None

    @property
    def is_customer(self) -> bool:
        """Whether it acts for one account alone: what is not on offer to customers is not there for it."""
        return self.account_id is not None

    @property
    def is_administrator(self) -> bool:
        return "admin" in self.scopes

    def require_scope(self, scope: str) -> None:
        """Raises `insufficient_scope`. An `admin` may do anything: it could make itself a key that does."""
        if scope not in self.scopes and not self.is_administrator:
            raise RequestRefused("insufficient_scope", f'this needs a key with the scope "{scope}"')

    def require_account(self, account_id: str) -> None:
        """Raises `account_not_found` for another's account: whether it exists is not the caller's to know."""
        if self.account_id is not None and account_id != self.account_id:
            raise RequestRefused("account_not_found", f'there is no account "{account_id}"')

    def require_platform(self) -> None:
        """Raises `insufficient_scope` for a key that is bound to an account: what it asks for concerns them all."""
        if self.account_id is not None:
            raise RequestRefused("insufficient_scope", "this needs a key that is bound to no account")


def caller_of(request: Request) -> Caller:
    """The caller as the Lambda authorizer's context states it; without one, a caller that may do nothing."""
    context = request.get("requestContext", {}).get("authorizer", {}).get("lambda") or {}
    account_id = context.get("account_id") or None
    scopes = frozenset((context.get("scopes") or "").split())
    return Caller(
        key_id=context.get("key_id") or "",
        # Who is bound to an account is no administrator, whatever the context says.
        scopes=scopes if account_id is None else scopes - {"admin"},
        account_id=account_id,
    )


def authorize(request: Request, scope: str) -> Caller:
    """The caller, who has `scope`. Raises `insufficient_scope`."""
    caller = caller_of(request)
    caller.require_scope(scope)
    return caller


def media_type(request: Request) -> str:
    """The content type in lower case, without its parameters; "" where the request states none."""
    stated: str = headers(request).get("content-type", "")
    return stated.partition(";")[0].strip().lower()


def headers(request: Request) -> Mapping[str, str]:
    """Headers by lower-case name, as payload format 2.0 has them."""
    return request.get("headers") or {}


def origin_of(request: Request) -> str:
    """Where the gateway was reached, such as "https://api.example.com"; "" where it does not say."""
    name = request.get("requestContext", {}).get("domainName")
    if not name:
        return ""
    sent = headers(request)
    # The gateway's own name has no port, which an emulator of it needs.
    _, colon, port = sent.get("host", "").rpartition(":")
    return f"{sent.get('x-forwarded-proto', 'http')}://{name}" + (f":{port}" if colon and port.isdigit() else "")


def body_text(request: Request, *, max_bytes: int) -> str:
    """The body as text. Raises `body_too_large`, or `malformed_json` where it is not UTF-8."""
    body: str = request.get("body") or ""
    too_large = RequestRefused("body_too_large", f"a body may have at most {max_bytes} bytes")
    if len(body) > max_bytes * 4 // 3 + 4:
        raise too_large
    if not request.get("isBase64Encoded"):
        if len(body.encode(errors="replace")) > max_bytes:
            raise too_large
        return body
    try:
        raw = base64.b64decode(body, validate=True)
        if len(raw) > max_bytes:
            raise too_large
        return raw.decode()
    except ValueError as error:
        raise RequestRefused("malformed_json", "the body is not text in UTF-8") from error


def status_of(error: BillingError) -> int:
    """The HTTP status of a failure: by its own code, else by the codes of its classes, the nearest first."""
    codes = (error.code, *(vars(cls).get("code", "") for cls in type(error).__mro__))
    return next(STATUS_OF_CODE[code] for code in codes if code in STATUS_OF_CODE)


def problem(error: BillingError, *, headers: Mapping[str, str] | None = None) -> Response:
    """The problem document of a failure, with its `code`, the `field` to blame (`errors` has all of them) and facts."""
    status = status_of(error)
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": error.code,
        "detail": _sentence(error),
    }
    if error.field is not None:
        document |= {"field": error.field, "errors": [{"field": error.field, "detail": error.detail}]}
    if isinstance(error, RequestRefused):
        document |= error.facts
    return _response(status, document, "application/problem+json", headers)


def _sentence(error: BillingError) -> str:
    return f"{error.field} {error.detail}" if isinstance(error, InvalidValue) and error.field else error.detail


def json_response(status: int, body: object, *, headers: Mapping[str, str] | None = None) -> Response:
    return _response(status, body, "application/json", headers)


def text_response(status: int, text: str, content_type: str, *, headers: Mapping[str, str] | None = None) -> Response:
    return {"statusCode": status, "headers": {"content-type": content_type, **(headers or {})}, "body": text}


def file_response(
    status: int, content: bytes, content_type: str, name: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Bytes as a file to keep, in base64 as the gateway wants them. `name` is ASCII without quotes."""
    kept = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, no-store",
        **(headers or {}),
    }
    text = base64.b64encode(content).decode()
    return {**text_response(status, text, content_type, headers=kept), "isBase64Encoded": True}


def _response(status: int, body: object, content_type: str, extra_headers: Mapping[str, str] | None) -> Response:
    text = json.dumps(body, separators=(",", ":"))
    return text_response(status, text, content_type, headers=extra_headers)
