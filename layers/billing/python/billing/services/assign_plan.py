"""Put an account on the current version of a plan."""

from collections.abc import Mapping
from datetime import datetime

from billing.domain.errors import CardRequired, Conflict
from billing.domain.plan import Plan
from billing.domain.subscription import assign_free_plan, checked_quantities, roll_free_periods
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.plans import find_plan
from billing.store.database import Database
from billing.store.plans import Plans


def assign_plan(
    database: Database, plans: Plans, account_id: str, *, plan_id: str, quantities: Mapping[str, int], now: datetime
) -> tuple[Wallet, Plan]:
    """Pin the plan's current version with `quantities` (units in all). The same once more changes nothing.

    Raises PlanNotFound, AccountNotFound, InvalidValue for quantities the plan does not have, Conflict
    (`currency_mismatch`), and CardRequired where the month costs money: no account has a card yet.
    """
    plan = find_plan(plans, plan_id, field="plan_id")
    units = checked_quantities(plan, quantities)

    def decide(wallet: Wallet) -> Posted:
        if plan.currency != wallet.currency:
            raise Conflict(
                f"the plan is in {plan.currency} and the account in {wallet.currency}",
                code="currency_mismatch",
                field="plan_id",
            )
        if plan.monthly_price_micros(units):
            raise CardRequired("the plan has a monthly price and the account has no default card")
        current = wallet
        if wallet.period is not None:
            current = roll_free_periods(wallet, plans.version(*wallet.period.plan_key), now)
        assigned = assign_free_plan(current, plan, units, now)
        return Posted(wallet if assigned == current else assigned)

    wallet = change_wallet(database, account_id, decide).wallet
    return roll_free_periods(wallet, plan, now), plan
