"""Cancel a subscription at the end of its period. Any change of it undoes that until then."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.subscription import canceled
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.wallet_as_of import as_of
from billing.store.store import Store


def cancel_subscription(store: Store, account_id: str, now: datetime) -> Wallet:
    """At once where the period is not paid. Raises AccountNotFound, NoSubscription, ChangePending."""
    wallet = change_wallet(store, account_id, lambda wallet: cancel(wallet, as_of(store, wallet, now)[0])).wallet
    return as_of(store, wallet, now)[0]


def cancel(wallet: Wallet, present: Wallet) -> Change[None]:
    """`present` is the wallet in its present period. What is canceled already stays as it is stored."""
    ended = canceled(present)
    return Change(Posted(wallet if ended == present else ended), None)
