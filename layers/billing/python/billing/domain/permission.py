"""May a call start? One answer with a stable code and the facts behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.domain.plan import Plan, UsageFeature
from billing.domain.subscription import Subscription
from billing.domain.wallet import Wallet

PermissionCode = Literal[
    "allowed",
    "account_unknown",
    "no_plan",
    "account_paused",
    "account_locked",
    "account_canceled",
    "no_credit",
    "concurrency_limit_reached",
]


@dataclass(frozen=True, slots=True)
class Permission:
    """The decision; `allowance_remaining_millionths` counts priced units of `allowance_feature`."""

    code: PermissionCode
    wallet: Wallet | None = None
    allowance_feature: UsageFeature | None = None
    allowance_remaining_millionths: int = 0
    concurrency_limit: int | None = None
    concurrency_in_use: int = 0

    @property
    def allowed(self) -> bool:
        return self.code == "allowed"


def decide(wallet: Wallet | None, plan: Plan | None, now: datetime, in_use: int = 0) -> Permission:
    """Decide from consistent state: the wallet in the period that `now` lies in, and that period's plan.

    A caller's own errors aside, every answer is a Permission.
    """
    if wallet is None:
        return Permission("account_unknown")
    wallet = wallet.without_expired_grants(now)
    subscription = wallet.subscription
    feature, left = _allowance(subscription, plan, now) if subscription and plan else (None, 0)
    limit = plan.concurrency_limit(subscription.quantities) if plan and subscription else None
    code: PermissionCode = "allowed"
    if wallet.status == "canceled":
        code = "account_canceled"
    elif wallet.is_locked:
        code = "account_locked"
    elif plan is None:
        code = "no_plan"
    elif wallet.paused:
        code = "account_paused"
    elif left == 0 and wallet.balance_micros <= 0:
        code = "no_credit"
    elif limit is not None and in_use >= limit:
        code = "concurrency_limit_reached"
    return Permission(
        code=code,
        wallet=wallet,
        allowance_feature=feature,
        allowance_remaining_millionths=left,
        concurrency_limit=limit,
        concurrency_in_use=in_use,
    )


def _allowance(subscription: Subscription, plan: Plan, now: datetime) -> tuple[UsageFeature | None, int]:
    """The first of the features that count calls of which something is left, or the first one with nothing."""
    period, features = subscription.period, plan.call_time
    if subscription.entitles(period, now):
        for feature in features:
            left = feature.remaining_millionths(period.used_of(feature.key), period.bought_of(feature.key))
            if left:
                return feature, left
    return (features[0] if features else None), 0
