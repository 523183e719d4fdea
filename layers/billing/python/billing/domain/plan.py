"""Plans: a base price, usage features with an included quantity and a price, recurring features rented by the month."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from billing.domain.decimals import MILLION, divide_half_up

FEATURE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
CALL_MINUTES = "call_minutes"
CALL_CONCURRENCY = "call_concurrency"

PlanKind = Literal["fixed", "pay_as_you_go"]
PlanKey = tuple[str, int]
"""A plan's id and version."""

# What a platform may send for a feature that is metered in another of them.
TIME_UNIT_MILLISECONDS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000}


@dataclass(frozen=True, slots=True)
class VolumeDiscount:
    """From a quantity in the period on (`from_millionths`, priced units), a percentage off the units above it.

    Stored by name: a new field goes last, with a default.
    """

    from_millionths: int
    percent_millionths: int


@dataclass(frozen=True, slots=True)
class UsageFeature:
    """A consumable. Millionths: `increment` and `minimum` of metered units, `included` of priced ones.

    Stored by name: a new field goes last, with a default.
    """

    key: str
    name: str
    metered_unit: str
    priced_unit: str
    metered_per_priced_millionths: int
    included_millionths: int
    unit_price_micros: int
    increment_millionths: int = 0
    minimum_millionths: int = 0
    volume_discounts: tuple[VolumeDiscount, ...] = ()
    unit_cost_micros: int | None = None

    def to_metered(self, priced_millionths: int) -> int:
        """Metered millionths of a priced quantity; plans are accepted only where this is exact."""
        return priced_millionths * self.metered_per_priced_millionths // MILLION

    def to_priced(self, metered_millionths: int) -> int:
        """Priced millionths of a metered quantity, rounded half up."""
        return divide_half_up(metered_millionths * MILLION, self.metered_per_priced_millionths)

    @property
    def included_metered_millionths(self) -> int:
        return self.to_metered(self.included_millionths)

    def left_metered_millionths(self, used: int, bought: int) -> int:
        """What is left of the included quantity in a period that used so many metered millionths.

        Those of them that were `bought` drew no allowance: nobody pays for a unit twice, whatever plan he moves to.
        """
        return max(0, self.included_metered_millionths - (used - bought))

    def remaining_millionths(self, used: int, bought: int) -> int:
        """The same in priced units, rounded half up to six places."""
        return self.to_priced(self.left_metered_millionths(used, bought))


@dataclass(frozen=True, slots=True)
class RecurringFeature:
    """A rental: whole units included, a monthly price for each extra one, an optional hard maximum.

    Stored by name: a new field goes last, with a default.
    """

    key: str
    name: str
    included: int
    unit_price_micros: int
    maximum: int | None = None

    def extra_units(self, quantities: Mapping[str, int]) -> int:
        """Units rented beyond the included ones."""
        return max(0, quantities.get(self.key, 0) - self.included)


@dataclass(frozen=True, slots=True)
class CallRules:
    """What the plan's calls are counted by: features that it need not have.

    `time` are the usage features of a call's length, the first of which counts a call that was sent without usage;
    `concurrency` is the recurring feature of its slots. `check_length` keeps a call that is longer than it lasted.

    Stored by name: a new field goes last, with a default.
    """

    time: tuple[str, ...] = (CALL_MINUTES,)
    concurrency: str | None = CALL_CONCURRENCY
    check_length: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """One immutable version of a plan.

    `offered` and `archived` were put with this version; those of the current version hold for all of them.
    """

    plan_id: str
    version: int
    name: str
    currency: str
    kind: PlanKind
    base_price_micros: int
    minimum_top_up_micros: int
    usage_features: Mapping[str, UsageFeature]
    recurring_features: Mapping[str, RecurringFeature]
    calls: CallRules = CallRules()
    maximum_charge_micros: int | None = None
    description: str | None = None
    offered: bool = False
    archived: bool = False

    @property
    def on_offer(self) -> bool:
        """Whether customers may choose it by themselves, where it is the current version."""
        return self.offered and not self.archived

    @property
    def call_time(self) -> list[UsageFeature]:
        """The features that count the time of calls."""
        return [self.usage_features[key] for key in self.calls.time if key in self.usage_features]

    @property
    def calls_without_usage(self) -> str | None:
        """The feature of a call that is sent without usage: its length counts."""
        return next((feature.key for feature in self.call_time), None)

    @property
    def call_slots(self) -> RecurringFeature | None:
        """The feature of which a running call holds a unit."""
        return None if self.calls.concurrency is None else self.recurring_features.get(self.calls.concurrency)

    @property
    def key(self) -> PlanKey:
        return self.plan_id, self.version

    def monthly_price_micros(self, quantities: Mapping[str, int]) -> int:
        """Base price and rentals for a whole period."""
        rent = sum(
            feature.extra_units(quantities) * feature.unit_price_micros for feature in self.recurring_features.values()
        )
        return self.base_price_micros + rent

    def concurrency_limit(self, quantities: Mapping[str, int]) -> int | None:
        """Slots for calls at once: included + rented, capped by the hard maximum; None where the plan sets no limit."""
        feature = self.call_slots
        if feature is None:
            return None
        limit = feature.included + feature.extra_units(quantities)
        return limit if feature.maximum is None else min(limit, feature.maximum)
