"""Runs a simulator: in a thread for tests, or in the foreground."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.local.stripe_simulator.app import build_app
from infra.local.stripe_simulator.simulator import Simulator
from infra.local.stripe_simulator.webhooks import TLS, Endpoint, Webhooks

API_KEY = "sk_test_simulator"
WEBHOOK_SECRET = "whsec_simulator"  # noqa: S105  (of a Stripe that is none)
_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_CONTROL_TIMEOUT_SECONDS = 120.0
# Longer than any pause of a client: a connection closed just when it is used again looks like an outage.
_KEEP_ALIVE_SECONDS = 3600


class _ConnectionInScope(H11Protocol):
    """Puts the connection into the scope of each request, so that a fault can close it instead of answering."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = self.app_state | {"transport": transport}


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that answers at `url`; any key that starts with `sk_test_` opens it, `api_key` is one."""

    url: str
    api_key: str = API_KEY

    def control(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> dict[str, Any]:
        """Call the control API, such as `control("faults", {...})` or `control("requests", method="GET")`.

        Raises httpx.HTTPStatusError with the simulator's sentence when it refuses.
        """
        response = httpx.request(
            method,
            f"{self.url}/_control/{path}",
            content=json.dumps(body or {}),
            timeout=_CONTROL_TIMEOUT_SECONDS,
            trust_env=False,
            verify=TLS,
        )
        if response.is_error:
            raise httpx.HTTPStatusError(response.text, request=response.request, response=response)
        answer: dict[str, Any] = response.json()
        return answer


@contextmanager
def running_simulator(
    webhook_url: str | None = None, webhook_secret: str = WEBHOOK_SECRET, port: int = 0
) -> Iterator[RunningSimulator]:
    """Serve a fresh simulator on loopback from a thread of its own, until the block is left."""
    server, listener = _server(_simulator(webhook_url, webhook_secret), port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the Stripe simulator did not start")
        time.sleep(0.005)
    try:
        yield RunningSimulator(_url(listener))
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


def serve_forever(port: int, webhook_url: str | None, webhook_secret: str) -> None:
    """Serve until interrupted; the first line on standard output is `{"url": ..., "api_key": ...}`."""
    server, listener = _server(_simulator(webhook_url, webhook_secret), port)
    # The socket listens already: whoever reads the line may connect at once.
    print(json.dumps({"url": _url(listener), "api_key": API_KEY}), flush=True)
    # uvicorn raises the interrupt again once it has shut down in order.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _simulator(webhook_url: str | None, webhook_secret: str) -> Simulator:
    endpoints = [Endpoint(webhook_url, webhook_secret)] if webhook_url else []
    return Simulator(webhooks=Webhooks(endpoints=endpoints))


def _server(simulator: Simulator, port: int) -> tuple[uvicorn.Server, socket.socket]:
    listener = socket.create_server((_HOST, port), backlog=512)
    # Inherited by each connection; without it every answer waits 40 ms for the caller's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        build_app(simulator),
        http=_ConnectionInScope,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    return uvicorn.Server(config), listener


def _url(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"
