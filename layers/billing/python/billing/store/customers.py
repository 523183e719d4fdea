"""An account, its wallet and who bills it, in one request."""

from billing.domain.account import Account
from billing.domain.seller import Seller
from billing.domain.wallet import Wallet
from billing.store.accounts import AccountItem, read_account
from billing.store.database import Database
from billing.store.sellers import SellerItem, read_seller
from billing.store.wallets import WalletItem, read_wallet


def read_customer(
    database: Database, account_id: str, seller_id: str
) -> tuple[Account | None, Wallet | None, Seller | None]:
    """Strongly consistent, but each by itself. What is not there is None."""
    found = database.get_together(
        {
            AccountItem: {"account_id": account_id},
            WalletItem: {"account_id": account_id},
            SellerItem: {"seller_id": seller_id},
        }
    )
    account, wallet, seller = found.get(AccountItem), found.get(WalletItem), found.get(SellerItem)
    return (
        None if account is None else read_account(account),
        None if wallet is None else read_wallet(wallet),
        None if seller is None else read_seller(seller),
    )
