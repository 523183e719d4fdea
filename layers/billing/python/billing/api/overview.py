"""The billing overview and the subscription on the wire."""

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from billing.api.payments import AutoRefillView, DefaultCardView
from billing.api.subscriptions import SubscriptionView
from billing.domain.card import Card
from billing.domain.decimals import format_millionths
from billing.domain.plan import Plan, UsageFeature
from billing.domain.subscription import Period, Subscription
from billing.domain.wallet import AccountStatus, Wallet
from billing.web.values import MoneyView, View


class PlanNameView(View):
    plan_id: str
    version: int
    name: str


class AllowanceView(View):
    """Priced units, to six places."""

    feature: str
    unit: str
    included: str
    used: str = Field(description="all that was used in the period, what was bought beyond the allowance too")
    remaining: str = Field(description="`included`, less what was used of an allowance: what was bought draws none")

    @classmethod
    def of(cls, feature: UsageFeature, period: Period) -> "AllowanceView":
        metered, bought = period.used_of(feature.key), period.bought_of(feature.key)
        remaining = feature.remaining_millionths(metered, bought)
        within = bought == 0 and metered <= feature.included_metered_millionths
        # Within the quota, what is used and what remains add up to it, whatever was rounded.
        used = feature.included_millionths - remaining if within else feature.to_priced(metered)
        return cls(
            feature=feature.key,
            unit=feature.priced_unit,
            included=format_millionths(feature.included_millionths),
            used=format_millionths(used),
            remaining=format_millionths(remaining),
        )


class BillingOverviewView(View):
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
    default_payment_method: DefaultCardView | None

    @classmethod
    def of(cls, wallet: Wallet, plan: Plan | None, card: Card | None, now: datetime) -> "BillingOverviewView":
        """`wallet` is as of `now`."""
        return cls(
            account_id=wallet.account_id,
            status=wallet.status,
            balance=MoneyView.of(wallet.balance_micros, wallet.currency),
            paid_credit=MoneyView.of(wallet.paid_micros, wallet.currency),
            promotional_credit=MoneyView.of(wallet.promotional_micros, wallet.currency),
            plan=None if plan is None else PlanNameView(plan_id=plan.plan_id, version=plan.version, name=plan.name),
            subscription=None if wallet.subscription is None else SubscriptionView.of(wallet.subscription),
            allowances=_allowances(wallet.subscription, plan, now),
            auto_refill=AutoRefillView.of(wallet),
            default_payment_method=DefaultCardView.of(card),
        )


def _allowances(subscription: Subscription | None, plan: Plan | None, now: datetime) -> list[AllowanceView]:
    if plan is None or subscription is None:
        return []
    period = subscription.period
    features = list(plan.usage_features.values())
    if not subscription.entitles(period, now):
        features = [replace(each, included_millionths=0) for each in features]
    return [AllowanceView.of(each, period) for each in features]
