"""Change a wallet: load, decide, write, and decide again where another was faster."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from billing.domain.change import Change
from billing.domain.wallet import Wallet
from billing.services.accounts import AccountNotFound
from billing.store.database import StoreBusy
from billing.store.store import Store

_ATTEMPTS = 8

T = TypeVar("T")
R = TypeVar("R")


def change_wallet(store: Store, account_id: str, decide: Callable[[Wallet], Change[T]]) -> Change[T]:
    """Write what `decide` makes of the wallet, with all that follows from it, at most once. Returns it as written.

    A wallet returned as it came, with nothing else, is not written.

    `decide` is called again with the newer wallet where another write came first: what it reads beside the wallet it
    must then read again (see `known_first`). Raises AccountNotFound, StoreBusy where the race is lost too often or the
    outcome is not known, and what `decide` raises, having written nothing.
    """
    wallet = store.wallets.get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    for attempt in range(_ATTEMPTS):
        change = decide(wallet)
        posted = replace(change.posted, wallet=change.wallet.with_alerts())
        written = store.books.commit(wallet, posted, change.also)
        if isinstance(written, Wallet):
            return replace(change, posted=replace(posted, wallet=written))
        store.pause(attempt)
        wallet = written.wallet or store.wallets.get(account_id) or wallet
    raise StoreBusy(f"lost {_ATTEMPTS} races for the wallet")


def known_first(known: R, read: Callable[[], R | None]) -> Callable[[], R]:
    """A row for `decide`: the first time as it is known, then as it is read again. One that is gone stays as known."""
    first = [known]
    return lambda: first.pop() if first else (read() or known)
