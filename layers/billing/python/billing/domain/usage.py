"""What a platform reports: a usage event, with lines as sent, before any plan is known."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

EventType = Literal["call.ended", "usage.recorded"]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far into the future an event may lie: machines' clocks differ."""


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One consumed quantity in `unit`; None means the feature's metered unit."""

    feature: str
    quantity: Decimal
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One event as accepted. `occurred_at` is the end of a call; `arrived_at` is when it reached the queue."""

    event_id: str
    type: EventType
    workspace_id: str
    occurred_at: datetime
    arrived_at: datetime
    lines: tuple[UsageLine, ...]
    call_id: str | None = None
    started_at: datetime | None = None

    @property
    def cause(self) -> str:
        """The ledger entry's key: the event's id alone, for ever and across accounts."""
        return usage_cause(self.event_id)

    @property
    def fingerprint(self) -> str:
        """A digest of what the event says, whatever its notation: equal for a resend, different for other content."""
        started = self.started_at.isoformat() if self.started_at else None
        lines = [[line.feature, _plain(line.quantity), line.unit] for line in self.lines]
        facts = [self.type, self.call_id, self.workspace_id, started, self.occurred_at.isoformat(), lines]
        return hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest()[:32]


def usage_cause(event_id: str) -> str:
    return f"call:{event_id}"


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
