"""The terms of a subscription: a plan version and the units rented under it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.domain.plan import PlanKey
from billing.domain.stored import ByPosition


@dataclass(frozen=True, slots=True)
class Terms(ByPosition):
    """`quantities` are the recurring features' units in all, the included ones among them.

    Stored by position: a new field goes last, with a default.
    """

    plan_id: str
    plan_version: int
    quantities: Mapping[str, int]

    @property
    def plan_key(self) -> PlanKey:
        return self.plan_id, self.plan_version


@dataclass(frozen=True, slots=True)
class PendingChange(ByPosition):
    """A change that a card is being charged for: `terms` from now on, `later` from the next renewal where they differ.

    `starts_at` is the second from which a new subscription runs; None where the present period goes on.

    Stored by position: a new field goes last, with a default.
    """

    transaction_id: str
    terms: Terms
    later: Terms | None
    starts_at: datetime | None
