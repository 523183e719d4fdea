"""An administrator's lock: no call starts while it lasts, whatever the balance."""

from dataclasses import replace
from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.change import Change
from billing.domain.renewal import unlock
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.store.store import Store


def lock_account(store: Store, account_id: str, reason: str) -> Wallet:
    """Lock, or state another reason for the lock. Renewals go on: canceling ends those. Raises AccountNotFound."""
    return change_wallet(
        store, account_id, lambda wallet: Change(Posted(replace(wallet, lock_reason=reason)), None)
    ).wallet


def unlock_account(store: Store, account_id: str, now: datetime) -> Wallet:
    """Unlock; an account that is not locked stays as it is.

    One that is locked for an unpaid renewal has GRACE from now: then it is tried once more. Raises AccountNotFound.
    """

    def decide(wallet: Wallet) -> Change[None]:
        after = unlock(wallet, now)
        return Change(Posted(wallet) if after == wallet else with_refill(Posted(after), now), None)

    return change_wallet(store, account_id, decide).wallet
