"""Guards: a wrong unit empties nobody's card. What they stop is kept, and a person may confirm it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from billing.domain.decimals import format_millionths
from billing.domain.errors import UnratableLine
from billing.domain.plan import TIME_UNIT_MILLISECONDS, Plan, UsageFeature
from billing.domain.rating import Metered, billed_millionths, charge_micros, metered_millionths
from billing.domain.usage import UsageLine, seconds_of

_MARGIN = timedelta(seconds=60)


def require_length(plan: Plan, metered: Sequence[Metered], length: timedelta) -> None:
    """No line that counts the time of a call may be far above the call's own length.

    It may be up to 60 s above that length taken through the feature's minimum and increment, each line for itself. A
    call of 60 s: 119 s pass, 60,000 s (milliseconds, taken for seconds) do not. Minimum 120 s, a call of 5 s: up to
    180 s pass. Raises UnratableLine (`longer_than_the_call`).
    """
    for feature, quantity in metered:
        if feature.key not in plan.calls.time or feature.metered_unit not in TIME_UNIT_MILLISECONDS:
            continue
        billed = billed_millionths(feature, _metered(feature, length))
        if quantity > billed + _metered(feature, _MARGIN):
            raise UnratableLine(
                "longer_than_the_call",
                f"{feature.key} is {format_millionths(quantity)} {feature.metered_unit} of a call that lasted "
                f"{seconds_of(length).normalize():f} seconds",
            )


def require_charge(plan: Plan, metered: Sequence[Metered], used: Mapping[str, int]) -> None:
    """No event may cost more than the plan's `maximum_charge`, as if nothing were included.

    Raises UnratableLine (`charge_too_large`).
    """
    most = plan.maximum_charge_micros
    if most is None:
        return
    charge = 0
    for feature, quantity in metered:
        before = used.get(feature.key, 0)
        charge += charge_micros(feature, before, before + billed_millionths(feature, quantity))
    if charge > most:
        raise UnratableLine(
            "charge_too_large",
            f"without the included quantity the event costs {format_millionths(charge)} {plan.currency}, above the "
            f"{format_millionths(most)} that plan {plan.plan_id} allows for one event",
        )


def _metered(feature: UsageFeature, length: timedelta) -> int:
    return metered_millionths(feature, UsageLine(feature.key, seconds_of(length), "second"))
