"""Usage records on the wire, as JSON and as CSV."""

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import Field, WithJsonSchema

from billing.api.spans import SpanQuery, link_to
from billing.domain.decimals import format_millionths
from billing.domain.errors import InvalidValue
from billing.domain.instants import format_instant
from billing.domain.ledger import LedgerEntry, RatedLine, UsageRecord
from billing.domain.plan import Plan, PlanKey, UsageFeature
from billing.store.usage_records import UsageFilter
from billing.web.values import (
    Body,
    Cursor,
    Example,
    FeatureKey,
    Instant,
    MoneyView,
    Name,
    PageLimit,
    Reason,
    View,
    WorkspaceIds,
    reading,
)

_MOST_DIMENSION_CHARACTERS: Final = 129


def _dimension(text: object) -> tuple[str, str]:
    name, equals, value = text.partition("=") if isinstance(text, str) else ("", "", "")
    if not name or not equals or not value or len(name) + len(value) >= _MOST_DIMENSION_CHARACTERS:
        raise InvalidValue('must be a key and its value, such as "agent=a-7"')
    return name, value


class UsageRecordsQuery(SpanQuery):
    """Usage that ended in the span, of these workspaces, with this feature, with this dimension.

    `limit` is of a page: a file has as many as it holds.
    """

    workspace_id: WorkspaceIds | None = None
    feature: FeatureKey | None = None
    dimension: (
        Annotated[
            tuple[str, str],
            reading(_dimension),
            WithJsonSchema({"type": "string", "examples": ["agent=a-7"], "description": "a dimension, `=`, its value"}),
        ]
        | None
    ) = None
    limit: PageLimit | None = None
    cursor: Cursor | None = None

    def to_filter(self) -> UsageFilter:
        return UsageFilter(self.from_, self.to, self.workspace_id or (), self.feature, self.dimension)

    def link_to(self, cursor: str) -> str:
        """The same query from `cursor` on, as a relative reference."""
        stated = {
            "workspace_id": None if self.workspace_id is None else ",".join(self.workspace_id),
            "feature": self.feature,
            "dimension": None if self.dimension is None else "=".join(self.dimension),
        }
        return link_to(cursor, self, stated)


@dataclass(frozen=True, slots=True)
class Names:
    """What records are explained by: the plans that rated them, the names of the account's workspaces, and voids.

    `voided` are the causes of the charges that were taken back.
    """

    plans: Mapping[PlanKey, Plan]
    workspaces: Mapping[str, str]
    voided: Container[str] = ()

    def feature(self, usage: UsageRecord, line: RatedLine) -> UsageFeature | None:
        """As the plan that rated the line has it; None where that is not there any more."""
        plan = self.plans.get((usage.plan_id, usage.plan_version))
        return None if plan is None else plan.usage_features.get(line.feature)


class VoidBody(Body):
    """Why a charge is taken back, and who answers for it."""

    example: ClassVar[Example] = {"reason": "billed in the wrong unit", "by": "ops@example.com"}

    reason: Reason
    by: Name


class PricedQuantityView(View):
    """The same in the priced unit, to six places: what the plan's price is for."""

    unit: str
    quantity: str
    billed: str
    included: str
    overage: str
    pay_as_you_go: str

    @classmethod
    def of(cls, line: RatedLine, feature: UsageFeature | None) -> "PricedQuantityView | None":
        if feature is None:
            return None
        return cls(
            unit=feature.priced_unit,
            quantity=format_millionths(feature.to_priced(line.quantity_millionths)),
            billed=format_millionths(feature.to_priced(line.billed_millionths)),
            included=format_millionths(feature.to_priced(line.included_millionths)),
            overage=format_millionths(feature.to_priced(line.overage_millionths)),
            pay_as_you_go=format_millionths(feature.to_priced(line.pay_as_you_go_millionths)),
        )


class UsageLineView(View):
    """Quantities are in the metered `unit`; `included`, `overage` and `pay_as_you_go` add up to `billed`.

    `unit_price` is the price of one priced unit (a minute, if seconds are metered).
    """

    feature: str
    name: str = Field(description="as the plan calls the feature")
    unit: str
    quantity: str
    billed: str
    included: str
    overage: str
    pay_as_you_go: str
    priced: PricedQuantityView | None = Field(description="null if the plan is not there any more")
    unit_price: MoneyView
    amount: MoneyView

    @classmethod
    def of(cls, line: RatedLine, feature: UsageFeature | None, currency: str) -> "UsageLineView":
        return cls(
            feature=line.feature,
            name=line.feature if feature is None else feature.name,
            unit=line.unit,
            quantity=format_millionths(line.quantity_millionths),
            billed=format_millionths(line.billed_millionths),
            included=format_millionths(line.included_millionths),
            overage=format_millionths(line.overage_millionths),
            pay_as_you_go=format_millionths(line.pay_as_you_go_millionths),
            priced=PricedQuantityView.of(line, feature),
            unit_price=MoneyView.of(line.unit_price_micros, currency),
            amount=MoneyView.of(line.amount_micros, currency),
        )


class UsageRecordView(View):
    """What one event consumed and cost. `record_id` is the id of its ledger entry.

    If one feature is asked for, `lines` has that one alone; `amount` is what the whole event cost.
    """

    record_id: str
    event_id: str
    call_id: str | None
    workspace_id: str
    workspace_name: str | None
    occurred_at: Instant
    settled_at: Instant
    plan_id: str
    plan_version: int
    amount: MoneyView
    balance_after: MoneyView
    dimensions: dict[str, str] = Field(description="as sent, and the call's direction")
    voided: bool = Field(description="whether the charge was taken back: `amount` is what it was")
    lines: list[UsageLineView]

    @classmethod
    def of(cls, entry: LedgerEntry, usage: UsageRecord, names: Names, feature: str | None) -> "UsageRecordView":
        return cls(
            record_id=entry.entry_id,
            event_id=usage.event_id,
            call_id=usage.call_id,
            workspace_id=usage.workspace_id,
            workspace_name=names.workspaces.get(usage.workspace_id),
            occurred_at=format_instant(usage.occurred_at),
            settled_at=format_instant(entry.posted_at),
            plan_id=usage.plan_id,
            plan_version=usage.plan_version,
            amount=MoneyView.of(-entry.amount_micros, entry.currency),
            balance_after=MoneyView.of(entry.balance_after_micros, entry.currency),
            dimensions=dict(usage.dimensions),
            voided=entry.cause in names.voided,
            lines=[
                UsageLineView.of(line, names.feature(usage, line), entry.currency)
                for line in usage.lines
                if feature in {None, line.feature}
            ],
        )


class UsageRecordPage(View):
    """Newest first, by settlement.

    A page may have fewer records than asked for, though more are to come: filters may pass over very many. All that was
    settled since `read_to` has been read then.
    """

    items: list[UsageRecordView]
    next_cursor: str | None
    read_to: Instant | None = Field(description="null at the end of the list")


def usage_records(entries: Iterable[LedgerEntry], names: Names, feature: str | None = None) -> list[UsageRecordView]:
    return [UsageRecordView.of(each, each.usage, names, feature) for each in entries if each.usage is not None]


COLUMNS = (
    "record_id",
    "event_id",
    "call_id",
    "workspace_id",
    "workspace_name",
    "occurred_at",
    "settled_at",
    "feature",
    "feature_name",
    "unit",
    "quantity",
    "billed",
    "included",
    "overage",
    "pay_as_you_go",
    "priced_unit",
    "priced_quantity",
    "unit_price",
    "amount",
    "balance_after",
    "currency",
    "plan_id",
    "plan_version",
    "voided",
    "dimensions",
)


def usage_lines(entries: Iterable[LedgerEntry], names: Names, feature: str | None = None) -> Iterator[tuple[str, ...]]:
    """A row for each line. `dimensions` are a JSON object, or empty; `balance_after` is that after the whole event."""
    for entry in entries:
        usage = entry.usage
        if usage is None:
            continue
        of_record = (
            entry.entry_id,
            usage.event_id,
            usage.call_id or "",
            usage.workspace_id,
            names.workspaces.get(usage.workspace_id, ""),
            format_instant(usage.occurred_at),
            format_instant(entry.posted_at),
        )
        dimensions = json.dumps(dict(usage.dimensions), ensure_ascii=False) if usage.dimensions else ""
        voided = "true" if entry.cause in names.voided else "false"
        balance = format_millionths(entry.balance_after_micros, fixed=True)
        rated_by = (balance, entry.currency, usage.plan_id, str(usage.plan_version), voided, dimensions)
        for line in usage.lines:
            if feature in {None, line.feature}:
                yield (*of_record, *_cells(line, names.feature(usage, line)), *rated_by)


def _cells(line: RatedLine, feature: UsageFeature | None) -> tuple[str, ...]:
    counted = (
        line.quantity_millionths,
        line.billed_millionths,
        line.included_millionths,
        line.overage_millionths,
        line.pay_as_you_go_millionths,
    )
    priced = "" if feature is None else format_millionths(feature.to_priced(line.quantity_millionths))
    return (
        line.feature,
        line.feature if feature is None else feature.name,
        line.unit,
        *map(format_millionths, counted),
        "" if feature is None else feature.priced_unit,
        priced,
        format_millionths(line.unit_price_micros, fixed=True),
        format_millionths(line.amount_micros, fixed=True),
    )
