"""Cancel a subscription at the end of its period. Any change of it undoes that until then."""

from datetime import datetime

from billing.domain.subscription import canceled
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.wallet_as_of import as_of
from billing.store.database import Database
from billing.store.plans import Plans


def cancel_subscription(database: Database, plans: Plans, account_id: str, now: datetime) -> Wallet:
    """At once where the period is not paid. Raises AccountNotFound, NoSubscription, ChangePending."""

    def decide(wallet: Wallet) -> Posted:
        present, _ = as_of(plans, wallet, now)
        ended = canceled(present)
        return Posted(wallet if ended == present else ended)

    wallet = change_wallet(database, account_id, decide).wallet
    return as_of(plans, wallet, now)[0]
