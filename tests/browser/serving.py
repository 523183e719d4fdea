"""The console on loopback, for a real browser: the same code as in Lambda, over a test's store and the test's clock."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from billing.console.app import Console
from billing.console.files import ConsoleFiles
from billing.runtime.typesetter import typeset
from infra.local.emulator import LOOPBACK
from tests.builders import NOW
from tests.paying_account import Paying
from tests.visitor import ticket_for

_STOPS_WITHIN_SECONDS = 10


@dataclass
class Served:
    """A console that answers at `url`. Its clock stands still until somebody sets `now`."""

    account: Paying
    url: str = ""
    now: datetime = NOW
    told: list[object] = field(default_factory=list)

    def ticket(self, **how: Any) -> str:
        """An address that lets a visitor in, once."""
        ticket = ticket_for(self.account.store, self.account.account_id, now=self.now, **how)
        return f"{self.url}/console/enter?t={ticket}"

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["rawPath"].endswith(".pdf") or "/credit-notes/" in event["rawPath"]:
            return ConsoleFiles(self.account.store, typeset).respond(event, self.now, self.told.append)
        console = Console(self.account.store, lambda: self.account.gateway, (self.account.stripe.url,))
        return console.respond(event, self.now, self.told.append)


@contextmanager
def serving(account: Paying) -> Iterator[Served]:
    served = Served(account)
    server = _Server(served)
    served.url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_STOPS_WITHIN_SECONDS)


class _Server(ThreadingHTTPServer):
    def __init__(self, served: Served) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.served = served


def served_by(server: object) -> Served:
    assert isinstance(server, _Server)
    return server.served


class _Handler(BaseHTTPRequestHandler):
    """Between a browser and the Lambda event of payload format 2.0, as API Gateway is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def _respond(self) -> None:
        url = urlsplit(self.path)
        sent = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(sent.get("content-length", "0"))).decode()
        event = {
            "version": "2.0",
            "rawPath": url.path,
            "rawQueryString": url.query,
            "queryStringParameters": dict(parse_qsl(url.query)),
            "headers": {**sent, "x-forwarded-proto": "http"},
            "cookies": [each.strip() for each in sent.get("cookie", "").split(";") if each],
            "requestContext": {"http": {"method": self.command, "path": url.path}, "domainName": "localhost"},
            "body": body,
            "isBase64Encoded": False,
        }
        response = served_by(self.server).answer(event)
        content = response.get("body", "").encode()
        if response.get("isBase64Encoded"):
            content = base64.b64decode(content)
        self.send_response(int(response["statusCode"]))
        for name, value in response["headers"].items():
            self.send_header(name, value)
        for cookie in response.get("cookies", ()):
            self.send_header("set-cookie", cookie)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """A test's output is its own."""
