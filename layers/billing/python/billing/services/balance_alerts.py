"""Balance alerts: the thresholds below which a customer wants to be told."""

from collections.abc import Collection
from dataclasses import replace

from billing.domain.errors import InvalidValue
from billing.domain.low_balance import MAX_THRESHOLDS
from billing.domain.wallet import Posted, Wallet
from billing.services.accounts import AccountNotFound
from billing.services.change_wallet import change_wallet
from billing.store.database import Database
from billing.store.wallets import Wallets


def balance_alerts(wallets: Wallets, account_id: str) -> Wallet:
    """The wallet, which holds them. Raises AccountNotFound."""
    wallet = wallets.get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    return wallet


def set_balance_alerts(database: Database, account_id: str, thresholds_micros: Collection[int]) -> Wallet:
    """Replace the thresholds; none at all is no alert. Raises AccountNotFound, InvalidValue beyond MAX_THRESHOLDS.

    Those that the balance is below already count as told: whoever sets them sees the balance.
    """
    thresholds = tuple(sorted(set(thresholds_micros), reverse=True))
    if len(thresholds) > MAX_THRESHOLDS:
        raise InvalidValue(f"must be at most {MAX_THRESHOLDS} amounts", field="thresholds")
    return change_wallet(
        database, account_id, lambda wallet: Posted(replace(wallet, alert_thresholds=thresholds))
    ).wallet
