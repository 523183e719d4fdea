"""Posting to an address that somebody else chose: https, the internet only, no redirects, little patience.

The name is resolved once, every address it has is checked, and the connection goes to one of those: a name that stands
for another address a moment later (DNS rebinding) gains nothing. TLS still proves the name.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

from billing.domain.delivery import Answer
from billing.domain.errors import InvalidValue
from billing.domain.webhook_endpoint import is_public, require_allowed_url

TIME_LIMIT_SECONDS = 10.0
_CONNECT_LIMIT_SECONDS = 5.0
_HTTPS_PORT, _HTTP_PORT = 443, 80
_MAX_ERROR_CHARACTERS = 200
_MAX_ADDRESSES = 2
_ACCEPTED = range(200, 300)


class AddressRefused(Exception):
    """The name stands for an address that is not the internet's."""


class WebhookSender:
    """Where `local`, plain http and this machine's own addresses are allowed."""

    def __init__(self, *, local: bool, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> None:
        self._local = local
        self._limit_seconds = time_limit_seconds
        self._tls = ssl.create_default_context()

    def post(self, url: str, headers: Mapping[str, str], body: str) -> Answer:
        """Any status of 2xx is acceptance; nothing of the answer but its status is read."""
        try:
            status = self._post(require_allowed_url(url, local=self._local), headers, body)
        except (InvalidValue, AddressRefused) as refusal:
            return Answer(error=f"refused: {refusal}")
        except (OSError, ValueError, http.client.HTTPException) as error:
            return Answer(error=f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARACTERS])
        return Answer(status, None if status in _ACCEPTED else f"answered {status}")

    def _post(self, url: str, headers: Mapping[str, str], body: str) -> int:
        parts = urlsplit(url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (_HTTPS_PORT if secure else _HTTP_PORT)
        scheme = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = scheme(host, port, timeout=self._limit_seconds)
        sock = self._connect(host, port)
        sock.settimeout(self._limit_seconds)
        if secure:
            # The handshake comes under the deadline, too, which must cut this socket: `wrap_socket` detaches the other.
            sock = self._tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        # A socket's own limit is for each of its reads: who answers a byte at a time would never end.
        deadline = threading.Timer(self._limit_seconds, _cut, [sock])
        deadline.daemon = True
        deadline.start()
        try:
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            connection.sock = sock
            target = parts.path or "/"
            connection.request(
                "POST", f"{target}?{parts.query}" if parts.query else target, body.encode(), dict(headers)
            )
            return connection.getresponse().status
        finally:
            deadline.cancel()
            connection.close()
            sock.close()

    def _connect(self, host: str, port: int) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [cast("tuple[str, int]", address) for _, _, _, _, address in found][:_MAX_ADDRESSES]
        if not self._local and not all(is_public(address[0]) for address in addresses):
            raise AddressRefused(f"{host} is not on the internet")
        for address in addresses[:-1]:
            try:
                return socket.create_connection(address[:2], timeout=_CONNECT_LIMIT_SECONDS)
            except OSError:
                continue  # such as an IPv6 address where there is no IPv6: the next may do
        return socket.create_connection(addresses[-1][:2], timeout=_CONNECT_LIMIT_SECONDS)


def _cut(connection: socket.socket) -> None:
    try:
        # The plain socket's: an SSL socket's own would take the encryption from under whoever reads at this moment.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # closed by itself in the meantime
