"""Lists what an earlier release stored where this one looks for it. Once after an upgrade, and whenever it is doubted.

.venv/bin/python -m infra.fill_indexes --stage production

It may run while all else does, and again: who writes a row at the same moment writes its place in the lists, too.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from billing.domain.account_search import places_of
from billing.runtime.backoff import pause
from billing.store.database import Database, StoreBusy
from billing.store.store import Store
from infra.first_key import deployed_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Filled:
    """What was done: all accounts are listed anew; of the others, those that were not listed as they should be."""

    accounts: int
    stale_places: int
    wallets: int
    api_keys: int


def fill_indexes(client: "DynamoDBClient", tables: Mapping[str, str]) -> Filled:
    store = Store(Database(client, tables, pause))
    # First: a place that is taken out although an account came back to it just now is listed again after this.
    stale = _remove_stale_places(store)
    accounts = sum(_list_again(store, each.account_id) for page in store.accounts.all_pages() for each in page)
    return Filled(accounts, stale, store.wallets.fill_standings(), store.api_keys.fill_list())


def _remove_stale_places(store: Store) -> int:
    """Places of names and addresses that an account has no more: an earlier release changed it and knew of no list."""
    removed = 0
    for page in store.directory.all_pages():
        accounts = store.accounts.get_many({account_id for _, (_, account_id) in page})
        for found_by, (place, account_id) in page:
            account = accounts.get(account_id)
            if account is None or places_of(account)[found_by] != place:
                store.directory.remove(found_by, place)
                removed += 1
    return removed


def _list_again(store: Store, account_id: str) -> bool:
    """Tried again where others change the account at the same moment. Raises StoreBusy where they do not stop."""
    for attempt in range(_ATTEMPTS):
        account = store.accounts.get(account_id)
        if account is None:
            return False
        if store.accounts.list_again(account):
            return True
        store.pause(attempt)
    raise StoreBusy(f"account {account_id} changed {_ATTEMPTS} times")


def main() -> None:
    parser = argparse.ArgumentParser(description="List what an earlier release stored where this one looks for it.")
    parser.add_argument("--stage", required=True, help="such as production")
    filled = fill_indexes(boto3.client("dynamodb"), deployed_tables(parser.parse_args().stage))
    sys.stdout.write(
        f"{filled.accounts} accounts listed, {filled.stale_places} stale places removed, "
        f"{filled.wallets} wallets and {filled.api_keys} API keys listed\n"
    )


if __name__ == "__main__":
    main()
