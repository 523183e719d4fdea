"""Plans as they are answered: the same shape as on the way in, so that what is read can be put back."""

from typing import Annotated, Literal

from pydantic import Field

from billing.domain.decimals import format_millionths
from billing.domain.plan import (
    Plan,
    RecurringFeature,
    UsageFeature,
)
from billing.web.values import (
    View,
    price_text,
)


class VolumeDiscountView(View):
    from_: Annotated[str, Field(alias="from")]
    percent: str


class UsageFeatureView(View):
    key: str
    name: str
    metered_unit: str
    priced_unit: str
    metered_per_priced: str
    included: str
    unit_price: str
    increment: str
    minimum: str
    volume_discounts: list[VolumeDiscountView]
    unit_cost: str | None = Field(description="what a unit costs the platform: null for all but administrators")

    @classmethod
    def of(cls, feature: UsageFeature, currency: str, *, with_costs: bool) -> "UsageFeatureView":
        cost = feature.unit_cost_micros if with_costs else None
        return cls(
            key=feature.key,
            name=feature.name,
            metered_unit=feature.metered_unit,
            priced_unit=feature.priced_unit,
            metered_per_priced=format_millionths(feature.metered_per_priced_millionths),
            included=format_millionths(feature.included_millionths),
            unit_price=price_text(feature.unit_price_micros, currency),
            increment=format_millionths(feature.increment_millionths),
            minimum=format_millionths(feature.minimum_millionths),
            volume_discounts=[
                VolumeDiscountView.model_validate(
                    {
                        "from": format_millionths(tier.from_millionths),
                        "percent": format_millionths(tier.percent_millionths),
                    }
                )
                for tier in feature.volume_discounts
            ],
            unit_cost=None if cost is None else price_text(cost, currency),
        )


class RecurringFeatureView(View):
    key: str
    name: str
    included: str
    unit_price: str
    maximum: str | None

    @classmethod
    def of(cls, feature: RecurringFeature, currency: str) -> "RecurringFeatureView":
        return cls(
            key=feature.key,
            name=feature.name,
            included=str(feature.included),
            unit_price=price_text(feature.unit_price_micros, currency),
            maximum=None if feature.maximum is None else str(feature.maximum),
        )


class CallRulesView(View):
    """The plan's features that its calls are counted by."""

    time: list[str]
    concurrency: str | None
    check_length: bool

    @classmethod
    def of(cls, plan: Plan) -> "CallRulesView":
        return cls(
            time=[feature.key for feature in plan.call_time],
            concurrency=None if plan.call_slots is None else plan.call_slots.key,
            check_length=plan.calls.check_length,
        )


class PlanView(View):
    """One version of a plan. Prices are decimal strings in `currency`, as they were put.

    `offered` and `archived` are what was put with this version; those of the current one hold.
    """

    plan_id: str
    version: int
    name: str
    description: str | None
    offered: bool
    archived: bool
    currency: str
    kind: Literal["fixed", "pay_as_you_go"]
    base_price: str
    minimum_top_up: str
    usage_features: list[UsageFeatureView]
    recurring_features: list[RecurringFeatureView]
    maximum_charge: str | None
    calls: CallRulesView

    @classmethod
    def of(cls, plan: Plan, *, with_costs: bool) -> "PlanView":
        return cls(
            plan_id=plan.plan_id,
            version=plan.version,
            name=plan.name,
            description=plan.description,
            offered=plan.offered,
            archived=plan.archived,
            currency=plan.currency,
            kind=plan.kind,
            base_price=price_text(plan.base_price_micros, plan.currency),
            minimum_top_up=price_text(plan.minimum_top_up_micros, plan.currency),
            usage_features=[
                UsageFeatureView.of(each, plan.currency, with_costs=with_costs) for each in plan.usage_features.values()
            ],
            recurring_features=[
                RecurringFeatureView.of(each, plan.currency) for each in plan.recurring_features.values()
            ],
            maximum_charge=None
            if plan.maximum_charge_micros is None
            else price_text(plan.maximum_charge_micros, plan.currency),
            calls=CallRulesView.of(plan),
        )


class PlanPage(View):
    """The current version of each plan."""

    items: list[PlanView]
    next_cursor: str | None
