"""The console: finds whose visit a request is, lets the page answer, and turns what it answers into a response.

no visit        a page that says how to get in again
a form          is taken only from a page of this visit, and never in a visit that may only look
a refusal       is a page, too: nothing was changed, and what to do
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from secrets import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import unquote

from billing.console import doors, frame, static_files
from billing.console.answers import Answer, Page, Redirect, redirect_response, security_headers
from billing.console.cookies import PREFERENCES_COOKIE, SESSION_COOKIE, cookies_of
from billing.console.doors import Door
from billing.console.forms import read_fields, read_form
from billing.console.rendering import Speaker
from billing.console.routes import ROUTES, ConsoleRoute
from billing.console.visit import Preferences, Visit, preferred_language
from billing.domain.errors import BillingError, NotFound
from billing.domain.portal_session import PortalSession, parse_pass
from billing.payments.errors import PaymentsUnavailable
from billing.services.portal_sessions import find_visit
from billing.services.visits import find_customer
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.web.http import Request, RequestRefused, Response, headers, origin_of

if TYPE_CHECKING:
    from billing.payments.gateway import Gateway

Tell = Callable[[Mapping[str, object]], None]
_ALLOWED_READ_ONLY = frozenset({"/console/preferences", "/console/sign-out"})
_METHODS = {"HEAD": "GET"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, as far as it is known before its visit is."""

    request: Request
    method: str
    path: str
    now: datetime

    @property
    def zipped(self) -> bool:
        return "gzip" in headers(self.request).get("accept-encoding", "").lower()


class Console:
    """All pages over a store and Stripe. `checkout_origins` are where Stripe's pages are: forms may lead there."""

    def __init__(self, store: Store, gateway: "Callable[[], Gateway]", checkout_origins: Sequence[str]) -> None:
        self._store = store
        self._gateway = gateway
        self._headers = security_headers(checkout_origins)

    def respond(self, request: Request, now: datetime, tell: Tell) -> Response:
        """`tell` hears of each request once: the route, whose visit it is, and what came of it."""
        method = request["requestContext"]["http"]["method"]
        asked = _Asked(request, _METHODS.get(method, method), request["rawPath"].rstrip("/") or "/", now)
        facts: dict[str, object] = {"method": method}
        response = self._respond(asked, facts)
        tell({**facts, "status": response["statusCode"]})
        return {**response, "body": ""} if method == "HEAD" else response

    def _respond(self, asked: _Asked, facts: dict[str, object]) -> Response:
        file = static_files.find(asked.path)
        if file is not None and asked.method == "GET":
            facts |= {"route": "static"}
            return file.respond(zipped=asked.zipped)
        if asked.path == doors.SIGNED_OUT:
            return self._of_door(asked, Door("signed_out", HTTPStatus.OK))
        try:
            if asked.path == doors.ENTRANCE:
                facts |= {"route": doors.ENTRANCE}
                return self._of_door(asked, doors.enter(self._store, asked.request, asked.now))
            return self._of_visit(asked, facts)
        except StoreBusy as busy:
            facts |= {"reason": str(busy)}
        except BillingError as refusal:
            # Nothing of the visit is known yet.
            facts |= {"code": refusal.code}
        return self.apologize(asked.request, HTTPStatus.SERVICE_UNAVAILABLE)

    def apologize(self, request: Request, status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR) -> Response:
        """A page for who asked when something broke, or was out of reach: nothing is charged twice."""
        speaker = Speaker(preferred_language(request))
        return doors.respond(Door("unavailable", status), speaker, self._headers, zipped=False)

    def _of_visit(self, asked: _Asked, facts: dict[str, object]) -> Response:
        cookie = cookies_of(asked.request).get(SESSION_COOKIE, "")
        session = find_visit(self._store, cookie)
        if session is None or session.is_over(asked.now):
            facts |= {"code": "no_visit"}
            return self._of_door(asked, doors.closed(session))
        facts |= {"session_id": session.session_id, "account_id": session.account_id}
        if session.account_id is None:
            return self._of_door(asked, Door("nothing_here", HTTPStatus.NOT_FOUND))
        visit = self._visit(asked, session, cookie, session.account_id)
        answer = _answer(visit, asked, facts)
        if isinstance(answer, Redirect):
            return redirect_response(answer, self._headers)
        return frame.respond(answer, visit, asked.request, self._headers, zipped=asked.zipped)

    def _visit(self, asked: _Asked, session: PortalSession, cookie: str, account_id: str) -> Visit:
        customer = find_customer(self._store, account_id, session.seller_id, asked.now)
        chosen = Preferences.parse(cookies_of(asked.request).get(PREFERENCES_COOKIE, ""))
        language = chosen.language or session.language or customer.account.language
        parsed = parse_pass(cookie)
        return Visit(
            store=self._store,
            gateway=self._gateway,
            session=session,
            secret="" if parsed is None else parsed[1],
            customer=customer,
            speaker=Speaker(language),
            theme=chosen.theme,
            now=asked.now,
            origin=origin_of(asked.request),
            path=asked.path,
            query={},
            form={},
        )

    def _of_door(self, asked: _Asked, door: Door) -> Response:
        speaker = Speaker(preferred_language(asked.request))
        return doors.respond(door, speaker, self._headers, zipped=asked.zipped)


def _answer(visit: Visit, asked: _Asked, facts: dict[str, object]) -> Answer:
    """What the page answers. Whatever it refuses is a page as well."""
    try:
        found, parameters = _find(asked)
        facts |= {"route": f"{asked.method} {found.path}"}
        visit = replace(visit, query=read_fields(asked.request.get("rawQueryString", "")))
        if asked.method == "POST":
            visit = replace(visit, form=_own_form(visit, asked, found.path))
        return found.answer(visit, **parameters)
    except NotFound as refusal:
        facts |= {"code": refusal.code}
        return _message("nothing_here", HTTPStatus.NOT_FOUND)
    except (StoreBusy, PaymentsUnavailable) as trouble:
        facts |= {"reason": str(trouble)}
        return _message("unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
    except RequestRefused as refusal:
        facts |= {"code": refusal.code}
        return _message(*_REFUSED.get(refusal.code, ("not_taken", HTTPStatus.BAD_REQUEST)))
    except BillingError as refusal:
        facts |= {"code": refusal.code, "field": refusal.field}
        return _message("not_taken", HTTPStatus.BAD_REQUEST)


_REFUSED: Mapping[str, tuple[str, HTTPStatus]] = {
    "route_not_found": ("nothing_here", HTTPStatus.NOT_FOUND),
    "method_not_allowed": ("nothing_here", HTTPStatus.METHOD_NOT_ALLOWED),
    "invalid_signature": ("stale_form", HTTPStatus.FORBIDDEN),
    "insufficient_scope": ("only_looking", HTTPStatus.FORBIDDEN),
    "body_too_large": ("not_taken", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
}


def _message(code: str, status: HTTPStatus) -> Page:
    return Page("message.html", code, {"sentence": f"{code}_why"}, status=status)


def _find(asked: _Asked) -> tuple[ConsoleRoute, dict[str, str]]:
    """Raises RequestRefused (`route_not_found`, `method_not_allowed`)."""
    segments = asked.path.split("/")
    matching = [(each, found) for each in ROUTES if (found := _matched(each.path.split("/"), segments)) is not None]
    for each, found in matching:
        if each.method == asked.method:
            return each, found
    code = "method_not_allowed" if matching else "route_not_found"
    raise RequestRefused(code, "there is nothing at this address")  # type: ignore[arg-type]


def _matched(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    values: dict[str, str] = {}
    for name, segment in zip(pattern, segments, strict=True):
        if name.startswith("{"):
            values[name[1:-1]] = unquote(segment)
        elif name != segment:
            return None
    return values


def _own_form(visit: Visit, asked: _Asked, path: str) -> Mapping[str, str]:
    """What was sent, by a page of this very visit. Raises RequestRefused.

    Another site's form is told by the browser itself (Fetch Metadata), or by its origin, and cannot know the token.
    """
    sent = headers(asked.request)
    site = sent.get("sec-fetch-site")
    is_own = site == "same-origin" if site is not None else sent.get("origin") == visit.origin
    form = read_form(asked.request) if is_own else {}
    if not compare_digest(form.get("token", "").encode(), visit.form_token.encode()):
        raise RequestRefused("invalid_signature", "the form is of another visit")
    if visit.session.read_only and path not in _ALLOWED_READ_ONLY:
        raise RequestRefused("insufficient_scope", "this visit may only look")
    return form
