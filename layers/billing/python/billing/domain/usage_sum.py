"""Sums of usage: what days of workspaces add up to, by feature and by workspace. Exact, in whatever order."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from billing.domain.daily_usage import (
    AMOUNT,
    CALLS,
    COST,
    EVENTS,
    INCLUDED,
    LINES,
    OVERAGE,
    PAY_AS_YOU_GO,
    QUANTITY,
    DayOfWorkspace,
    DayUse,
    counter,
)
from billing.domain.plan import PlanKey

MOST_WORKSPACES: Final = 200
"""So many workspaces of a month are kept by themselves, those that cost most; the others in one sum."""

_END: Final = 2
_AMOUNT_ENDS, _COST_ENDS, _LINES_ENDS = counter("", AMOUNT), counter("", COST), counter("", LINES)


@dataclass(slots=True)
class Use:
    """What was paid, in micro-units, by how many calls, and what it cost the platform: None where no plan states it."""

    amount_micros: int = 0
    calls: int = 0
    cost_micros: int | None = None

    def add(self, other: "Use") -> None:
        self.amount_micros += other.amount_micros
        self.calls += other.calls
        self.cost_micros = total_cost(self.cost_micros, other.cost_micros)


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """What was used of a feature. Quantities are millionths: of seconds where they are times, else of metered units."""

    feature: str
    plan: PlanKey | None
    lines: int
    quantity_millionths: int
    included_millionths: int
    overage_millionths: int
    pay_as_you_go_millionths: int
    amount_micros: int
    cost_micros: int | None

    @property
    def billed_millionths(self) -> int:
        return self.included_millionths + self.overage_millionths + self.pay_as_you_go_millionths


@dataclass(slots=True)
class UsageSum:
    """`counters` by name, as in a day's row. `plans` has for each feature the plan that rated it last."""

    counters: Counter[str] = field(default_factory=Counter)
    plans: dict[str, PlanKey] = field(default_factory=dict)
    workspaces: dict[str, Use] = field(default_factory=dict)
    others: Use = field(default_factory=Use)

    def add(self, day: DayOfWorkspace, use: DayUse) -> None:
        """Add a day's row. Those of later days come later: their plans name the features."""
        of_workspace = self.workspaces.setdefault(day.workspace_id, Use())
        of_workspace.calls += use.counters[CALLS]
        counters = self.counters
        for name, value in use.counters.items():
            counters[name] = counters.get(name, 0) + value
            end = name[-_END:]
            if end == _AMOUNT_ENDS:
                of_workspace.amount_micros += value
            elif end == _COST_ENDS:
                of_workspace.cost_micros = (of_workspace.cost_micros or 0) + value
            elif end == _LINES_ENDS and use.plan is not None:
                self.plans[name[:-_END]] = use.plan

    def merge(self, later: "UsageSum") -> None:
        """Add the sum of later days."""
        self.counters.update(later.counters)
        self.plans |= later.plans
        for workspace_id, use in later.workspaces.items():
            self.workspaces.setdefault(workspace_id, Use()).add(use)
        self.others.add(later.others)

    @property
    def calls(self) -> int:
        return self.counters[CALLS]

    @property
    def events(self) -> int:
        return self.counters[EVENTS]

    @property
    def amount_micros(self) -> int:
        return sum(value for name, value in self.counters.items() if name.endswith(_AMOUNT_ENDS))

    @property
    def cost_micros(self) -> int | None:
        """What it cost the platform: None where no plan stated any unit cost."""
        costs = [value for name, value in self.counters.items() if name.endswith(_COST_ENDS)]
        return sum(costs) if costs else None

    def features(self) -> dict[str, FeatureUse]:
        """By their keys, in order."""
        keys = sorted({name.rpartition("|")[0] for name in self.counters} - {""})
        return {key: self._feature(key) for key in keys}

    def _feature(self, key: str) -> FeatureUse:
        def counted(letter: str) -> int:
            return self.counters[counter(key, letter)]

        return FeatureUse(
            feature=key,
            plan=self.plans.get(key),
            lines=counted(LINES),
            quantity_millionths=counted(QUANTITY),
            included_millionths=counted(INCLUDED),
            overage_millionths=counted(OVERAGE),
            pay_as_you_go_millionths=counted(PAY_AS_YOU_GO),
            amount_micros=counted(AMOUNT),
            cost_micros=self.counters.get(counter(key, COST)),
        )

    def by_feature(self) -> dict[str, Use]:
        return {key: Use(each.amount_micros, each.lines, each.cost_micros) for key, each in self.features().items()}

    def by_workspace(self) -> tuple[dict[str, Use], Use]:
        """Those that cost most, the most first, and the others in one."""
        ordered = sorted(self.workspaces.items(), key=lambda each: (-each[1].amount_micros, -each[1].calls, each[0]))
        others = Use()
        others.add(self.others)
        for _, use in ordered[MOST_WORKSPACES:]:
            others.add(use)
        return dict(ordered[:MOST_WORKSPACES]), others

    def to_stored(self) -> Mapping[str, Any]:
        """As JSON. A later release adds members, and reads one that is not there as empty."""
        named, others = self.by_workspace()
        return {
            "counters": dict(self.counters),
            "plans": {feature: list(key) for feature, key in self.plans.items()},
            "workspaces": [[key, use.amount_micros, use.calls, use.cost_micros] for key, use in named.items()],
            "others": [others.amount_micros, others.calls, others.cost_micros],
        }

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "UsageSum":
        return cls(
            counters=Counter(stored["counters"]),
            plans={feature: (plan_id, version) for feature, (plan_id, version) in stored["plans"].items()},
            workspaces={key: Use(*use[:3]) for key, *use in stored["workspaces"]},
            others=Use(*stored["others"][:3]),
        )


def total_cost(one: int | None, other: int | None) -> int | None:
    """None is not stated, which adds nothing."""
    if one is None or other is None:
        return one if other is None else other
    return one + other
