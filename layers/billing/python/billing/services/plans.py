"""Plans: write a version, find one."""

from billing.domain.errors import NotFound
from billing.domain.plan import Plan
from billing.store.store import Store


class PlanNotFound(NotFound):
    code = "plan_not_found"


def find_plan(store: Store, plan_id: str, version: int | None = None, *, field: str | None = None) -> Plan:
    """The current version, or the one asked for. Raises PlanNotFound, which blames `field` of the request."""
    if version is None:
        plan = store.plans.current(plan_id)
        if plan is None:
            raise PlanNotFound(f'there is no plan "{plan_id}"', field=field)
        return plan
    try:
        return store.plans.version(plan_id, version)
    except LookupError as error:
        raise PlanNotFound(f'there is no version {version} of a plan "{plan_id}"', field=field) from error
