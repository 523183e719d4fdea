"""Plans."""

from billing.api.plans import PlanBody, PlanPage, PlanQuery, PlanView
from billing.services.plans import find_plan
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery


class PlansRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("PUT", "/v1/plans/{plan_id}", scope="admin", refusals={409: ("conflict",)})
    def put_plan(self, call: Call, plan_id: str, body: PlanBody) -> PlanView:
        """Make the plan's next version. Accounts keep the version they have until they are moved."""
        return PlanView.of(self._store.plans.add_version(body.to_plan(plan_id), call.now))

    @route("GET", "/v1/plans", scope="billing:read")
    def list_plans(self, query: PageQuery) -> PlanPage:
        """The current version of each plan."""
        page = self._store.plans.page(query.limit, query.cursor)
        return PlanPage(items=[PlanView.of(plan) for plan in page.items], next_cursor=page.next_cursor)

    @route("GET", "/v1/plans/{plan_id}", scope="billing:read", refusals={404: ("plan_not_found",)})
    def get_plan(self, plan_id: str, query: PlanQuery) -> PlanView:
        """The plan's current version, or the one asked for."""
        return PlanView.of(find_plan(self._store, plan_id, query.version))
