"""Usage on the wire: what was used and paid over time, as JSON and as CSV."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import Field

from billing.api.spans import DaysQuery
from billing.domain.decimals import format_millionths
from billing.domain.usage_report import (
    Bucket,
    GroupBy,
    Interval,
    NamedFeature,
    Runway,
    UsageQuestion,
    UsageReport,
)
from billing.domain.usage_sum import FeatureUse, UsageSum, Use
from billing.web.values import MoneyView, View, WorkspaceIds

_ADMIN_ONLY = "null for all but administrators, and where no plan states a unit cost"


class UsageQuery(DaysQuery):
    """Days and how to tell them apart. By day at most 92 days, by month at most 24 months."""

    interval: Interval = "day"
    group_by: GroupBy = "feature"
    workspace_id: WorkspaceIds | None = None
    compare: Literal["previous"] | None = Field(default=None, description="tells the range before, too")

    def to_question(self, today: date) -> UsageQuestion:
        """Raises InvalidValue."""
        days = self.to_days(today)
        return UsageQuestion(days, self.interval, self.group_by, self.workspace_id or (), self.compare is not None)


class FeatureUseView(View):
    """What was used of a feature, in priced units. `included`, `overage` and `pay_as_you_go` add up to `billed`.

    `quantity` is as used, before steps and minimums. Each quantity is exact where it is kept, and rounded here.
    """

    name: str
    unit: str | None = Field(description="null if the plan is not known")
    quantity: str
    billed: str
    included: str
    overage: str
    pay_as_you_go: str
    cost: MoneyView
    platform_cost: MoneyView | None = Field(description=_ADMIN_ONLY)
    margin: MoneyView | None = Field(description="`cost` less `platform_cost`")

    @classmethod
    def of(cls, use: FeatureUse, feature: NamedFeature, currency: str, *, with_costs: bool) -> "FeatureUseView":
        def said(counted: int) -> str:
            return format_millionths(feature.priced(counted))

        return cls(
            name=feature.name,
            unit=feature.unit,
            quantity=said(use.quantity_millionths),
            billed=said(use.billed_millionths),
            included=said(use.included_millionths),
            overage=said(use.overage_millionths),
            pay_as_you_go=said(use.pay_as_you_go_millionths),
            cost=MoneyView.of(use.amount_micros, currency),
            **_costs(use.amount_micros, use.cost_micros if with_costs else None, currency),
        )


class UsageTotalsView(View):
    """`cost` is what the customer paid. `events` are calls, and what else was recorded."""

    cost: MoneyView
    calls: int
    events: int
    features: dict[str, FeatureUseView]
    platform_cost: MoneyView | None = Field(description=_ADMIN_ONLY)
    margin: MoneyView | None = Field(description="`cost` less `platform_cost`")

    @classmethod
    def of(cls, total: UsageSum, report: UsageReport, *, with_costs: bool) -> "UsageTotalsView":
        features = {
            key: FeatureUseView.of(use, report.feature(key), report.currency, with_costs=with_costs)
            for key, use in total.features().items()
        }
        paid = total.amount_micros
        return cls(
            cost=MoneyView.of(paid, report.currency),
            calls=total.calls,
            events=total.events,
            features=features,
            **_costs(paid, total.cost_micros if with_costs else None, report.currency),
        )


class UsageBucketView(View):
    """A day, or the days of a month that are in the range. The costs of its `groups` add up to its `cost`."""

    start: str = Field(description="a date (UTC)")
    cost: MoneyView
    calls: int
    events: int
    groups: dict[str, MoneyView] = Field(description="by their keys; those that paid nothing are left out")

    @classmethod
    def of(cls, bucket: Bucket, by: GroupBy, keys: list[str], currency: str) -> "UsageBucketView":
        uses = bucket.uses(by, keys)
        return cls(
            start=bucket.start.isoformat(),
            cost=MoneyView.of(bucket.sum.amount_micros, currency),
            calls=bucket.sum.calls,
            events=bucket.sum.events,
            groups={key: MoneyView.of(use.amount_micros, currency) for key, use in uses.items() if use.amount_micros},
        )


class UsageGroupView(View):
    """A feature or a workspace, those that cost most first. `_others` is what is beyond 200 workspaces.

    `calls` of a feature are the lines of events that name it.
    """

    key: str
    name: str | None = Field(description="null of a workspace without one, or that is another account's now")
    cost: MoneyView
    calls: int
    platform_cost: MoneyView | None = Field(description=_ADMIN_ONLY)
    margin: MoneyView | None = Field(description="`cost` less `platform_cost`")

    @classmethod
    def of(cls, key: str, use: Use, report: UsageReport, *, with_costs: bool) -> "UsageGroupView":
        return cls(
            key=key,
            name=report.name_of(key),
            cost=MoneyView.of(use.amount_micros, report.currency),
            calls=use.calls,
            **_costs(use.amount_micros, use.cost_micros if with_costs else None, report.currency),
        )


class RunwayView(View):
    """How long the balance lasts at the rate of the last seven whole days (UTC)."""

    per_day: MoneyView
    days: int = Field(description="whole days; 0 is less than one")

    @classmethod
    def of(cls, left: Runway | None, currency: str) -> "RunwayView | None":
        return None if left is None else cls(per_day=MoneyView.of(left.per_day_micros, currency), days=left.days)


class UsageView(View):
    """What was used and paid in a range. All buckets add up to `totals`, and so do all groups."""

    currency: str
    interval: Interval
    group_by: GroupBy
    from_: str = Field(alias="from")
    to: str
    totals: UsageTotalsView
    previous: UsageTotalsView | None = Field(description="of the range of the same length before, if asked for")
    buckets: list[UsageBucketView]
    groups: list[UsageGroupView]
    runway: RunwayView | None = Field(
        description="of the account; null if nothing is left, nothing was paid, less than three days have usage, or "
        "workspaces are named"
    )

    @classmethod
    def of(cls, report: UsageReport, *, with_costs: bool) -> "UsageView":
        question, currency = report.question, report.currency
        previous = report.previous
        groups = report.groups
        return cls(
            currency=currency,
            interval=question.interval,
            group_by=question.group_by,
            **{"from": question.days.first.isoformat()},
            to=question.days.last.isoformat(),
            totals=UsageTotalsView.of(report.total, report, with_costs=with_costs),
            previous=None if previous is None else UsageTotalsView.of(previous, report, with_costs=with_costs),
            buckets=[UsageBucketView.of(each, question.group_by, list(groups), currency) for each in report.buckets],
            groups=[UsageGroupView.of(key, use, report, with_costs=with_costs) for key, use in groups.items()],
            runway=RunwayView.of(report.runway, currency),
        )


_COSTS = ("platform_cost", "margin")
_FEATURE_COLUMNS = (
    "start",
    "feature",
    "feature_name",
    "unit",
    "quantity",
    "billed",
    "included",
    "overage",
    "pay_as_you_go",
    "cost",
    "currency",
)
_WORKSPACE_COLUMNS = ("start", "workspace_id", "workspace_name", "calls", "cost", "currency")


def usage_columns(by: GroupBy, *, with_costs: bool) -> tuple[str, ...]:
    columns = _FEATURE_COLUMNS if by == "feature" else _WORKSPACE_COLUMNS
    return columns + _COSTS if with_costs else columns


def usage_rows(report: UsageReport, *, with_costs: bool) -> Iterator[tuple[str, ...]]:
    """A row for each group of each bucket: what was not used has none."""
    by_feature = report.question.group_by == "feature"
    for bucket in report.buckets:
        rows = _by_feature(bucket, report) if by_feature else _by_workspace(bucket, report)
        for cells, paid, cost in rows:
            amounts = (_amount(paid), report.currency)
            costs = ("", "") if cost is None else (_amount(cost), _amount(paid - cost))
            yield (bucket.start.isoformat(), *cells, *amounts, *(costs if with_costs else ()))


_Row = tuple[tuple[str, ...], int, int | None]


def _by_feature(bucket: Bucket, report: UsageReport) -> Iterator[_Row]:
    for key, use in bucket.sum.features().items():
        feature = report.feature(key)
        counted = (
            use.quantity_millionths,
            use.billed_millionths,
            use.included_millionths,
            use.overage_millionths,
            use.pay_as_you_go_millionths,
        )
        said = (format_millionths(feature.priced(each)) for each in counted)
        yield (key, feature.name, feature.unit or "", *said), use.amount_micros, use.cost_micros


def _by_workspace(bucket: Bucket, report: UsageReport) -> Iterator[_Row]:
    for key, use in bucket.uses("workspace", list(report.groups)).items():
        yield (key, report.name_of(key) or "", str(use.calls)), use.amount_micros, use.cost_micros


def _amount(micros: int) -> str:
    return format_millionths(micros, fixed=True)


def _costs(paid: int, cost: int | None, currency: str) -> dict[str, MoneyView | None]:
    if cost is None:
        return {"platform_cost": None, "margin": None}
    return {"platform_cost": MoneyView.of(cost, currency), "margin": MoneyView.of(paid - cost, currency)}
