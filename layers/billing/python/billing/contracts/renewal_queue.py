"""The messages of the renewal queue, and the event of the schedule that fills it."""

from collections.abc import Mapping
from datetime import datetime

from billing.contracts.json_text import compact, loads
from billing.contracts.times import parse_time
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.renewal_order import RenewalOrder


def moment_of(event: Mapping[str, object], clock: datetime) -> datetime:
    """The schedule's own moment, `{"time": "2026-12-23T00:05:00Z"}`, or the clock's. Raises InvalidValue."""
    return parse_time(event["time"], "time") if "time" in event else clock


def encode(order: RenewalOrder) -> str:
    due_at = None if order.due_at is None else format_instant(order.due_at)
    return compact({"account_id": order.account_id, "due_at": due_at, "time": format_instant(order.time)})


def decode(body: str) -> RenewalOrder:
    """Raises ValueError, KeyError or TypeError for what was not encoded here."""
    message = loads(body)
    if not isinstance(message, dict):
        raise TypeError("not an order to renew")
    due_at = message["due_at"]
    return RenewalOrder(
        str(message["account_id"]),
        None if due_at is None else parse_stored_instant(due_at),
        parse_stored_instant(message["time"]),
    )
