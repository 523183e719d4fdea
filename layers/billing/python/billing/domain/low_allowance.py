"""Low allowance: which included quantities are used to 80 and to 100 %, each told once a period.

Of 500 minutes, 400 used are told, and 500. After a reset of what was used they are told no more; after an upgrade to
1,000 minutes, 800 are told, and 1,000. Falling through both at once tells the higher one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from billing.domain.plan import Plan, UsageFeature
from billing.domain.stored import ByPosition

PERCENTS: Final = (100, 80)


@dataclass(frozen=True, slots=True)
class Told(ByPosition):
    """That so many percent of an included quantity (millionths of the priced unit) were used.

    Stored by position: a new field goes last, with a default.
    """

    percent: int
    included_millionths: int

    @property
    def told_millionths(self) -> int:
        """A hundred times the quantity that was told of."""
        return self.percent * self.included_millionths


def told_after(
    told: Mapping[str, Told], plan: Plan, used: Mapping[str, int], bought: Mapping[str, int]
) -> Mapping[str, Told]:
    """What was told by then, of a period that has used and bought so many metered millionths of each feature."""
    reached = {
        key: new
        for key in used
        if (feature := plan.usage_features.get(key)) is not None
        and (new := _reached(feature, used[key] - bought.get(key, 0))) is not None
        and (key not in told or new.told_millionths > told[key].told_millionths)
    }
    return {**told, **reached} if reached else told


def _reached(feature: UsageFeature, drawn: int) -> Told | None:
    """The highest share of the included quantity that has been drawn."""
    included = feature.included_metered_millionths
    if included:
        for percent in PERCENTS:
            if drawn * 100 >= included * percent:
                return Told(percent, feature.included_millionths)
    return None
