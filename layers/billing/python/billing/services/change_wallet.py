"""Change a wallet: load, decide, write, and decide again where another was faster."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.wallet import Posted, Wallet
from billing.services.accounts import AccountNotFound
from billing.store.books import Books
from billing.store.database import Database, Item, StoreBusy
from billing.store.transactions import new_transaction_put
from billing.store.wallets import Wallets

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Change:
    """A decision about a wallet, and the items that are written with it or not at all."""

    posted: Posted
    others: tuple[Item, ...] = ()


Decide = Callable[[Wallet], Posted | Change]


def change_wallet(database: Database, account_id: str, decide: Decide, *, now: datetime | None = None) -> Posted:
    """Write what `decide` makes of the wallet, with its entries, at most once. A wallet returned as it came is kept.

    With `now`, auto-refill starts where this leaves the balance below its threshold; a change that moves no money has
    no need of it.

    `decide` is called again with the newer wallet where another write came first. Raises AccountNotFound, StoreBusy
    where the race is lost too often or the outcome is not known, and what `decide` raises, having written nothing.
    """
    wallets, books = Wallets(database), Books(database)
    wallet = wallets.get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    for attempt in range(_ATTEMPTS):
        decided = decide(wallet)
        change = decided if isinstance(decided, Change) else Change(decided)
        if change.posted.entries and change.posted.wallet == wallet:
            return change.posted  # these entries were written before
        posted = change.posted if now is None else with_refill(change.posted, now)
        posted = replace(posted, wallet=posted.wallet.with_alerts())
        others = change.others
        if posted.refill is not None:
            others = (*others, new_transaction_put(database, posted.refill))
        if posted.wallet == wallet and not others:
            return posted
        written = books.commit(wallet, posted.wallet, posted.entries, others)
        if isinstance(written, Wallet):
            return replace(posted, wallet=written)
        database.pause(attempt)
        wallet = written.wallet or wallets.get(account_id) or wallet
    raise StoreBusy(f"lost {_ATTEMPTS} races for the wallet")
