"""May a call start? Decided from the wallet as it is this moment."""

from datetime import datetime

from billing.domain.permission import Permission, decide
from billing.store.accounts import Workspaces
from billing.store.database import Database
from billing.store.plans import Plans
from billing.store.wallets import Wallets


class CallAuthorization:
    """The use case with its store: one read for an account, two for a workspace; plan versions are kept.

    `bound_to` is the one account that the caller may ask about, None for any. About all others it hears what it hears
    of an account that does not exist.
    """

    def __init__(self, database: Database) -> None:
        self._wallets = Wallets(database)
        self._workspaces = Workspaces(database)
        self._plans = Plans(database)

    def of_account(self, account_id: str, bound_to: str | None, now: datetime) -> Permission:
        foreign = bound_to is not None and account_id != bound_to
        wallet = None if foreign else self._wallets.get(account_id)
        plan = None if wallet is None or wallet.period is None else self._plans.version(*wallet.period.plan_key)
        return decide(wallet, plan, now)

    def of_workspace(self, workspace_id: str, bound_to: str | None, now: datetime) -> Permission:
        account_id = self._workspaces.account_of(workspace_id)
        return decide(None, None, now) if account_id is None else self.of_account(account_id, bound_to, now)
