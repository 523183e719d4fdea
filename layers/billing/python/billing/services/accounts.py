"""Accounts: open, find, change."""

from dataclasses import replace

from billing.domain.account import DEFAULT_SELLER, Account
from billing.domain.billing_details import BillingDetails
from billing.domain.errors import Conflict, NotFound
from billing.domain.wallet import Wallet
from billing.services.sellers import find_seller
from billing.store.database import StoreBusy
from billing.store.store import Store

_CHANGE_ATTEMPTS = 8


class AccountNotFound(NotFound):
    code = "account_not_found"

    def __init__(self, account_id: str, *, field: str | None = None) -> None:
        super().__init__(f'there is no account "{account_id}"', field=field)


def find_account(store: Store, account_id: str, *, field: str | None = None) -> Account:
    """Raises AccountNotFound, which blames `field` of the request."""
    account = store.accounts.get(account_id)
    if account is None:
        raise AccountNotFound(account_id, field=field)
    return account


def find_wallet(store: Store, account_id: str) -> Wallet:
    """The account's wallet as it is stored. Raises AccountNotFound."""
    wallet = store.wallets.get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    return wallet


def open_account(store: Store, account: Account) -> Account:
    """Create the account with an empty wallet; the same content again returns the one that exists.

    Raises Conflict (`account_exists`) where the id is taken by an account with other content, SellerNotFound.
    """
    _require_seller(store, account.seller_id)
    if store.accounts.create(account):
        return account
    existing = find_account(store, account.account_id)
    if replace(account, created_at=existing.created_at, details=existing.details) == existing:
        return existing
    raise Conflict(
        f'there is an account "{account.account_id}" with other content', code="account_exists", field="account_id"
    )


def change_account(
    store: Store,
    account_id: str,
    *,
    name: str | None = None,
    email: str | None = None,
    language: str | None = None,
    seller_id: str | None = None,
) -> Account:
    """Set what is not None, at least one of them. What was issued before stays as it is.

    Raises AccountNotFound; SellerNotFound; StoreBusy where others change it, too.
    """
    if seller_id is not None:
        _require_seller(store, seller_id)
    for attempt in range(_CHANGE_ATTEMPTS):
        before = find_account(store, account_id)
        after = replace(
            before,
            name=name or before.name,
            email=email or before.email,
            language=language or before.language,
            seller_id=seller_id or before.seller_id,
        )
        if store.accounts.change(before, after):
            return after
        store.pause(attempt)
    raise StoreBusy(f"account {account_id} changed {_CHANGE_ATTEMPTS} times")


def set_billing_details(store: Store, account_id: str, details: BillingDetails) -> Account:
    """Write the details as a whole: documents that are issued from now on carry them. Raises AccountNotFound."""
    account = find_account(store, account_id)
    if not store.accounts.set_details(account_id, details):
        raise AccountNotFound(account_id)
    return replace(account, details=details)


def _require_seller(store: Store, seller_id: str) -> None:
    """The default seller may come later: until then its accounts' documents wait."""
    if seller_id != DEFAULT_SELLER:
        find_seller(store, seller_id, field="seller_id")
