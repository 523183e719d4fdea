"""The billing overview and the subscription on the wire."""

from typing import Literal

from billing.contracts.api.values import MoneyView, View
from billing.domain.decimals import MILLION, divide_half_up, format_millionths
from billing.domain.instants import format_instant
from billing.domain.plan import Plan, UsageFeature
from billing.domain.wallet import AccountStatus, Wallet


class PlanNameView(View):
    plan_id: str
    version: int
    name: str


class SubscriptionView(View):
    """`quantities` are units in all, the included ones among them."""

    status: Literal["active", "past_due", "canceled"]
    current_period_start: str
    current_period_end: str
    cancel_at_period_end: bool
    quantities: dict[str, str]

    @classmethod
    def of(cls, wallet: Wallet) -> "SubscriptionView | None":
        if wallet.period is None:
            return None
        return cls(
            status="canceled" if wallet.canceled else "active",
            current_period_start=format_instant(wallet.period.start),
            current_period_end=format_instant(wallet.period.end),
            cancel_at_period_end=False,
            quantities={key: str(units) for key, units in wallet.quantities.items()},
        )


class AllowanceView(View):
    """Priced units, to six places. `used` is all that was used, beyond the included quantity too."""

    feature: str
    unit: str
    included: str
    used: str
    remaining: str

    @classmethod
    def of(cls, feature: UsageFeature, used_millionths: int) -> "AllowanceView":
        left = feature.included_metered_millionths - used_millionths
        remaining = _priced(feature, max(0, left))
        # Within the quota, what is used and what remains add up to it, whatever was rounded.
        used = feature.included_millionths - remaining if left >= 0 else _priced(feature, used_millionths)
        return cls(
            feature=feature.key,
            unit=feature.priced_unit,
            included=format_millionths(feature.included_millionths),
            used=format_millionths(used),
            remaining=format_millionths(remaining),
        )


def _priced(feature: UsageFeature, metered_millionths: int) -> int:
    """Priced millionths of a metered quantity, rounded half up."""
    return divide_half_up(metered_millionths * MILLION, feature.metered_per_priced_millionths)


class AutoRefillView(View):
    enabled: bool = False
    threshold: MoneyView | None = None
    amount: MoneyView | None = None
    monthly_limit: MoneyView | None = None
    status: Literal["ready", "pending", "suspended"] = "ready"
    last_attempt_at: str | None = None
    last_failure: str | None = None


class PaymentMethodView(View):
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class OverviewView(View):
    """What is not there yet is null: without a plan there is no subscription and no allowance."""

    account_id: str
    status: AccountStatus
    balance: MoneyView
    paid_credit: MoneyView
    promotional_credit: MoneyView
    plan: PlanNameView | None
    subscription: SubscriptionView | None
    allowances: list[AllowanceView]
    auto_refill: AutoRefillView
    default_payment_method: PaymentMethodView | None

    @classmethod
    def of(cls, wallet: Wallet, plan: Plan | None) -> "OverviewView":
        return cls(
            account_id=wallet.account_id,
            status=wallet.status,
            balance=MoneyView.of(wallet.balance_micros, wallet.currency),
            paid_credit=MoneyView.of(wallet.paid_micros, wallet.currency),
            promotional_credit=MoneyView.of(wallet.promotional_micros, wallet.currency),
            plan=None if plan is None else PlanNameView(plan_id=plan.plan_id, version=plan.version, name=plan.name),
            subscription=SubscriptionView.of(wallet),
            allowances=_allowances(wallet, plan),
            auto_refill=AutoRefillView(),
            default_payment_method=None,
        )


def _allowances(wallet: Wallet, plan: Plan | None) -> list[AllowanceView]:
    if plan is None or wallet.period is None:
        return []
    period = wallet.period
    return [AllowanceView.of(each, period.used_of(each.key)) for each in plan.usage_features.values()]


class DueLineView(View):
    description: str
    quantity: str
    amount: MoneyView
    period_start: str
    period_end: str


class RenewalView(View):
    at: str
    amount: MoneyView


class SubscriptionChangeView(View):
    """What a change of the subscription costs now, and the next renewal."""

    due_now: MoneyView
    lines: list[DueLineView]
    next_renewal: RenewalView | None

    @classmethod
    def of_free_plan(cls, wallet: Wallet, plan: Plan) -> "SubscriptionChangeView":
        renewal = None
        if wallet.period is not None:
            renewal = RenewalView(
                at=format_instant(wallet.period.end),
                amount=MoneyView.of(plan.monthly_price_micros(wallet.quantities), plan.currency),
            )
        return cls(due_now=MoneyView.of(0, plan.currency), lines=[], next_renewal=renewal)
