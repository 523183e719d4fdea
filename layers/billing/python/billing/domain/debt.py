"""What a canceled account may still buy: credit to pay its debt, and no more."""

from billing.domain.charge_limits import least_charge_micros
from billing.domain.decimals import format_millionths
from billing.domain.errors import Conflict
from billing.domain.transaction import chargeable
from billing.domain.wallet import Wallet


class AccountCanceled(Conflict):
    """A canceled account wants credit that it has no use for."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code="account_canceled")


def debt_payment(wallet: Wallet, micros: int) -> int:
    """What to charge a canceled account that wants to pay `micros`. `wallet` is as of now.

    A card cannot be charged with less than a least amount. So a smaller debt is paid with that, and the rest stays
    credit: 0.03 owed, 0.03 asked for, 0.50 charged. Raises AccountCanceled without a debt, and for more than the debt.
    """
    most, least = _most(wallet), least_charge_micros(wallet.currency)
    if most == 0:
        raise AccountCanceled("the account is canceled and owes nothing, so it cannot buy credit")
    if micros > most:
        sum_owed = f"{format_millionths(most)} {wallet.currency}"
        raise AccountCanceled(f"the account is canceled: it can buy {sum_owed} to pay its debt, and no more")
    return least if -wallet.balance_micros < least and micros > 0 else micros


def owes(wallet: Wallet, micros: int) -> bool:
    """Whether `micros` are no more than a canceled account may be charged with."""
    return micros <= _most(wallet)


def _most(wallet: Wallet) -> int:
    debt = -wallet.balance_micros
    return max(chargeable(debt, wallet.currency), least_charge_micros(wallet.currency)) if debt > 0 else 0
