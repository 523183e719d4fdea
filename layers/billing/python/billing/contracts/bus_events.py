"""Notices as they leave: CloudEvents 1.0 in JSON, the same text on the event bus and in a webhook's body.

On the bus they have the source `talktime`, which no incoming event has, and their type as `detail-type`. `sequence` is
CloudEvents' extension: text that sorts as the number it stands for. events/bus/ holds a schema and a sample of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.contracts.json_text import compact, loads
from billing.contracts.notice_data import read_facts, write_facts
from billing.contracts.usage_queue import unwrap
from billing.domain.instants import format_instant
from billing.domain.notice_facts import FACTS, Facts
from billing.domain.notices import Notice

BUS_SOURCE = "talktime"

_SEQUENCE_DIGITS = 20


@dataclass(frozen=True, slots=True)
class BusEvent:
    """A notice's CloudEvent as text, with what a reader decides by."""

    event_id: str
    type: str
    account_id: str | None
    payload: str


def cloud_event(notice: Notice) -> dict[str, object]:
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": notice.notice_id,
        "source": BUS_SOURCE,
        "type": notice.type,
        "time": format_instant(notice.occurred_at),
    }
    if notice.account_id is not None:
        event["subject"] = notice.account_id
    if notice.sequence is not None:
        event["sequence"] = f"{notice.sequence:0{_SEQUENCE_DIGITS}d}"
    return {**event, "datacontenttype": "application/json", "data": write_facts(notice.facts)}


def bus_event(notice: Notice) -> BusEvent:
    return BusEvent(notice.notice_id, notice.type, notice.account_id, compact(cloud_event(notice)))


def read_bus_event(message: str) -> BusEvent:
    """Read what the bus delivered, in EventBridge's envelope or without. Raises ValueError where it is none of ours."""
    value = unwrap(loads(message))
    if not isinstance(value, Mapping) or value.get("source") != BUS_SOURCE:
        raise ValueError("not an event of this product")
    return BusEvent(str(value["id"]), str(value["type"]), value.get("subject"), compact(value))


def event_of(payload: str) -> Mapping[str, Any]:
    """The CloudEvent of a payload made here."""
    value = loads(payload)
    if not isinstance(value, Mapping):
        raise TypeError("a payload is a CloudEvent")
    return value


def facts_of(payload: str) -> Facts | None:
    """What the event of a payload made here is about, None of a type that only a newer release knows.

    Also a former release's events are read (see `read_facts`). Raises ValueError where a fact cannot be read.
    """
    event = event_of(payload)
    return read_facts(event["type"], event["data"]) if event["type"] in FACTS else None
