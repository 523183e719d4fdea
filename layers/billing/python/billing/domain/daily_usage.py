"""Daily usage: what a workspace used and paid in a day, as counters that only add up.

A counter of a feature is called `<feature>|<letter>`: the row of a day is written with each call, and a short name
keeps it below the kilobyte that a write unit pays for. Times are counted in seconds, whatever unit the plan meters them
in, so that a change of plan adds no seconds to minutes; anything else is counted in its metered unit.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from billing.domain.decimals import divide_half_up
from billing.domain.ledger import LedgerEntry, RatedLine
from billing.domain.month import Month
from billing.domain.plan import TIME_UNIT_MILLISECONDS, PlanKey
from billing.domain.usage import UsageEvent

CALLS: Final = "calls"
EVENTS: Final = "events"

LINES, QUANTITY, INCLUDED, OVERAGE, PAY_AS_YOU_GO, AMOUNT, COST = "n", "q", "i", "o", "p", "a", "c"
"""The letters: lines; millionths as used, included, overage and pay as you go; micro-units paid, and of platform cost.

A feature whose plan states no unit cost has no cost, which is not a cost of zero.
"""

MONTH_KEPT_AFTER: Final = timedelta(days=7)
"""So long after a month its sums are kept. A call that comes later makes them void."""
_CLOCKS_DIFFER: Final = timedelta(days=1)
_MILLISECONDS_A_SECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class DayOfWorkspace:
    """A day (UTC, of the event's end) of one workspace."""

    day: str
    workspace_id: str


@dataclass(slots=True)
class DayUse:
    """Counters by name, and the plan that rated the last of what was counted: it names the features."""

    counters: Counter[str] = field(default_factory=Counter)
    plan: PlanKey | None = None


def day_of(event: UsageEvent) -> DayOfWorkspace:
    return DayOfWorkspace(event.occurred_at.date().isoformat(), event.workspace_id)


def counter(feature: str, letter: str) -> str:
    return f"{feature}|{letter}"


def rollups(entries: Iterable[LedgerEntry]) -> dict[DayOfWorkspace, DayUse]:
    """What usage entries add to each day."""
    days: dict[DayOfWorkspace, DayUse] = {}
    for entry in entries:
        usage = entry.usage
        if usage is None:
            continue
        day = days.setdefault(DayOfWorkspace(usage.occurred_at.date().isoformat(), usage.workspace_id), DayUse())
        day.plan = usage.plan_id, usage.plan_version
        is_void = entry.kind == "void"
        day.counters[EVENTS] += -1 if is_void else 1
        if usage.event_type == "call.ended":
            day.counters[CALLS] += -1 if is_void else 1
        for line in usage.lines:
            for letter, value in _counted(line, 0 if is_void else 1):
                day.counters[counter(line.feature, letter)] += value
    return days


def _counted(line: RatedLine, lines: int) -> Iterator[tuple[str, int]]:
    """What a line adds. A cost of zero is written, too: it says that the plan states one.

    A void takes back all but the number of lines: a record that is voided is listed as before.
    """
    yield LINES, lines
    for letter, millionths in (
        (QUANTITY, line.quantity_millionths),
        (INCLUDED, line.included_millionths),
        (OVERAGE, line.overage_millionths),
        (PAY_AS_YOU_GO, line.pay_as_you_go_millionths),
    ):
        if millionths:
            yield letter, _in_seconds(millionths, line.unit)
    if line.amount_micros:
        yield AMOUNT, line.amount_micros
    if line.cost_micros is not None:
        yield COST, line.cost_micros


def _in_seconds(millionths: int, unit: str) -> int:
    """Exact but for parts of a millisecond, in which no time is metered. A void takes back what its charge added."""
    milliseconds = TIME_UNIT_MILLISECONDS.get(unit)
    if milliseconds is None or milliseconds == _MILLISECONDS_A_SECOND:
        return millionths
    seconds = divide_half_up(abs(millionths) * milliseconds, _MILLISECONDS_A_SECOND)
    return seconds if millionths > 0 else -seconds


def is_kept(month: Month, now: datetime) -> bool:
    """Whether a month's sums may be kept by who reads it now."""
    return now >= month.end + MONTH_KEPT_AFTER


def may_be_kept(day: str, now: datetime) -> bool:
    """Whether somebody may have kept the sums of the day's month: whoever writes has another clock than who reads."""
    return is_kept(month_of(day), now + _CLOCKS_DIFFER)


def month_of(day: str) -> Month:
    return Month.of(date.fromisoformat(day))


def rows_of(event: UsageEvent, now: datetime) -> set[DayOfWorkspace | Month]:
    """What settling an event now writes beside its entries: its day, and a finished month whose sums it makes void."""
    day = day_of(event)
    return {day, month_of(day.day)} if may_be_kept(day.day, now) else {day}


def months_made_void(days: Mapping[DayOfWorkspace, DayUse], now: datetime) -> set[Month]:
    """The finished months that these days add to."""
    return {month_of(each.day) for each in days if may_be_kept(each.day, now)}
