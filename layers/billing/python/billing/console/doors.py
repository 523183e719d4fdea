"""The way in, and what stands there for whom it is closed: pages without a visit."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from billing.console.answers import Redirect, html_response, redirect_response
from billing.console.cookies import NO_SESSION, SESSION_COOKIE, cookies_of, session_cookie
from billing.console.rendering import Speaker, render
from billing.console.static_files import ICON, STYLESHEET, brand_address
from billing.domain.portal_session import PortalSession, format_pass, parse_pass
from billing.services.portal_sessions import enter as enter_session
from billing.services.portal_sessions import find_visit
from billing.store.store import Store
from billing.web.http import Request, Response, headers

ENTRANCE = "/console/enter"
SIGNED_OUT = "/console/signed-out"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Door:
    """A page without a visit, by the code of its words; with `redirect`, the way in. Empty for who only looks ahead."""

    code: str
    status: HTTPStatus
    return_url: str | None = None
    redirect: Redirect | None = None
    forget: bool = False


def enter(store: Store, request: Request, now: datetime) -> Door:
    """Use a ticket up, and lead to a clean address. A browser that loads pages ahead of their use opens nothing."""
    method = request["requestContext"]["http"]["method"]
    purpose = headers(request).get("sec-purpose", "") + headers(request).get("purpose", "")
    if method != "GET" or "prefetch" in purpose:
        return Door("", HTTPStatus.NO_CONTENT)
    ticket = (request.get("queryStringParameters") or {}).get("t", "")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    session = enter_session(store, ticket, secret, now)
    if session is not None:
        cookie = session_cookie(
            format_pass(session.session_id, secret), int((session.expires_at - now).total_seconds())
        )
        return Door("", HTTPStatus.SEE_OTHER, redirect=Redirect(first_page(session), cookies=(cookie,)))
    visit = find_visit(store, cookies_of(request).get(SESSION_COOKIE, ""))
    parsed = parse_pass(ticket)
    if visit is not None and parsed is not None and visit.session_id == parsed[0] and not visit.is_over(now):
        return Door("", HTTPStatus.SEE_OTHER, redirect=Redirect(first_page(visit)))
    return Door("used", HTTPStatus.UNAUTHORIZED)


def first_page(session: PortalSession) -> str:
    return "/console" if session.page == "overview" else f"/console/{session.page}"


def closed(session: PortalSession | None) -> Door:
    """There is no visit, or it is over: its page says where to begin another one."""
    return_url = None if session is None else session.return_url
    return Door("ended", HTTPStatus.UNAUTHORIZED, return_url, forget=True)


def respond(door: Door, speaker: Speaker, sent: dict[str, str], *, zipped: bool) -> Response:
    if door.redirect is not None:
        return redirect_response(door.redirect, sent)
    if door.status == HTTPStatus.NO_CONTENT:
        return {"statusCode": door.status, "headers": sent, "body": ""}
    facts = {
        "speaker": speaker,
        "t": speaker.say,
        "title": speaker.plain(door.code),
        "code": door.code,
        "return_url": door.return_url,
        "stylesheet": STYLESHEET.address,
        "icon": ICON.address,
        "brand_stylesheet": brand_address(None),
    }
    cookies = [NO_SESSION] if door.forget else []
    return html_response(door.status, render("door.html", facts), sent, cookies, zipped=zipped)
