"""Daily rollups: what a workspace used and paid in a day, as counters that only add up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from billing.domain.ledger import LedgerEntry
from billing.domain.usage import UsageEvent

CALLS = "calls"
EVENTS = "events"


@dataclass(frozen=True, slots=True)
class DayOfWorkspace:
    """A day (UTC, of the event's end) of one workspace."""

    day: str
    workspace_id: str


def day_of(event: UsageEvent) -> DayOfWorkspace:
    return DayOfWorkspace(event.occurred_at.date().isoformat(), event.workspace_id)


def rollups(entries: Iterable[LedgerEntry]) -> dict[DayOfWorkspace, Counter[str]]:
    """What usage entries add to each day.

    Counters are `calls`, `events`, and for each feature `<key>|<measure>`: `lines`, `billed`, `included`, `overage`,
    `pay_as_you_go` (millionths of the metered unit) and `amount` (micro-units).
    """
    days: dict[DayOfWorkspace, Counter[str]] = {}
    for entry in entries:
        usage = entry.usage
        if usage is None:
            continue
        counters = days.setdefault(DayOfWorkspace(usage.occurred_at.date().isoformat(), usage.workspace_id), Counter())
        counters[EVENTS] += 1
        counters[CALLS] += usage.event_type == "call.ended"
        for line in usage.lines:
            for measure, value in (
                ("lines", 1),
                ("billed", line.billed_millionths),
                ("included", line.included_millionths),
                ("overage", line.overage_millionths),
                ("pay_as_you_go", line.pay_as_you_go_millionths),
                ("amount", line.amount_micros),
            ):
                if value:
                    counters[f"{line.feature}|{measure}"] += value
    return days
