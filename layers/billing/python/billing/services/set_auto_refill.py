"""Switch auto-refill on or off, and say when and how much."""

from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.change import Change
from billing.domain.refill_settings import RefillSettings, configure, switch_off
from billing.domain.wallet import Posted, Wallet
from billing.services.change_wallet import change_wallet
from billing.services.top_up import check_amount
from billing.store.store import Store


def set_auto_refill(store: Store, account_id: str, wanted: RefillSettings | None, now: datetime) -> Wallet:
    """Keep the settings. Switched on below the threshold, a refill starts with the same write.

    None only switches it off, and the former settings stay. Raises AccountNotFound, InvalidValue, and CardRequired
    where it is switched on without a default card.
    """

    def decide(wallet: Wallet) -> Change[None]:
        if wanted is None:
            return Change(Posted(switch_off(wallet)), None)
        check_amount(store, wallet, wanted.amount_micros)
        return Change(with_refill(Posted(configure(wallet, wanted)), now), None)

    return change_wallet(store, account_id, decide).wallet
