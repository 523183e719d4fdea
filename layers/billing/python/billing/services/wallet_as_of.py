"""The wallet at a moment: in the period that the moment lies in, with that period's plan."""

from datetime import datetime

from billing.domain.plan import Plan
from billing.domain.subscription_life import advance
from billing.domain.wallet import Wallet
from billing.store.store import Store


def as_of(store: Store, wallet: Wallet, now: datetime) -> tuple[Wallet, Plan | None]:
    """Nothing is written: whoever writes next writes the same."""
    wallet = advance(wallet, store.plans.versions(wallet.plan_keys), now)
    subscription = wallet.subscription
    return wallet, None if subscription is None else store.plans.version(*subscription.period.plan_key)
