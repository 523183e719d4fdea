"""A platform's webhook endpoint on loopback: keeps what it gets, and answers as it is told."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook

_DRIPPED_BYTES = 10_000


@dataclass(slots=True)
class Receiver:
    """`status` answers whatever comes, with `location`; or the answer goes out byte by byte, `drip_seconds` apart."""

    url: str = ""
    status: int = 200
    location: str | None = None
    drip_seconds: float = 0
    received: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def events(self, secret: str) -> list[Any]:
        """The events in the order they came, each verified by the specification's own library."""
        return [Webhook(secret).verify(body, headers) for _, headers, body in self.received]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.received]


@contextmanager
def running_receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """Serve a receiver until the block is left: over TLS with a certificate and its key, in one file."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            # Read first: whoever sees what came may tell the receiver to answer the next one otherwise.
            status, location, drip_seconds = receiver.status, receiver.location, receiver.drip_seconds
            receiver.received.append((self.path, headers, body))
            if drip_seconds:
                self._drip(drip_seconds)
                return
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _drip(self, drip_seconds: float) -> None:
            try:
                for _ in range(_DRIPPED_BYTES):
                    self.wfile.write(b"H")
                    time.sleep(drip_seconds)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Quiet: the test reports."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if certificate is not None:
        tls, scheme = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "https"
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"{scheme}://127.0.0.1:{server.server_port}/hooks/billing"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
