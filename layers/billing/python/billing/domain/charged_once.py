"""A call is charged once, for ever: what the ledger says of an event that may have been charged before."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from billing.domain.errors import UnratableLine
from billing.domain.ledger import LedgerEntry, void_cause
from billing.domain.plan import Plan, PlanKey
from billing.domain.rating import meter
from billing.domain.usage import UsageEvent, have_equal_facts

_MOST_CHARGES = 5
"""Of one identity: four of them voided."""

Verdict = Literal["new", "duplicate", "conflict"]
PlanOf = Callable[[PlanKey], Plan]


class Judged(NamedTuple):
    """`event` is the one to be charged where it is new."""

    verdict: Verdict
    event: UsageEvent


def judge(event: UsageEvent, existing: Mapping[str, LedgerEntry], *, rejection_id: str, plan_of: PlanOf) -> Judged:
    """Judge an event by the entries that exist under its causes.

    The same data is a duplicate, other data a conflict. `rejection_id` is what its rejection has, or would have: what
    was charged as a correction of this very event is a duplicate, too. `plan_of` finds the plan of an entry.

    A replay that corrects what the event is known by takes two causes (`UsageEvent.marker`). Where the one that was
    sent is charged, either by another replay or since its sender sent it again, nothing is charged. Where it is another
    event's, whose times differ, that is left alone: two calls had one id, and the replay gives this one its own.
    """
    entry = entry_of(event, existing)
    if entry is not None:
        is_known = entry.rejection_id == rejection_id or _is_same(entry, event, plan_of)
        return Judged("duplicate" if is_known else "conflict", event)
    marked, replay = existing.get(event.marker or ""), event.replay
    if marked is None or replay is None:
        return Judged("new", event)
    if marked.rejection_id == replay.rejection_id or marked.fingerprint == replay.content is not None:
        return Judged("duplicate", event)
    if marked.fingerprint is None or replay.content is None or have_equal_facts(marked.fingerprint, replay.content):
        return Judged("conflict", event)
    own_marker = replace(event, replay=replace(replay, sent=None))
    return judge(own_marker, existing, rejection_id=rejection_id, plan_of=plan_of)


def entry_of(event: UsageEvent, existing: Mapping[str, LedgerEntry]) -> LedgerEntry | None:
    """The entry under the event's cause, or the one that an earlier release made of it under its id alone.

    Such an id was anybody's: the entry must be of the same workspace, and of a call of the same call.
    """
    entry, former = existing.get(event.cause), existing.get(event.former_cause)
    if entry is not None or former is None or former.usage is None:
        return entry
    usage = former.usage
    known_by = usage.event_type, usage.workspace_id, usage.call_id
    return former if known_by == (event.type, event.workspace_id, event.call_id) else None


def _is_same(entry: LedgerEntry, event: UsageEvent, plan_of: PlanOf) -> bool:
    """The same values are the same in whatever notation: 312 seconds are 5.2 minutes, which only the plan can tell."""
    if entry.fingerprint is None:
        return False
    if entry.fingerprint == event.fingerprint:
        return True
    if entry.cause == event.former_cause and entry.fingerprint == event.former_fingerprint:
        return True
    if entry.usage is None or not have_equal_facts(entry.fingerprint, event.fingerprint):
        return False
    plan = plan_of((entry.usage.plan_id, entry.usage.plan_version))
    try:
        metered = meter(plan, event.lines_of(plan.calls_without_usage))
    except UnratableLine:
        return False
    return {line.feature: line.quantity_millionths for line in entry.usage.lines} == {
        feature.key: quantity for feature, quantity in metered
    }


def causes_after_a_void(event: UsageEvent, charge: LedgerEntry) -> list[str]:
    """What must be known of an event whose charge said something else, for `judge_after_a_void`."""
    again = [replace(event, again=number).cause for number in range(2, _MOST_CHARGES + 1)]
    return [void_cause(charge.cause), *again, *map(void_cause, again)]


def judge_after_a_void(
    event: UsageEvent, charge: LedgerEntry, existing: Mapping[str, LedgerEntry], *, rejection_id: str, plan_of: PlanOf
) -> Judged:
    """Judge an event whose `charge` said something else: where that was voided, a person may have it charged once more.

    A replay that a person confirms is charged under a cause of its own. Whoever sends the same data again is told of
    that charge: it is a duplicate. All else stays a conflict.
    """
    for number in range(2, _MOST_CHARGES + 1):
        if void_cause(charge.cause) not in existing:
            break
        again = replace(event, again=number)
        next_charge = existing.get(again.cause)
        if next_charge is None:
            is_confirmed = event.replay is not None and event.replay.confirmed
            return Judged("new", again) if is_confirmed else Judged("conflict", event)
        if next_charge.rejection_id == rejection_id or _is_same(next_charge, event, plan_of):
            return Judged("duplicate", event)
        charge = next_charge
    return Judged("conflict", event)
