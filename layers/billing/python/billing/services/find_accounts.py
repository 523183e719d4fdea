"""Find accounts by how they stand, their e-mail address or the beginning of their name, each with its balance."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.domain.account import Account
from billing.domain.account_search import AccountSearch, FoundBy, beginning_of, place, places_of
from billing.domain.standing import standings_of
from billing.domain.subscription_life import advance
from billing.domain.wallet import Wallet
from billing.services.adjust_balance import digest
from billing.store.directory import Place
from billing.store.paging import Listing, cursor_at, place_at
from billing.store.store import Store

_MOST_PAGES: Final = 40
"""Pages of an index read for one of the answer, where the search passes over many: the answer is short then."""


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """An account with its wallet as of the moment of asking."""

    account: Account
    wallet: Wallet


def find_accounts(
    store: Store, search: AccountSearch, limit: int, cursor: str | None, now: datetime
) -> Listing[FoundAccount]:
    """A page of what a search finds, by the accounts' names; where it is by a status alone, by the groups of standings.

    An address is looked up first, else a name, else a status, and what else is asked for is held to each. Raises
    InvalidValue for a cursor of another search.
    """
    query = digest("accounts", search.status, search.email, search.name)
    after = place_at(cursor, query)
    found: list[tuple[str, FoundAccount]] = []
    for number, page in enumerate(_pages(store, search, after, limit + 1), start=1):
        found += _found(store, search, page, now)
        if len(found) > limit:
            return Listing([each for _, each in found[:limit]], cursor_at(query, found[limit - 1][0]))
        if page and number >= _MOST_PAGES:
            return Listing([each for _, each in found], cursor_at(query, page[-1][0]))
    return Listing([each for _, each in found], None)


def _pages(store: Store, search: AccountSearch, after: str | None, size: int) -> Iterator[list[Place]]:
    found_by = _found_by(search)
    if found_by == "email":
        return store.directory.pages(found_by, place(search.email or ""), after, size)
    if found_by == "name":
        return store.directory.pages(found_by, beginning_of(search.name or ""), after, size)
    return _by_standing(store, search, after, size)


def _found_by(search: AccountSearch) -> FoundBy | None:
    """By what the directory finds them; None where wallets are found by their standing. Most accounts are active."""
    if search.email is not None:
        return "email"
    return "name" if search.name is not None or search.status in {None, "active"} else None


def _by_standing(store: Store, search: AccountSearch, after: str | None, size: int) -> Iterator[list[Place]]:
    reached, _, account_id = (after or "").partition("\n")
    standings = () if search.status is None else standings_of(search.status)
    first = standings.index(reached) if reached in standings else 0
    for standing in standings[first:]:
        start = account_id if standing == reached and account_id else None
        for page in store.wallets.in_standing(standing, start, size):
            yield [(f"{standing}\n{each}", each) for each in page]


def _found(store: Store, search: AccountSearch, page: list[Place], now: datetime) -> Iterator[tuple[str, FoundAccount]]:
    """Those of a page that are what was asked for: an index may be a moment behind."""
    ids, found_by = [account_id for _, account_id in page], _found_by(search)
    accounts, wallets = store.accounts.get_many(ids), store.wallets.get_many(ids)
    keys = {key for wallet in wallets.values() for key in wallet.plan_keys}
    plans = store.plans.get_many(keys)
    for at, account_id in page:
        if account_id not in accounts or account_id not in wallets:
            continue
        account = accounts[account_id]
        wallet = wallets[account_id].without_expired_grants(now)
        # A broken wallet, whose plan is not there, is shown as it is stored, and holds up no other.
        if wallet.plan_keys <= plans.keys():
            wallet = advance(wallet, plans, now)
        is_there = found_by is None or places_of(account)[found_by] == at
        if is_there and search.finds(account, wallet):
            yield at, FoundAccount(account, wallet)
