"""An administrator's lock: no call starts while it lasts, whatever the balance."""

from dataclasses import replace

from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.store.database import Database


def lock_account(database: Database, account_id: str, reason: str) -> Wallet:
    """Lock, or state another reason for the lock. Raises AccountNotFound."""
    return _set_lock(database, account_id, reason)


def unlock_account(database: Database, account_id: str) -> Wallet:
    """Unlock; an account that is not locked stays as it is. Raises AccountNotFound."""
    return _set_lock(database, account_id, None)


def _set_lock(database: Database, account_id: str, reason: str | None) -> Wallet:
    return change_wallet(database, account_id, lambda wallet: Posted(replace(wallet, lock_reason=reason))).wallet
