"""Cancel a subscription at the end of its period. Any change of it undoes that until then."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.subscription_life import cancel
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.wallet_as_of import as_of
from billing.store.store import Store


def cancel_subscription(store: Store, account_id: str, now: datetime) -> Wallet:
    """At once where the period is not paid. Raises AccountNotFound, NoSubscription, ChangePending."""

    def decide(wallet: Wallet) -> Change[None]:
        present, _ = as_of(store, wallet, now)
        canceled = cancel(present)
        # What is canceled already stays as it is stored.
        return Change(Posted(wallet if canceled == present else canceled), None)

    return as_of(store, change_wallet(store, account_id, decide).wallet, now)[0]
