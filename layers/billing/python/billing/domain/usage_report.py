"""The report of a range: cost over time, by feature or workspace, beside the range before it, and what will be.

1 to 25 November by day      25 buckets; before it are the 25 days from 7 to 31 October
September to November, by month    3 buckets; before it are June to August
5 September to 10 November, by month    3 buckets, the first and the last in part; before it are as many days
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from billing.domain.decimals import MILLION, divide_half_up
from billing.domain.errors import InvalidValue
from billing.domain.month import Month
from billing.domain.plan import TIME_UNIT_MILLISECONDS, Plan, PlanKey, UsageFeature
from billing.domain.usage_sum import FeatureUse, UsageSum, Use

Interval = Literal["day", "month"]
GroupBy = Literal["feature", "workspace"]

MOST_DAYS: Final = 92
MOST_MONTHS: Final = 24
RUNWAY_DAYS: Final = 7
_RUNWAY_LEAST_DAYS: Final = 3
OTHERS: Final = "_others"
"""The key of all groups beyond the most that are told. No feature and no workspace begins so."""


class RangeTooLong(InvalidValue):
    """More than one answer holds."""

    code = "range_too_long"


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last one, both among them (UTC)."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def months(self) -> list[Month]:
        """Those that have a day among these."""
        months = [Month.of(self.first)]
        while months[-1].last_day < self.last:
            months.append(Month.of(months[-1].last_day + timedelta(days=1)))
        return months

    @property
    def are_whole_months(self) -> bool:
        return self.first.day == 1 and self.last == Month.of(self.last).last_day

    def of_month(self, month: Month) -> "Days":
        """Those of them that are in the month."""
        return Days(max(self.first, month.start.date()), min(self.last, month.last_day))

    def each(self) -> list[date]:
        return [self.first + timedelta(days=passed) for passed in range(self.count)]

    def holds(self, other: "Days") -> bool:
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """What is asked for. With `workspaces` of these alone.

    Raises InvalidValue for days out of order, and RangeTooLong.
    """

    days: Days
    interval: Interval = "day"
    group_by: GroupBy = "feature"
    workspaces: tuple[str, ...] = ()
    compare: bool = False

    def __post_init__(self) -> None:
        if self.days.count < 1:
            raise InvalidValue("must not be before from", field="to")
        if self.interval == "day" and self.days.count > MOST_DAYS:
            raise RangeTooLong(f"is {self.days.count} days long: by day at most {MOST_DAYS}, or by month", field="to")
        if self.interval == "month" and len(self.days.months) > MOST_MONTHS:
            raise RangeTooLong(f"is {len(self.days.months)} months long: at most {MOST_MONTHS}", field="to")

    @property
    def parts(self) -> list[Days]:
        """What each bucket holds."""
        if self.interval == "day":
            return [Days(day, day) for day in self.days.each()]
        return [self.days.of_month(month) for month in self.days.months]

    @property
    def before(self) -> Days:
        """The range of the same length before: as many months where these are whole ones, by month, else days."""
        last = self.days.first - timedelta(days=1)
        if self.interval == "month" and self.days.are_whole_months:
            first = Month.of(last)
            for _ in self.days.months[1:]:
                first = Month.of(first.start.date() - timedelta(days=1))
            return Days(first.start.date(), last)
        return Days(last - timedelta(days=self.days.count - 1), last)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A day, or the days of a month that are in the range."""

    start: date
    sum: UsageSum

    def uses(self, by: GroupBy, keys: Sequence[str]) -> dict[str, Use]:
        """Those of these groups that are in it, and under OTHERS what is in none of them. Nothing is left out."""
        groups, others = groups_of(self.sum, by)
        told = {key: groups[key] for key in keys if key in groups}
        for key in groups.keys() - told.keys():
            others.add(groups[key])
        return {**told, OTHERS: others} if others != Use() else told


@dataclass(frozen=True, slots=True)
class Runway:
    """How long the balance lasts at the rate of the last seven whole days: whole days, 0 is less than one."""

    per_day_micros: int
    days: int


@dataclass(frozen=True, slots=True)
class NamedFeature:
    """A feature as the plan that rated it last calls it. `of` is None where that plan is not there any more."""

    key: str
    of: UsageFeature | None = None

    @property
    def name(self) -> str:
        return self.key if self.of is None else self.of.name

    @property
    def unit(self) -> str | None:
        """What its quantities are counted in: None where nobody can tell."""
        return None if self.of is None else self.of.priced_unit

    def priced(self, counted_millionths: int) -> int:
        """Of what the days count, the millionths of the priced unit, rounded half up."""
        if self.of is None:
            return counted_millionths
        milliseconds = TIME_UNIT_MILLISECONDS.get(self.of.metered_unit, 1000)
        divisor = milliseconds * self.of.metered_per_priced_millionths
        return divide_half_up(counted_millionths * 1000 * MILLION, divisor)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The answer. `groups` are those that cost most, the most first; `names` are of workspaces that have one."""

    account_id: str
    currency: str
    question: UsageQuestion
    total: UsageSum
    previous: UsageSum | None
    buckets: tuple[Bucket, ...]
    features: Mapping[str, NamedFeature]
    names: Mapping[str, str]
    runway: Runway | None

    @property
    def groups(self) -> dict[str, Use]:
        """By their keys; under OTHERS what is beyond the most that are told."""
        named, others = groups_of(self.total, self.question.group_by)
        return {**named, OTHERS: others} if others != Use() else named

    def feature(self, key: str) -> NamedFeature:
        return self.features.get(key) or NamedFeature(key)

    def name_of(self, group: str) -> str | None:
        if self.question.group_by == "feature":
            return self.feature(group).name
        return self.names.get(group)


def groups_of(usage: UsageSum, by: GroupBy) -> tuple[dict[str, Use], Use]:
    """The groups, and what is in none of them."""
    if by == "workspace":
        return usage.by_workspace()
    ordered = sorted(usage.by_feature().items(), key=lambda each: (-each[1].amount_micros, each[0]))
    return dict(ordered), Use()


def total_of(sums: Sequence[UsageSum]) -> UsageSum:
    """Of consecutive ranges, in their order."""
    total = UsageSum()
    for each in sums:
        total.merge(each)
    return total


def runway_days(today: date) -> Days:
    """The last whole days, by which the rate is told."""
    return Days(today - timedelta(days=RUNWAY_DAYS), today - timedelta(days=1))


def runway(last_days: Sequence[UsageSum], balance_micros: int) -> Runway | None:
    """None where nothing was paid, on fewer than three days anything was used, or nothing is left.

    210.00 were paid in seven days, and 355.00 are left: 30.00 a day, 11 days.
    """
    paid = sum(each.amount_micros for each in last_days)
    if sum(each.events > 0 for each in last_days) < _RUNWAY_LEAST_DAYS or paid <= 0 or balance_micros <= 0:
        return None
    return Runway(divide_half_up(paid, RUNWAY_DAYS), balance_micros * RUNWAY_DAYS // paid)


def named(use: FeatureUse, plans: Mapping[PlanKey, Plan]) -> NamedFeature:
    plan = None if use.plan is None else plans.get(use.plan)
    return NamedFeature(use.feature, None if plan is None else plan.usage_features.get(use.feature))
