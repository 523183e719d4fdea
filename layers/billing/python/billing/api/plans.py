"""Plans as they are put: strict, each field to blame by its name."""

from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from billing.domain.charge_limits import largest_charge_micros
from billing.domain.decimals import MILLION, format_millionths
from billing.domain.plan import (
    TIME_UNIT_MILLISECONDS,
    CallRules,
    Plan,
    PlanKind,
    RecurringFeature,
    UsageFeature,
    VolumeDiscount,
)
from billing.web.values import (
    Amount,
    Body,
    Currency,
    Example,
    FeatureKey,
    Name,
    Percent,
    PositiveQuantity,
    Quantity,
    Reason,
    Unit,
    Units,
    Version,
    distinct,
)

MAX_FEATURES = 50
MAX_DISCOUNTS = 10


def _invalid(detail: str) -> PydanticCustomError:
    return PydanticCustomError("invalid_value", "{detail}", {"detail": detail})


class VolumeDiscountBody(Body):
    """From this quantity of the period on (priced units), a percentage off the units above it."""

    from_millionths: Annotated[Quantity, Field(alias="from")]
    percent: Percent


class UsageFeatureBody(Body):
    """`included` and a discount's `from` count priced units, `increment` and `minimum` metered ones."""

    key: FeatureKey
    name: Name
    metered_unit: Unit
    priced_unit: Unit | None = None
    metered_per_priced: PositiveQuantity = Field("1", validate_default=True)
    included: Quantity = Field("0", validate_default=True)
    unit_price: Amount
    increment: Quantity = Field("0", validate_default=True)
    minimum: Quantity = Field("0", validate_default=True)
    volume_discounts: list[VolumeDiscountBody] = Field(default_factory=list, max_length=MAX_DISCOUNTS)
    unit_cost: Amount | None = None

    @field_validator("metered_per_priced")
    @classmethod
    def _converts_as_its_units_do(cls, millionths: int, info: ValidationInfo) -> int:
        metered = info.data.get("metered_unit")
        priced = info.data.get("priced_unit") or metered
        if metered == priced:
            expected: int | None = MILLION
        elif metered in TIME_UNIT_MILLISECONDS and priced in TIME_UNIT_MILLISECONDS:
            expected = TIME_UNIT_MILLISECONDS[priced] * MILLION // TIME_UNIT_MILLISECONDS[metered]
        else:
            expected = None
        if expected is not None and millionths != expected:
            ratio = format_millionths(expected) if expected else "at least 1"
            raise _invalid(f'must be {ratio}: the metered units ("{metered}") in one priced unit ("{priced}")')
        return millionths

    @field_validator("included")
    @classmethod
    def _is_exact_in_metered_units(cls, millionths: int, info: ValidationInfo) -> int:
        ratio = info.data.get("metered_per_priced")
        if ratio is not None and millionths * ratio % MILLION:
            raise _invalid("must come to at most six decimal places in metered units")
        return millionths

    @field_validator("volume_discounts")
    @classmethod
    def _ascend(cls, discounts: list[VolumeDiscountBody], info: ValidationInfo) -> list[VolumeDiscountBody]:
        starts = [discount.from_millionths for discount in discounts]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise _invalid('must begin at higher and higher quantities ("from")')
        ratio = info.data.get("metered_per_priced")
        if ratio is not None and any(start * ratio % MILLION for start in starts):
            raise _invalid('must begin at quantities ("from") of at most six decimal places in metered units')
        return discounts

    def to_feature(self) -> UsageFeature:
        return UsageFeature(
            key=self.key,
            name=self.name,
            metered_unit=self.metered_unit,
            priced_unit=self.priced_unit or self.metered_unit,
            metered_per_priced_millionths=self.metered_per_priced,
            included_millionths=self.included,
            unit_price_micros=self.unit_price,
            increment_millionths=self.increment,
            minimum_millionths=self.minimum,
            volume_discounts=tuple(
                VolumeDiscount(each.from_millionths, each.percent) for each in self.volume_discounts
            ),
            unit_cost_micros=self.unit_cost,
        )


class RecurringFeatureBody(Body):
    """A rental: included units, a monthly price for each extra one, and perhaps a hard maximum in all."""

    key: FeatureKey
    name: Name
    included: Units = Field("0", validate_default=True)
    unit_price: Amount
    maximum: Units | None = None

    @field_validator("maximum")
    @classmethod
    def _holds_the_included_ones(cls, maximum: int | None, info: ValidationInfo) -> int | None:
        included = info.data.get("included", 0)
        if maximum is not None and maximum < included:
            raise _invalid(f"must be at least the included {included}")
        return maximum


class CallRulesBody(Body):
    """What the plan's calls are counted by. Left out: those of the plan's features that have the example's names."""

    time: Annotated[list[FeatureKey], Field(max_length=MAX_FEATURES), distinct("a feature")] | None = Field(
        default=None,
        description="The usage features that count the time of a call. The first one counts a call that is sent "
        "without usage; a call may start while one of them has allowance left.",
    )
    concurrency: FeatureKey | None = Field(
        default=None, description="The recurring feature that each running call holds a unit of."
    )
    check_length: bool = Field(
        default=True,
        description="Keep a call as `longer_than_the_call` if a line of `time` is more than 60 seconds longer than the "
        "call. The call's length is first taken through the feature's minimum and increment. Switch this off for calls "
        "of several legs.",
    )


class PlanBody(Body):
    """A plan's next version. A `pay_as_you_go` plan has no base price."""

    example: ClassVar[Example] = {
        "name": "Starter",
        "description": "For one team",
        "offered": True,
        "currency": "USD",
        "kind": "fixed",
        "base_price": "49.00",
        "minimum_top_up": "10.00",
        "maximum_charge": "250.00",
        "calls": {"time": ["call_minutes"], "concurrency": "call_concurrency", "check_length": True},
        "usage_features": [
            {
                "key": "call_minutes",
                "name": "Conversation minutes",
                "metered_unit": "second",
                "priced_unit": "minute",
                "metered_per_priced": "60",
                "included": "500",
                "unit_price": "0.12",
                "increment": "1",
                "minimum": "0",
                "volume_discounts": [{"from": "10000", "percent": "10"}],
                "unit_cost": "0.05",
            },
            {
                "key": "voicemail_detection",
                "name": "Voicemail detection",
                "metered_unit": "detection",
                "included": "0",
                "unit_price": "0.01",
            },
        ],
        "recurring_features": [
            {"key": "phone_number", "name": "Phone numbers", "included": "1", "unit_price": "2.00"},
            {
                "key": "call_concurrency",
                "name": "Concurrent calls",
                "included": "5",
                "unit_price": "8.00",
                "maximum": "50",
            },
        ],
    }

    name: Name
    currency: Currency
    kind: PlanKind
    base_price: Amount = Field("0", validate_default=True)
    minimum_top_up: Amount = Field("0", validate_default=True)
    usage_features: list[UsageFeatureBody] = Field(default_factory=list, max_length=MAX_FEATURES)
    recurring_features: list[RecurringFeatureBody] = Field(default_factory=list, max_length=MAX_FEATURES)
    maximum_charge: Amount | None = Field(
        default=None,
        description="The most that one event may cost, counted as if nothing were included: one above it is kept as "
        "`charge_too_large`, until an operator confirms it.",
    )
    calls: CallRulesBody | None = None
    description: Reason | None = Field(default=None, description="one line for customers who choose a plan")
    offered: bool = Field(
        default=False,
        description="Whether customers see the plan and may choose it by themselves. What the current version says "
        "holds for all versions.",
    )
    archived: bool = Field(
        default=False,
        description="Whether nobody moves to the plan any more, not even by an administrator, and it is offered no "
        "more. Who is on it stays. What the current version says holds for all versions.",
    )

    @field_validator("base_price")
    @classmethod
    def _is_nothing_without_a_fee(cls, micros: int, info: ValidationInfo) -> int:
        if micros and info.data.get("kind") == "pay_as_you_go":
            raise _invalid("must be 0 for a plan that is pay_as_you_go")
        return micros

    @field_validator("minimum_top_up")
    @classmethod
    def _can_be_paid(cls, micros: int, info: ValidationInfo) -> int:
        currency = info.data.get("currency")
        if currency is not None and micros > (most := largest_charge_micros(currency)):
            raise _invalid(f"must be at most {format_millionths(most)} {currency}, the largest top-up")
        return micros

    @field_validator("usage_features", "recurring_features")
    @classmethod
    def _have_keys_of_their_own(
        cls, features: list[UsageFeatureBody] | list[RecurringFeatureBody], info: ValidationInfo
    ) -> list[UsageFeatureBody] | list[RecurringFeatureBody]:
        seen = {feature.key for feature in info.data.get("usage_features", ())}
        for feature in features:
            if feature.key in seen:
                raise _invalid(f'must not use the key "{feature.key}" twice')
            seen.add(feature.key)
        return features

    @field_validator("maximum_charge")
    @classmethod
    def _lets_something_be_charged(cls, micros: int | None) -> int | None:
        if micros == 0:
            raise _invalid("must be above 0; leave it out for no maximum")
        return micros

    @field_validator("calls")
    @classmethod
    def _name_features_of_the_plan(cls, calls: CallRulesBody | None, info: ValidationInfo) -> CallRulesBody | None:
        if calls is None or not {"usage_features", "recurring_features"} <= info.data.keys():
            return calls
        usage = {feature.key for feature in info.data["usage_features"]}
        for key in calls.time or ():
            if key not in usage:
                raise _invalid(f'must name usage features of the plan in "time", not "{key}"')
        if calls.concurrency is not None:
            recurring = {feature.key for feature in info.data["recurring_features"]}
            if calls.concurrency not in recurring:
                raise _invalid(f'must name a recurring feature of the plan in "concurrency", not "{calls.concurrency}"')
        return calls

    def _call_rules(self) -> CallRules:
        """What is not stated is the default; a `concurrency` of null that is stated limits nothing."""
        stated = {} if self.calls is None else self.calls.model_dump(exclude_unset=True)
        if stated.get("time") is None:
            stated.pop("time", None)
        else:
            stated["time"] = tuple(stated["time"])
        return CallRules(**stated)

    def to_plan(self, plan_id: str) -> Plan:
        """Version 0: the store numbers it."""
        recurring = [
            RecurringFeature(each.key, each.name, each.included, each.unit_price, each.maximum)
            for each in self.recurring_features
        ]
        return Plan(
            plan_id=plan_id,
            version=0,
            name=self.name,
            currency=self.currency,
            kind=self.kind,
            base_price_micros=self.base_price,
            minimum_top_up_micros=self.minimum_top_up,
            usage_features={each.key: each.to_feature() for each in self.usage_features},
            recurring_features={each.key: each for each in recurring},
            calls=self._call_rules(),
            maximum_charge_micros=self.maximum_charge,
            description=self.description,
            offered=self.offered,
            archived=self.archived,
        )


class PlanQuery(Body):
    """Without a version, the current one."""

    version: Version | None = None
