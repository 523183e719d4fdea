"""Plans. What the platform itself pays for a unit is shown to administrators alone."""

from billing.api.plan_views import PlanPage, PlanView
from billing.api.plans import PlanBody, PlanQuery
from billing.services.plans import find_plan, list_plans, own_plans
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery


class PlansRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("PUT", "/v1/plans/{plan_id}", scope="admin", refusals={409: ("conflict",)})
    def put_plan(self, call: Call, plan_id: str, body: PlanBody) -> PlanView:
        """Make the plan's next version. Accounts keep the version they have until they are moved."""
        plan = self._store.plans.add_version(body.to_plan(plan_id), call.now)
        return PlanView.of(plan, with_costs=call.caller.is_administrator)

    @route("GET", "/v1/plans", scope="billing:read")
    def list_plans(self, call: Call, query: PageQuery) -> PlanPage:
        """The current version of each plan, by their ids.

        For a key that is bound to an account: of each plan that is offered and not archived, and the account's own.
        """
        page = list_plans(self._store, call.caller.account_id, query.limit, query.cursor, call.now)
        items = [PlanView.of(plan, with_costs=call.caller.is_administrator) for plan in page.items]
        return PlanPage(items=items, next_cursor=page.next_cursor)

    @route("GET", "/v1/plans/{plan_id}", scope="billing:read", refusals={404: ("plan_not_found",)})
    def get_plan(self, call: Call, plan_id: str, query: PlanQuery) -> PlanView:
        """The plan's current version, or the one asked for.

        For a key that is bound to an account, a plan or version that it does not see in its list is not there.
        """
        account_id = call.caller.account_id
        own = None if account_id is None else own_plans(self._store, account_id, call.now)
        plan = find_plan(self._store, plan_id, query.version, own=own)
        return PlanView.of(plan, with_costs=call.caller.is_administrator)
