"""Plans, and the billing overview of an account that is on one."""

from billing.contracts.api.overview import OverviewView
from billing.contracts.api.plans import PlanBody, PlanPage, PlanQuery, PlanView
from billing.contracts.api.routing import Call, route
from billing.contracts.api.values import PageQuery
from billing.services.billing_overview import billing_overview
from billing.services.cards import default_card
from billing.services.plans import find_plan
from billing.store.database import Database
from billing.store.plans import Plans
from billing.store.wallets import Wallets


class PlansRoutes:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._plans = Plans(database)
        self._wallets = Wallets(database)

    @route("PUT", "/v1/plans/{plan_id}", scope="admin", refusals=(409,))
    def put_plan(self, call: Call, plan_id: str, body: PlanBody) -> PlanView:
        """Make the plan's next version. Accounts keep the version they have until they are moved."""
        return PlanView.of(self._plans.add_version(body.to_plan(plan_id), call.now))

    @route("GET", "/v1/plans", scope="billing:read")
    def list_plans(self, query: PageQuery) -> PlanPage:
        """The current version of each plan."""
        page = self._plans.page(query.limit, query.cursor)
        return PlanPage(items=[PlanView.of(plan) for plan in page.items], next_cursor=page.next_cursor)

    @route("GET", "/v1/plans/{plan_id}", scope="billing:read")
    def get_plan(self, plan_id: str, query: PlanQuery) -> PlanView:
        """The plan's current version, or the one asked for."""
        return PlanView.of(find_plan(self._plans, plan_id, query.version))

    @route("GET", "/v1/accounts/{account_id}/billing", scope="billing:read")
    def get_billing(self, call: Call, account_id: str) -> OverviewView:
        """The account's credit, standing, plan, period and allowances as of now."""
        wallet, plan = billing_overview(self._wallets, self._plans, account_id, call.now)
        return OverviewView.of(wallet, plan, default_card(self._database, wallet))
