"""Accounts, how they stand, their workspaces and the administrator's lock."""

from collections.abc import Callable
from uuid import uuid4

from billing.api.accounts import (
    AccountChangeBody,
    AccountPage,
    AccountQuery,
    AccountStatusView,
    AccountView,
    FoundAccountView,
    LockBody,
    NewAccountBody,
    WorkspaceBody,
    WorkspacePage,
    WorkspaceView,
)
from billing.api.overview import BillingOverviewView
from billing.domain.account import Account
from billing.domain.account_search import AccountSearch
from billing.payments.gateway import Gateway
from billing.services.accounts import change_account, find_account, open_account
from billing.services.billing_overview import billing_overview
from billing.services.cards import default_card
from billing.services.find_accounts import find_accounts
from billing.services.lock_account import lock_account, unlock_account
from billing.services.stripe_customer import follow_account
from billing.services.workspaces import assign_workspace, find_workspace
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery


class AccountsRoutes:
    def __init__(self, store: Store, gateway: Callable[[], Gateway]) -> None:
        self._store = store
        self._gateway = gateway

    @route(
        "POST",
        "/v1/accounts",
        scope="admin",
        status=201,
        refusals={404: ("seller_not_found",), 409: ("account_exists",)},
    )
    def create_account(self, call: Call, body: NewAccountBody) -> AccountView:
        """Open an account. The same id with the same content again answers the account that exists."""
        account = Account(
            account_id=body.account_id or f"acct_{uuid4().hex}",
            name=body.name,
            email=body.email,
            currency=body.currency,
            language=body.language,
            created_at=call.now,
            seller_id=body.seller_id,
        )
        return AccountView.of(open_account(self._store, account))

    @route("GET", "/v1/accounts", scope="admin")
    def list_accounts(self, call: Call, query: AccountQuery) -> AccountPage:
        """The accounts that are all of what is asked for, each with its standing and balance, by their names.

        Those found by a status alone, but `active`, come in no order that is promised. Where very many are passed over,
        a page may be short: `next_cursor` goes on. A cursor is good for the same query.
        """
        search = AccountSearch(query.status, query.email, query.name)
        page = find_accounts(self._store, search, query.limit, query.cursor, call.now)
        return AccountPage(items=[FoundAccountView.of_found(each) for each in page.items], next_cursor=page.next_cursor)

    @route("GET", "/v1/accounts/{account_id}", scope="admin")
    def get_account(self, account_id: str) -> AccountView:
        """One account."""
        return AccountView.of(find_account(self._store, account_id))

    @route("PATCH", "/v1/accounts/{account_id}", scope="admin", refusals={404: ("seller_not_found",)})
    def change_account(self, account_id: str, body: AccountChangeBody) -> AccountView:
        """Change the name, the address, the language or the seller. The currency stays, and so does what was issued.

        Name and address follow to Stripe at once, or before Stripe is next asked for a payment if it does not answer.
        """
        account = change_account(
            self._store,
            account_id,
            name=body.name,
            email=body.email,
            language=body.language,
            seller_id=body.seller_id,
        )
        if body.name is not None or body.email is not None:
            follow_account(self._store, self._gateway, account_id)
        return AccountView.of(account)

    @route("GET", "/v1/accounts/{account_id}/billing", scope="billing:read")
    def get_billing_overview(self, call: Call, account_id: str) -> BillingOverviewView:
        """The account's credit, standing, plan, period and allowances as of now."""
        wallet, plan = billing_overview(self._store, account_id, call.now)
        return BillingOverviewView.of(wallet, plan, default_card(self._store, wallet), call.now)

    @route("PUT", "/v1/workspaces/{workspace_id}", scope="admin", refusals={404: ("account_not_found",)})
    def put_workspace(self, call: Call, workspace_id: str, body: WorkspaceBody) -> WorkspaceView:
        """Make the workspace the account's: at once if it had none, else at `effective_at`, a minute from now.

        A call belongs to the account that had the workspace when it ended. A running call keeps the slot that it took.
        The same account again changes nothing. Before `effective_at`, another account takes the move's place.
        """
        changed = assign_workspace(self._store, workspace_id, body.account_id, body.name, call.now)
        return WorkspaceView.of(changed)

    @route("GET", "/v1/workspaces/{workspace_id}", scope="admin", refusals={404: ("workspace_not_found",)})
    def get_workspace(self, workspace_id: str) -> WorkspaceView:
        """Whose it is, and its last ten moves."""
        return WorkspaceView.of(find_workspace(self._store, workspace_id))

    @route("GET", "/v1/accounts/{account_id}/workspaces", scope="admin")
    def list_workspaces(self, account_id: str, query: PageQuery) -> WorkspacePage:
        """The account's workspaces, by their ids; also one that is to move to it."""
        find_account(self._store, account_id)
        page = self._store.workspaces.page(account_id, query.limit, query.cursor)
        return WorkspacePage(items=[WorkspaceView.of(each) for each in page.items], next_cursor=page.next_cursor)

    @route("PUT", "/v1/accounts/{account_id}/lock", scope="admin")
    def lock_account(self, account_id: str, body: LockBody) -> AccountStatusView:
        """Let no call of the account start, whatever its balance."""
        return AccountStatusView.of(lock_account(self._store, account_id, body.reason))

    @route("DELETE", "/v1/accounts/{account_id}/lock", scope="admin")
    def unlock_account(self, call: Call, account_id: str) -> AccountStatusView:
        """Take the lock away. An account that could not pay its renewal has seven days more."""
        return AccountStatusView.of(unlock_account(self._store, account_id, call.now))
