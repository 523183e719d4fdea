"""Change a wallet: load, decide, write, and decide again where another was faster."""

from collections.abc import Callable

from billing.domain.wallet import Posted, Wallet
from billing.services.accounts import AccountNotFound
from billing.store.books import Books
from billing.store.database import Database, StoreBusy
from billing.store.wallets import Wallets

_ATTEMPTS = 8

Decide = Callable[[Wallet], Posted]


def change_wallet(database: Database, account_id: str, decide: Decide) -> Posted:
    """Write what `decide` makes of the wallet, with its entries, at most once. A wallet returned as it came is kept.

    `decide` is called again with the newer wallet where another write came first. Raises AccountNotFound, StoreBusy
    where the race is lost too often or the outcome is not known, and what `decide` raises, having written nothing.
    """
    wallets, books = Wallets(database), Books(database)
    wallet = wallets.get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    for attempt in range(_ATTEMPTS):
        posted = decide(wallet)
        if posted.wallet == wallet:
            return posted
        written = books.commit(wallet, posted.wallet, posted.entries)
        if isinstance(written, Wallet):
            return Posted(written, posted.entries)
        database.pause(attempt)
        wallet = written.wallet or wallets.get(account_id) or wallet
    raise StoreBusy(f"lost {_ATTEMPTS} races for the wallet")
