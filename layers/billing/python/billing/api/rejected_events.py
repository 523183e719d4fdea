"""Rejected events on the wire."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from billing.contracts.json_text import AmbiguousObject, MalformedJson, compact, loads
from billing.domain.instants import format_instant
from billing.domain.rejection import RejectedEvent
from billing.web.values import Body, Example, Instant, PageQuery, View

# A list of 100 stays far below the 6 MB that a function may answer.
MAX_SHOWN_BYTES = 32_768
_CUT_CHARACTERS = 4000
_MAX_DEPTH = 32


class RejectedEventsQuery(PageQuery):
    status: Literal["open", "replayed"] = "open"


class ReplayBody(Body):
    """The corrected event, or a person's word that the kept one is right."""

    example: ClassVar[Example] = {"confirm": True}

    event: dict[str, Any] | None = Field(
        default=None, description="a CloudEvent, as POST /v1/events takes it; absent: the event as it was kept"
    )
    confirm: bool = Field(
        default=False,
        description="Charge it though it is `longer_than_the_call` or `charge_too_large`: a person has seen that the "
        "quantity is right.",
    )


class RejectedEventView(View):
    """`payload` is the event as it came last: JSON if it can be shown so, else its text, cut if it is long."""

    rejection_id: str
    event_id: str | None
    status: Literal["open", "replayed"]
    code: str
    detail: str
    field: str | None
    account_id: str | None
    replay_event_id: str | None = Field(description="the `id` that the last replay carried; null before one")
    payload: Any
    rejected_at: Instant
    arrived_at: Instant

    @classmethod
    def of(cls, rejected: RejectedEvent, status: Literal["open", "replayed"]) -> "RejectedEventView":
        return cls(
            rejection_id=rejected.rejection_id,
            event_id=rejected.event_id,
            status=status,
            code=rejected.code,
            detail=rejected.detail,
            field=rejected.field,
            account_id=rejected.account_id,
            replay_event_id=rejected.replay_event_id,
            payload=_shown(rejected.payload),
            rejected_at=format_instant(rejected.rejected_at),
            arrived_at=format_instant(rejected.arrived_at),
        )


class RejectedEventPage(View):
    """Newest first."""

    items: list[RejectedEventView]
    next_cursor: str | None


class ReplayedEventView(View):
    """The event is in the queue again."""

    rejection_id: str
    event_id: str
    status: Literal["replayed"] = "replayed"


def _shown(payload: str) -> object:
    """The payload as JSON where it says the same as its text, else the text."""
    if len(payload) > MAX_SHOWN_BYTES:
        return payload[:_CUT_CHARACTERS]
    try:
        value = loads(payload)
    except MalformedJson:
        return payload[:_CUT_CHARACTERS]
    if not _is_plain(value) or len(compact(value)) > MAX_SHOWN_BYTES:
        return payload[:_CUT_CHARACTERS]
    return value


def _is_plain(value: object) -> bool:
    """Whether every reader of JSON reads the same: no name twice, no number beyond JSON's, no endless nesting."""
    left = [(value, 0)]
    while left:
        value, depth = left.pop()
        if depth > _MAX_DEPTH or isinstance(value, AmbiguousObject):
            return False
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if isinstance(value, Mapping):
            left.extend((member, depth + 1) for member in value.values())
        elif isinstance(value, list):
            left.extend((member, depth + 1) for member in value)
    return True
