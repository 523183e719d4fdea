"""Switch auto-refill on or off, and say when and how much."""

from dataclasses import replace
from datetime import datetime

from billing.domain.auto_refill import configured
from billing.domain.errors import CardRequired, InvalidValue
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.top_up import check_amount
from billing.store.database import Database


def set_auto_refill(
    database: Database,
    account_id: str,
    *,
    enabled: bool,
    threshold_micros: int | None,
    amount_micros: int | None,
    monthly_limit_micros: int | None,
    now: datetime,
) -> Wallet:
    """Keep the settings. Switched on below the threshold, a refill starts with the same write.

    Without amounts it is only switched off, and the former settings stay. Raises AccountNotFound, InvalidValue, and
    CardRequired where it is switched on without a default card.
    """

    def decide(wallet: Wallet) -> Posted:
        if threshold_micros is None or amount_micros is None:
            off = wallet.refill
            return Posted(wallet if off is None else replace(wallet, refill=replace(off, enabled=False)))
        check_amount(database, wallet, amount_micros)
        after = configured(
            wallet,
            enabled=enabled,
            threshold_micros=threshold_micros,
            amount_micros=amount_micros,
            monthly_limit_micros=monthly_limit_micros,
        )
        if monthly_limit_micros is not None and after.refill and monthly_limit_micros < after.refill.amount_micros:
            raise InvalidValue("must be at least the amount", field="monthly_limit")
        if enabled and wallet.default_card is None:
            raise CardRequired("auto-refill needs a default card")
        return Posted(after)

    return change_wallet(database, account_id, decide, now=now).wallet
