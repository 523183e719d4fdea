"""How an account stands, as people ask for it and as an index of wallets groups them."""

from typing import Final, Literal, get_args

from billing.domain.wallet import AccountStatus, Wallet

SearchedStatus = Literal["active", "paused", "locked", "canceled", "past_due"]
"""`past_due` is a renewal that waits to be paid, whatever the status is; the others are the status."""

_DUE: Final = "!due"


def standing(wallet: Wallet) -> str | None:
    """The group of a wallet, such as "paused" or "active!due"; None for one that is active and owes no renewal.

    Calls move no wallet to another group, but the one that uses up the balance.
    """
    if wallet.status == "active" and not wallet.is_past_due:
        return None
    return wallet.status + (_DUE if wallet.is_past_due else "")


def standings_of(status: SearchedStatus) -> tuple[str, ...]:
    """The groups in which the wallets of a status are. Of `active`, those that owe a renewal alone have one."""
    if status == "past_due":
        return tuple(each + _DUE for each in get_args(AccountStatus))
    return status, status + _DUE


def stands(wallet: Wallet, status: SearchedStatus) -> bool:
    return wallet.is_past_due if status == "past_due" else wallet.status == status
