"""Balance alerts: the thresholds below which a customer wants to be told."""

from collections.abc import Collection
from dataclasses import replace

from billing.domain.change import Change
from billing.domain.errors import InvalidValue
from billing.domain.low_balance import MAX_THRESHOLDS
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.store.store import Store


def set_balance_alerts(store: Store, account_id: str, thresholds_micros: Collection[int]) -> Wallet:
    """Replace the thresholds; none at all is no alert. Raises AccountNotFound, InvalidValue beyond MAX_THRESHOLDS.

    Those that the balance is below already count as told: whoever sets them sees the balance.
    """
    thresholds = tuple(sorted(set(thresholds_micros), reverse=True))
    if len(thresholds) > MAX_THRESHOLDS:
        raise InvalidValue(f"must be at most {MAX_THRESHOLDS} amounts", field="thresholds")
    return change_wallet(
        store, account_id, lambda wallet: Change(Posted(replace(wallet, alert_thresholds=thresholds)), None)
    ).wallet
