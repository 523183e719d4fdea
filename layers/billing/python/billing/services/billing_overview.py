"""The billing overview: an account's credit, standing, period and plan as of a moment."""

from datetime import datetime

from billing.domain.plan import Plan
from billing.domain.wallet import Wallet
from billing.services.accounts import find_wallet
from billing.services.wallet_as_of import as_of
from billing.store.store import Store


def billing_overview(store: Store, account_id: str, now: datetime) -> tuple[Wallet, Plan | None]:
    """The wallet as of `now`, without credit that has expired and in the period that `now` lies in, and its plan.

    Nothing is written: what has expired is written off by the next settlement. Raises AccountNotFound.
    """
    wallet = find_wallet(store, account_id)
    return as_of(store, wallet.without_expired_grants(now), now)
