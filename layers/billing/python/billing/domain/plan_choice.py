"""Who may see and take which plan.

    who                               sees and takes
    an administrator, the platform    any version of any plan; takes none that is archived, but the account's own
    a customer                        current versions that are offered and not archived, and the account's own

A plan is the account's own while its subscription is on it, is to move to it, or waits for a payment to be on it: such
a version stays to be had, whatever became of the plan since.
"""

from collections.abc import Collection

from billing.domain.errors import Conflict
from billing.domain.plan import Plan, PlanKey
from billing.domain.terms import Terms
from billing.domain.wallet import Wallet


class PlanArchived(Conflict):
    def __init__(self, plan_id: str) -> None:
        super().__init__(
            f'the plan "{plan_id}" is archived: nobody can move to it', code="plan_archived", field="plan_id"
        )


def own_versions(wallet: Wallet) -> list[PlanKey]:
    """The versions of the account's own plans: the present one first, then those to come."""
    terms: list[Terms | None] = []
    if wallet.running is not None:
        terms += [wallet.running.terms, wallet.running.coming_terms]
    if wallet.pending_change is not None:
        terms += [wallet.pending_change.terms, wallet.pending_change.later]
    return list(dict.fromkeys(each.plan_key for each in terms if each is not None))


def require_takeable(current: Plan, own: Collection[PlanKey]) -> None:
    """Raises PlanArchived where the plan is new to the account and archived, as its current version says."""
    if current.archived and all(plan_id != current.plan_id for plan_id, _ in own):
        raise PlanArchived(current.plan_id)
