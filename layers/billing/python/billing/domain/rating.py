"""Rating: from a quantity as sent to a charge, exact until one rounding a line."""

from collections.abc import Sequence
from typing import NamedTuple

from billing.domain.decimals import MILLION, divide_half_up
from billing.domain.errors import UnratableLine
from billing.domain.ledger import RatedLine
from billing.domain.plan import TIME_UNIT_MILLISECONDS, Plan, UsageFeature
from billing.domain.usage import UsageLine

_STEPS_A_UNIT = {"second": 1000, "millisecond": 1}


class Metered(NamedTuple):
    """A line's feature and its quantity in millionths of the metered unit, before the minimum and the increment."""

    feature: UsageFeature
    quantity_millionths: int


def meter(plan: Plan, lines: Sequence[UsageLine]) -> list[Metered]:
    """What the plan counts of each line. Raises UnratableLine with `unknown_feature` or, after that, `unknown_unit`."""
    features = [_feature_of(plan, line) for line in lines]
    return [Metered(each, metered_millionths(each, line)) for each, line in zip(features, lines, strict=True)]


def _feature_of(plan: Plan, line: UsageLine) -> UsageFeature:
    feature = plan.usage_features.get(line.feature)
    if feature is None:
        raise UnratableLine("unknown_feature", f'plan {plan.plan_id} has no usage feature "{line.feature}"')
    return feature


def rate(metered: Metered, used_millionths: int, *, bought_millionths: int, entitled: bool = True) -> RatedLine:
    """Rate a line in a period that has consumed `used_millionths` of its feature (metered units) before it.

    The allowance is drawn first, where the period is entitled to it; `bought_millionths` of what was consumed did not
    draw it, and count towards volume discounts all the same. The charge is computed exactly and rounded once, half up
    to a micro-unit.
    """
    feature, quantity = metered
    billed = billed_millionths(feature, quantity)
    left = feature.left_metered_millionths(used_millionths, bought_millionths)
    included = min(billed, left) if entitled else 0
    priced = billed - included
    overage, pay_as_you_go = (priced, 0) if feature.included_millionths else (0, priced)
    return RatedLine(
        feature=feature.key,
        unit=feature.metered_unit,
        quantity_millionths=quantity,
        billed_millionths=billed,
        included_millionths=included,
        overage_millionths=overage,
        pay_as_you_go_millionths=pay_as_you_go,
        unit_price_micros=feature.unit_price_micros,
        amount_micros=charge_micros(feature, used_millionths + included, used_millionths + billed),
        cost_micros=_cost_micros(feature, quantity),
    )


def _cost_micros(feature: UsageFeature, quantity: int) -> int | None:
    """What it costs the platform, of the quantity as used: steps and minimums are the customer's price."""
    if feature.unit_cost_micros is None:
        return None
    return divide_half_up(quantity * feature.unit_cost_micros, feature.metered_per_priced_millionths)


def metered_millionths(feature: UsageFeature, line: UsageLine) -> int:
    """The quantity in metered units: a time rounded half up to the millisecond, anything else to six places."""
    multiplier, divisor = _conversion(feature, line.unit)
    numerator, denominator = line.quantity.as_integer_ratio()
    steps_a_unit = _STEPS_A_UNIT.get(feature.metered_unit, MILLION)
    steps = divide_half_up(numerator * multiplier * steps_a_unit, denominator * divisor)
    return steps * (MILLION // steps_a_unit)


def _conversion(feature: UsageFeature, unit: str | None) -> tuple[int, int]:
    """What a quantity in `unit` is multiplied by and divided by to count metered units."""
    if unit is None or unit == feature.metered_unit:
        return 1, 1
    if unit == feature.priced_unit:
        return feature.metered_per_priced_millionths, MILLION
    sent, metered = TIME_UNIT_MILLISECONDS.get(unit), TIME_UNIT_MILLISECONDS.get(feature.metered_unit)
    if sent is None or metered is None:
        units = " or ".join(sorted({feature.metered_unit, feature.priced_unit}))
        raise UnratableLine("unknown_unit", f'{feature.key} is counted in {units}, not in "{unit}"')
    return sent, metered


def billed_millionths(feature: UsageFeature, quantity: int) -> int:
    """The minimum, then up to a multiple of the increment. Nothing consumed is nothing billed."""
    if quantity == 0:
        return 0
    billed = max(quantity, feature.minimum_millionths)
    step = feature.increment_millionths
    return -(-billed // step) * step if step else billed


def charge_micros(feature: UsageFeature, start_millionths: int, end_millionths: int) -> int:
    """Price of the metered units from `start` to `end` of the period's count, rounded once.

    Each volume discount applies to the units above its threshold until the next threshold, where that one's applies.
    """
    bounds = [(feature.to_metered(tier.from_millionths), tier.percent_millionths) for tier in feature.volume_discounts]
    weighted = 0
    floor, percent = 0, 0
    for ceiling, next_percent in [*bounds, (max(end_millionths, start_millionths), 0)]:
        units = min(end_millionths, ceiling) - max(start_millionths, floor)
        if units > 0:
            weighted += units * (100 * MILLION - percent)
        floor, percent = max(floor, ceiling), next_percent
    return divide_half_up(weighted * feature.unit_price_micros, feature.metered_per_priced_millionths * 100 * MILLION)
