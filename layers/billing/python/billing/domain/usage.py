"""What a platform reports: a usage event, with lines as sent, before any plan is known; and by what it is known."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

EventType = Literal["call.ended", "usage.recorded"]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far into the future an event may lie: machines' clocks differ."""

DIRECTION = "direction"
"""The dimension of that name is a call's direction."""

_AGAIN = " #"
"""No id has a space: the second charge of a call "c" is none of a call "c#2"."""
_HALF = 16
_FORMER_CALL_FEATURE = "call_minutes"


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One consumed quantity in `unit`; None means the feature's metered unit."""

    feature: str
    quantity: Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """That the event was rejected before, as `rejection_id`, and a person sent it to settlement again.

    `sent` is the cause under which its sender's own event is charged, `content` the fingerprint of that: None where
    they could not be read. `confirmed` says that a person saw the quantity and the charge, and means them.
    """

    rejection_id: str
    sent: str | None = None
    content: str | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event as accepted. `occurred_at` is the end of a call; `arrived_at` is when it reached the queue.

    `is_dated` says that `occurred_at` stands in the data, and is not the envelope's time. A call without `lines` used
    its own length. `dimensions` are the sender's own, by which it tells calls apart.
    """

    event_id: str
    type: EventType
    workspace_id: str
    occurred_at: datetime
    arrived_at: datetime
    lines: tuple[UsageLine, ...]
    call_id: str | None = None
    started_at: datetime | None = None
    source: str = ""
    direction: str | None = None
    is_dated: bool = True
    replay: Replay | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    again: int = 1

    @property
    def told_apart_by(self) -> dict[str, str]:
        """The dimensions that are kept with its record, the direction among them, by their names."""
        known = self.dimensions if self.direction is None else {**self.dimensions, DIRECTION: self.direction}
        return dict(sorted(known.items()))

    @property
    def cause(self) -> str:
        """The ledger entry's key, for ever: by what the event is known, whoever tells it and how often.

        A call by its workspace and its own id, under whatever event ids it is told; anything else by workspace, source
        and event id. What is charged `again`, after its charge was voided, has the number behind it.
        """
        return self.known_by if self.again == 1 else f"{self.known_by}{_AGAIN}{self.again}"

    @property
    def known_by(self) -> str:
        """The cause of its first charge."""
        if self.type == "call.ended" and self.call_id is not None:
            return call_cause(self.workspace_id, self.call_id)
        return record_cause(self.workspace_id, self.source, self.event_id)

    @property
    def marker(self) -> str | None:
        """The second cause that a replay takes: then its sender's own retry is a duplicate, and so is another replay.

        None where the replay is known by what was sent, and for an event that is no replay.
        """
        if self.replay is None or self.replay.sent == self.known_by:
            return None
        return self.replay.sent or rejection_cause(self.replay.rejection_id)

    @property
    def fingerprint(self) -> str:
        """A digest of what the data says, whatever its notation and order: equal for a resend, different for another.

        Its second half is of the lines: equal lines may be told in several units, which only a plan can tell (see
        `charged_once`).
        """
        started = self.started_at.isoformat() if self.started_at else None
        occurred = self.occurred_at.isoformat() if self.is_dated else None
        facts: list[object] = [self.type, self.call_id, self.workspace_id, self.direction, started, occurred]
        if self.dimensions:  # An event without any has the fingerprint that it had before there were dimensions.
            facts.append(sorted(self.dimensions.items()))
        lines = sorted([line.feature, _plain(line.quantity), line.unit or ""] for line in self.lines)
        return _digest(facts)[:_HALF] + _digest(lines)[:_HALF]

    @property
    def length(self) -> timedelta | None:
        """From the start of a call to its end."""
        return None if self.started_at is None else self.occurred_at - self.started_at

    def lines_of(self, feature: str | None) -> tuple[UsageLine, ...]:
        """The lines; of a call that has none its length, of the `feature` that counts the time of calls."""
        if self.lines or self.length is None or feature is None:
            return self.lines
        return (UsageLine(feature, seconds_of(self.length), "second"),)

    @property
    def former_cause(self) -> str:
        """The key of its entry where an earlier release charged it: the event's id alone."""
        return f"call:{self.event_id}"

    @property
    def former_fingerprint(self) -> str:
        """The fingerprint of such an entry."""
        started = self.started_at.isoformat() if self.started_at else None
        lines = [[line.feature, _plain(line.quantity), line.unit] for line in self.lines_of(_FORMER_CALL_FEATURE)]
        return _digest([self.type, self.call_id, self.workspace_id, started, self.occurred_at.isoformat(), lines])


def seconds_of(length: timedelta) -> Decimal:
    """Exactly."""
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)


def describe(event: UsageEvent) -> str:
    """What a person calls it: by what it is known."""
    if event.type == "call.ended":
        return f'call "{event.call_id}" of workspace "{event.workspace_id}"'
    return f'event "{event.event_id}" of "{event.source}"'


def call_cause(workspace_id: str, call_id: str) -> str:
    """Call ids are unique within a workspace, whose id has no colon."""
    return f"call:{workspace_id}:{call_id}"


def record_cause(workspace_id: str, source: str, event_id: str) -> str:
    """CloudEvents: source and id together are unique."""
    return f"usage:{workspace_id}:{_digest([source, event_id])}"


def rejection_cause(rejection_id: str) -> str:
    """Of a rejected event that is known by nothing of its own."""
    return f"rejected:{rejection_id}"


def workspace_of(cause: str) -> str:
    """The workspace whose event has this cause."""
    return cause.split(":")[1]


def have_equal_facts(fingerprint: str, other: str) -> bool:
    """Whether all but the lines is the same."""
    return fingerprint[:_HALF] == other[:_HALF]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:32]


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
