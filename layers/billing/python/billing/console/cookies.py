"""The console's cookies: the visit, what the visitor chose, and what the next page says first.

`__Host-` and `Secure`: no other host and no plain connection can set them. No script reads them. Lax: the way in, and
the way back from Stripe's page, come from another site, and must find the visit.
"""

from collections.abc import Mapping

from billing.web.http import Request, headers

SESSION_COOKIE = "__Host-tt_session"
PREFERENCES_COOKIE = "__Host-tt_prefs"
NOTICE_COOKIE = "__Host-tt_notice"
_NOTICE_SECONDS = 60
_PREFERENCES_SECONDS = 31_536_000


def _cookie(name: str, value: str, seconds: int) -> str:
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"


NO_NOTICE = _cookie(NOTICE_COOKIE, "", 0)
NO_SESSION = _cookie(SESSION_COOKIE, "", 0)


def session_cookie(value: str, seconds: int) -> str:
    return _cookie(SESSION_COOKIE, value, seconds)


def preferences_cookie(language: str, theme: str) -> str:
    return _cookie(PREFERENCES_COOKIE, f"{language}.{theme}", _PREFERENCES_SECONDS)


def notice_cookie(value: str) -> str:
    return _cookie(NOTICE_COOKIE, value, _NOTICE_SECONDS)


def cookies_of(request: Request) -> Mapping[str, str]:
    """Cookies by name: from `cookies`, as AWS has them, or from the header, as an emulator leaves them there."""
    sent: list[str] = list(request.get("cookies") or headers(request).get("cookie", "").split(";"))
    pairs = (each.strip().partition("=") for each in sent)
    return {name: value for name, equals, value in pairs if equals}
