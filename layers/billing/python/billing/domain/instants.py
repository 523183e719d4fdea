"""Moments: UTC, to the millisecond, written so that text sorts as time."""

from datetime import UTC, datetime


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC with three decimals of a second: "2026-11-23T09:15:02.000Z". A naive time raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_stored_instant(text: str) -> datetime:
    """Read what format_instant wrote."""
    return datetime.fromisoformat(text)
