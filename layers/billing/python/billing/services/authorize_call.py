"""May a call start? Decided from the wallet as it is this moment."""

from collections.abc import Sequence
from datetime import datetime

from billing.domain.lease import LeasePage, in_use
from billing.domain.permission import Permission, decide
from billing.domain.wallet import Wallet
from billing.services.wallet_as_of import as_of
from billing.store.store import Store


class CallAuthorization:
    """The use case with its store; plan versions are kept.

    One request reads an account's wallet and its leases, where it has no more slots than a lease page; a workspace
    takes one more, and so do further lease pages. Asking holds nothing: only a lease is sure of its slot.

    `bound_to` is the one account that the caller may ask about, None for any. About all others it hears what it hears
    of an account that does not exist.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_account(self, account_id: str, bound_to: str | None, now: datetime) -> Permission:
        foreign = bound_to is not None and account_id != bound_to
        wallet, pages = (None, []) if foreign else self._store.leases.with_wallet(account_id)
        return permission_of(self._store, wallet, pages, now)

    def of_workspace(self, workspace_id: str, bound_to: str | None, now: datetime) -> Permission:
        workspace = self._store.workspaces.get(workspace_id)
        return decide(None, None, now) if workspace is None else self.of_account(workspace.owner_at(now), bound_to, now)


def permission_of(store: Store, wallet: Wallet | None, pages: Sequence[LeasePage], now: datetime) -> Permission:
    """The answer for a wallet and the leases of its account, with the plan that the wallet pins."""
    wallet, plan = (None, None) if wallet is None else as_of(store, wallet, now)
    return decide(wallet, plan, now, in_use(pages, now))
