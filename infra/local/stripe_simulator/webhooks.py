"""Signed webhooks, and the ways they go wrong: late, twice, out of order, with an old timestamp."""

import asyncio
import hashlib
import hmac
import json
import ssl
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Literal

import httpx

from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.state import State

_SUCCESS = range(200, 300)

RETRY_DELAYS_SECONDS = (0.1, 0.3, 0.6, 1.2)
TIMEOUT_SECONDS = 60.0
MAX_DELIVERIES_KEPT = 10_000

# Made once: it reads a few hundred certificates, which would cost each client 25 ms.
TLS = ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events go, signed with `secret`."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Mode:
    """How events are delivered. `duplicates` counts the copies beside the first."""

    hold: bool = False
    duplicates: int = 0
    order: Literal["emitted", "reverse"] = "emitted"
    timestamp_skew_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt: the receiver's status, or None where it did not answer."""

    event_id: str
    event_type: str
    url: str
    attempt: int
    status: int | None

    @property
    def succeeded(self) -> bool:
        return self.status in _SUCCESS


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, verify=TLS)


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header. https://docs.stripe.com/webhooks#verify-manually"""
    signed = str(timestamp).encode() + b"." + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


@dataclass(slots=True)
class Webhooks:
    """Delivers events in the background of the running loop, to each endpoint one after another."""

    endpoints: list[Endpoint] = field(default_factory=list)
    mode: Mode = Mode()
    held: list[Json] = field(default_factory=list)
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=MAX_DELIVERIES_KEPT))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _turns: dict[Endpoint, asyncio.Lock] = field(default_factory=dict)

    def publish(self, state: State) -> None:
        """Send what has happened since the last call, or keep it while `hold` is on."""
        state.pending_webhooks = len(self.endpoints)
        events = state.take_outbox()
        if self.mode.hold:
            self.held += events
        elif events:
            self._send(events)

    def set_mode(self, changes: Json) -> None:
        """Change how events are delivered; switching `hold` off sends what was held."""
        self.mode = replace(self.mode, **changes)
        if not self.mode.hold:
            self._release()

    async def flush(self) -> None:
        """Send what is held and wait until every delivery has succeeded or was given up."""
        self._release()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def reset(self) -> None:
        """Drop what is held or under way, and deliver as usual again. Endpoints stay."""
        await self.stop()
        self.mode = Mode()
        self.held.clear()
        self.deliveries.clear()

    async def stop(self) -> None:
        """Give up what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _release(self) -> None:
        events, self.held = self.held, []
        if events:
            self._send(events)

    def _send(self, events: list[Json]) -> None:
        ordered = events[::-1] if self.mode.order == "reverse" else events
        for endpoint in self.endpoints:
            self._start(self._send_in_turn(endpoint, ordered, self.mode))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_in_turn(self, endpoint: Endpoint, events: list[Json], mode: Mode) -> None:
        turn = self._turns.setdefault(endpoint, asyncio.Lock())
        async with turn, _client() as client:
            for event in events:
                for _ in range(1 + mode.duplicates):
                    if not await self._attempt(client, endpoint, event, mode, 1):
                        self._start(self._retry(endpoint, event, mode))

    async def _retry(self, endpoint: Endpoint, event: Json, mode: Mode) -> None:
        async with _client() as client:
            for attempt, delay_seconds in enumerate(RETRY_DELAYS_SECONDS, start=2):
                await asyncio.sleep(delay_seconds)
                if await self._attempt(client, endpoint, event, mode, attempt):
                    return

    async def _attempt(
        self, client: httpx.AsyncClient, endpoint: Endpoint, event: Json, mode: Mode, attempt: int
    ) -> bool:
        payload = json.dumps(event, indent=2).encode()
        # The real time, even while the simulator's clock is set: receivers compare it with their own.
        timestamp = int(time.time()) + mode.timestamp_skew_seconds
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(payload, endpoint.secret, timestamp),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            status: int | None = (await client.post(endpoint.url, content=payload, headers=headers)).status_code
        except httpx.HTTPError:
            status = None
        delivery = Delivery(event["id"], event["type"], endpoint.url, attempt, status)
        self.deliveries.append(delivery)
        return delivery.succeeded
