"""Everything one simulator remembers: Stripe's objects by id, its events, and its clock."""

import secrets
import string
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from infra.local.stripe_simulator import schema
from infra.local.stripe_simulator.cards import Behavior, Card
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.errors import Json, missing
from infra.local.stripe_simulator.settlement import Settled, Settlement

API_VERSION = "2026-10-28.endive"
_ALPHABET = string.ascii_letters + string.digits

# What a list answers of these and an expansion adds: they are not part of the object itself.
_ONLY_EXPANDED = {"charge": {"refunds"}}


@dataclass(frozen=True, slots=True)
class Cause:
    """The API request behind an event; both null where a cardholder, a bank or the clock caused it."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Clock:
    """The time of every account of a simulator: it can be set, and goes on from there."""

    offset_seconds: int = 0

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time()) + self.offset_seconds

    def set(self, now: int | None) -> None:
        """Set the clock to Unix seconds, or with None back to the real time."""
        self.offset_seconds = 0 if now is None else now - int(time.time())


@dataclass(slots=True)
class SavedCard:
    """What Stripe's test bank does with a payment method, and what Stripe remembers of its use."""

    card: Card
    behavior: Behavior
    set_up: bool = False
    consumed: bool = False


@dataclass(slots=True)
class State:
    """Of one account in one mode. Mutable, single-threaded: a handler runs from start to end without another between.

    `open_sessions` and `holds` are what time ends, and perhaps some that have ended otherwise.
    `other_mode` is what the same account has in its other mode, as far as anything is known of that.
    """

    clock: Clock = field(default_factory=Clock)
    is_live: bool = False
    other_mode: "State | None" = None
    objects: dict[str, Json] = field(default_factory=dict)
    deleted: dict[str, Json] = field(default_factory=dict)
    _of_kind: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    saved_cards: dict[str, SavedCard] = field(default_factory=dict)
    line_items: dict[str, list[Json]] = field(default_factory=dict)
    checkout_data: dict[str, Json] = field(default_factory=dict)
    settlement: Settlement | None = None
    open_sessions: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    cause: Cause = Cause()
    pending_webhooks: int = 0
    _outbox: list[Json] = field(default_factory=list)

    def now(self) -> int:
        """Unix seconds by the simulator's clock."""
        return self.clock.now()

    def today(self) -> date:
        """The day of `now`, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC).date()

    def settle(self, amount: int, currency: str) -> Settled:
        """`amount` minor units as they reach the balance now."""
        if self.settlement is None:
            return Settled(amount, currency, None)
        return self.settlement.settle(amount, currency)

    def new_id(self, prefix: str) -> str:
        """Unguessable and unlike those of an earlier run: a caller's database may outlive the simulator."""
        return f"{prefix}_" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in secrets.token_bytes(24))

    def add(self, kind: str, prefix: str, values: Json) -> Json:
        """Store a new object of Stripe's `kind`, with null wherever nothing is given."""
        new: Json = {"id": self.new_id(prefix)} | schema.blank(kind)
        for name in _ONLY_EXPANDED.get(kind, ()):
            new.pop(name)
        if "livemode" in new:
            new["livemode"] = self.is_live
        new |= {"created": self.now()} | values
        self.put(new)
        return new

    def put(self, new: Json) -> None:
        """Store an object as it is: the newest of its kind."""
        self.objects[new["id"]] = new
        self._of_kind[new["object"]].append(new)

    def sort_by_creation(self) -> None:
        """Put what was stored with an earlier time of creation where it belongs."""
        for objects in self._of_kind.values():
            objects.sort(key=lambda thing: thing["created"])

    def find(self, kind: str, object_id: str, param: str | None = None) -> Json:
        """The object itself, to read or change; `param` is the parameter that named it, if not the path."""
        found = self.get(kind, object_id)
        if found is not None:
            return found
        if self.other_mode is not None and self.other_mode.get(kind, object_id) is not None:
            raise missing(kind, object_id, param, wrong_mode="live" if self.is_live else "test")
        raise missing(kind, object_id, param)

    def get(self, kind: str, object_id: str) -> Json | None:
        """The object itself, or None."""
        found: Json | None = self.objects.get(object_id)
        return None if found is None or found["object"] != kind else found

    def delete(self, found: Json) -> Json:
        """Forget an object as Stripe does: its id is known for ever, as that of something deleted."""
        del self.objects[found["id"]]
        self._of_kind[found["object"]].remove(found)
        self.deleted[found["id"]] = {"id": found["id"], "object": found["object"], "deleted": True}
        return self.deleted[found["id"]]

    def all(self, kind: str) -> Iterator[Json]:
        """Every object of a kind, newest first."""
        return reversed(self._of_kind[kind])

    def emit(self, event_type: str, subject: Json, previous: Json | None = None) -> None:
        """Record an event with a snapshot of its subject, proved against Stripe's schema, and queue its delivery."""
        data: Json = {"object": copied(subject)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.add(
            "event",
            "evt",
            {
                "api_version": API_VERSION,
                "type": event_type,
                "data": data,
                "pending_webhooks": self.pending_webhooks,
                "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            },
        )
        schema.check_event(event)
        self._outbox.append(event)

    def take_outbox(self) -> list[Json]:
        """The events since the last call, oldest first: what webhooks have still to deliver."""
        events, self._outbox = self._outbox, []
        return events
