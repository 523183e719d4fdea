"""What a page answers: a page, a way to another one, a file. Every answer says that nobody on the way may keep it."""

import base64
import gzip
import json
import re
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from billing.console.cookies import notice_cookie
from billing.web.http import Response, text_response

HTML = "text/html; charset=utf-8"

_MOST_NOTICE_CHARACTERS = 2_000
_SMALL = 1_000
"""Bytes below which compression gains nothing."""

# The hosts of Stripe's page are those that a form may lead to: see `security_headers`.
_DENIED = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


@dataclass(frozen=True, slots=True)
class Notice:
    """What the page that is shown next says first, once: a code of the console's sentences, and its facts."""

    code: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tone: str = "ok"

    def to_cookie(self) -> str:
        text = json.dumps([self.code, dict(self.facts), self.tone], ensure_ascii=True)
        return notice_cookie(base64.urlsafe_b64encode(text.encode()).decode())

    @classmethod
    def parse(cls, value: str) -> "Notice | None":
        """None for what is none of ours."""
        try:
            said = json.loads(base64.urlsafe_b64decode(value[:_MOST_NOTICE_CHARACTERS]))
            code, facts, tone = said
        except (ValueError, NotBase64, TypeError):
            return None
        are_texts = isinstance(facts, dict) and all(isinstance(each, str) for each in facts.values())
        return cls(code, facts, tone) if isinstance(code, str) and are_texts and tone in _TONES else None


_TONES = frozenset({"ok", "info", "warn", "bad"})


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a field, in the customer's words. `field` is its name in the form; "" is the whole form."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A template with what it shows. `title` is a code of the console's sentences."""

    template: str
    title: str
    facts: Mapping[str, object] = field(default_factory=dict)
    status: int = HTTPStatus.OK
    errors: Sequence[FieldError] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """The way to another page, which a reload repeats without doing anything again (303)."""

    to: str
    notice: Notice | None = None
    cookies: tuple[str, ...] = ()


Answer = Page | Redirect


def security_headers(checkout_origins: Sequence[str]) -> dict[str, str]:
    """No script at all; styles and pictures from here alone; forms lead here, and to Stripe's page."""
    forms = " ".join(["'self'", *checkout_origins])
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": forms,
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": _DENIED,
        "strict-transport-security": "max-age=31536000; includeSubDomains",
        "cache-control": "private, no-store",
    }


def html_response(
    status: int, text: str, headers: Mapping[str, str], cookies: Sequence[str], *, zipped: bool
) -> Response:
    headers = {**headers, "vary": "accept-encoding, cookie"}
    return _with_cookies(maybe_zipped(status, text.encode(), HTML, headers, zipped=zipped), cookies)


def redirect_response(redirect: Redirect, headers: Mapping[str, str]) -> Response:
    cookies = [*redirect.cookies, *([] if redirect.notice is None else [redirect.notice.to_cookie()])]
    response = text_response(HTTPStatus.SEE_OTHER, "", HTML, headers={**headers, "location": redirect.to})
    return _with_cookies(response, cookies)


def maybe_zipped(
    status: int, content: bytes, content_type: str, headers: Mapping[str, str], *, zipped: bool
) -> Response:
    """The gateway compresses nothing."""
    if not zipped or len(content) < _SMALL:
        return text_response(status, content.decode(), content_type, headers=headers)
    packed = base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()
    sent = {**headers, "content-encoding": "gzip"}
    return {**text_response(status, packed, content_type, headers=sent), "isBase64Encoded": True}


def _with_cookies(response: Response, cookies: Sequence[str]) -> Response:
    return {**response, "cookies": list(cookies)} if cookies else response


_PATH = re.compile(r"/console(?:/[A-Za-z0-9_.~-]{1,64}){0,4}(?:\?[A-Za-z0-9_.~&=%+:-]{0,512})?", re.ASCII)


def own_path(text: str) -> str:
    """An address within the console, as a form may name where it came from; the first page for anything else."""
    return text if _PATH.fullmatch(text) else "/console"
