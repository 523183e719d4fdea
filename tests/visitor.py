"""A visitor of the console without a browser: it follows ways, keeps cookies, and fills in the forms of pages."""

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

from billing.console.app import Console
from billing.payments.gateway import Gateway
from billing.services.portal_sessions import Visitor as Who
from billing.services.portal_sessions import open_portal_session
from billing.store.store import Store
from tests.builders import NOW
from tests.paying_account import Paying

ORIGIN = "https://billing.example"
_TICKETS = iter(f"{number:043}" for number in range(1, 10**6))


@dataclass
class Form:
    """A form of a page: where it goes, and what is in it as it was shown."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """An answer of the console. `text` is what a person reads, all in one line."""

    status: int
    headers: Mapping[str, str]
    html: str
    cookies: tuple[str, ...]
    path: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def text(self) -> str:
        body = re.sub(r"<head>.*?</head>", " ", self.html, flags=re.DOTALL)
        return re.sub(r"\s+", " ", _Reader.text_of(body)).strip()

    @property
    def title(self) -> str:
        found = re.search("<title>(.*?)</title>", self.html)
        return "" if found is None else found[1]

    @property
    def forms(self) -> list[Form]:
        reader = _Reader()
        reader.feed(self.html)
        return reader.forms

    def form(self, button: str) -> Form:
        """The one with a button of this text."""
        found = [form for form in self.forms if any(text.startswith(button) for text, _ in form.buttons)]
        assert len(found) == 1, f"{button!r} is not the button of one form: {[each.buttons for each in self.forms]}"
        return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._button: list[str] | None = None
        self._named: dict[str, str] = {}

    @classmethod
    def text_of(cls, html: str) -> str:
        reader = cls()
        reader.feed(html)
        return "".join(reader.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag not in {"bdi", "a", "b", "strong"}:
            self.words.append(" ")
        if tag == "form":
            self.forms.append(Form(said.get("method", "get").upper(), said.get("action", "")))
        if tag == "input" and self.forms and "name" in said:
            is_choice = said.get("type") in {"radio", "checkbox"}
            if not is_choice or "checked" in said:
                self.forms[-1].fields[said["name"]] = said.get("value", "")
        if tag == "button":
            self._button, self._named = [], {said["name"]: said.get("value", "")} if "name" in said else {}

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"bdi", "a", "b", "strong"}:
            self.words.append(" ")
        if tag == "button" and self._button is not None:
            self.forms[-1].buttons.append((re.sub(r"\s+", " ", "".join(self._button)).strip(), self._named))
            self._button = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._button is not None:
            self._button.append(data)


@dataclass
class Visitor:
    """`cookies` are a browser's. `told` is what the log was told."""

    store: Store
    gateway: Gateway
    now: datetime = NOW
    cookies: dict[str, str] = field(default_factory=dict)
    told: list[Mapping[str, object]] = field(default_factory=list)
    aws_cookies: bool = True

    @property
    def console(self) -> Console:
        return Console(self.store, lambda: self.gateway, ("https://checkout.stripe.com",))

    def at(self, now: datetime) -> "Visitor":
        return replace(self, now=now)

    def send(self, method: str, address: str, fields: Mapping[str, str] | None = None, **headers: str) -> Shown:
        """One request, as a browser sends it from a page of ours. Headers are named with underscores."""
        event = self.event(method, address, fields, **headers)
        return self._shown(self.console.respond(event, self.now, self.told.append), event["rawPath"])

    def event(
        self, method: str, address: str, fields: Mapping[str, str] | None = None, **headers: str
    ) -> dict[str, Any]:
        """The Lambda event of payload format 2.0."""
        url = urlsplit(urljoin(ORIGIN, address))
        sent = {"host": "billing.example", "x-forwarded-proto": "https", "accept-encoding": "gzip, br"}
        if method == "POST":
            sent |= {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": url.path,
            "rawQueryString": url.query,
            "queryStringParameters": dict(parse_qsl(url.query)),
            "headers": sent,
            "requestContext": {"http": {"method": method, "path": url.path}, "domainName": "billing.example"},
        }
        if self.cookies:
            pairs = [f"{name}={value}" for name, value in self.cookies.items()]
            event |= {"cookies": pairs} if self.aws_cookies else {}
            sent |= {} if self.aws_cookies else {"cookie": "; ".join(pairs)}
        if fields is not None:
            event |= {"body": base64.b64encode(urlencode(fields).encode()).decode(), "isBase64Encoded": True}
        return event

    def _shown(self, response: dict[str, Any], path: str) -> Shown:
        body = response["body"]
        if response.get("isBase64Encoded"):
            body = gzip.decompress(base64.b64decode(body)).decode()
        for cookie in response.get("cookies", ()):
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        cookies = tuple(response.get("cookies", ()))
        return Shown(response["statusCode"], response["headers"], body, cookies, path)

    def get(self, address: str, **headers: str) -> Shown:
        """A page, through all ways that lead to it within the console."""
        shown = self.send("GET", address, None, **headers)
        return self.follow(shown)

    def follow(self, shown: Shown) -> Shown:
        while shown.status == 303 and not shown.location.startswith("http"):
            shown = self.send("GET", shown.location)
        return shown

    def press(self, shown: Shown, button: str, **typed: str) -> Shown:
        """Fill in a form of the page, and press its button."""
        return self.follow(self.press_once(shown, button, **typed))

    def press_once(self, shown: Shown, button: str, **typed: str) -> Shown:
        form = shown.form(button)
        named = next(named for text, named in form.buttons if text.startswith(button))
        fields = {**form.fields, **typed, **named}
        action = form.action or shown.path
        if form.method == "GET":
            return self.send("GET", f"{action}?{urlencode(fields)}")
        return self.send("POST", action, fields)


def visitor_of(account: Paying, *, now: datetime = NOW, **how: Any) -> Visitor:
    """Somebody who has just entered the account's console, and has seen no page yet."""
    visitor = Visitor(account.store, account.gateway, now)
    entered = visitor.send("GET", f"/console/enter?t={ticket_for(account.store, account.account_id, now=now, **how)}")
    assert entered.status == 303, entered.text
    return visitor


def ticket_for(store: Store, account_id: str | None, *, now: datetime = NOW, **how: Any) -> str:
    ticket = next(_TICKETS)
    session_id = f"ps_{ticket[-24:]}"
    open_portal_session(store, Who(account_id, **how), session_id=session_id, ticket=ticket, now=now)
    return f"{session_id}.{ticket}"


def query_of(address: str) -> Mapping[str, list[str]]:
    return parse_qs(urlsplit(address).query)
