"""The wallet at a moment: in the period that the moment lies in, with that period's plan."""

from datetime import datetime

from billing.domain.plan import Plan
from billing.domain.subscription import advance
from billing.domain.wallet import Wallet
from billing.store.store import Store


def as_of(store: Store, wallet: Wallet, now: datetime) -> tuple[Wallet, Plan | None]:
    """Nothing is written: whoever writes next writes the same."""
    wallet = advance(wallet, store.plans.versions(wallet.plan_keys), now)
    return wallet, None if wallet.period is None else store.plans.version(*wallet.period.plan_key)
