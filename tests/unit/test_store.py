"""The store's parts: each table has one, and a function starts with those that it may touch."""

from typing import Any

from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.store import Store

NOWHERE: Any = None


def test_every_table_has_a_part_of_the_store_which_is_made_once() -> None:
    store = Store(Database(NOWHERE, {}, lambda _: None))
    store.prepare(model.Meta.table_name for model in ALL_TABLES)
    made = dict(vars(store))
    store.prepare(model.Meta.table_name for model in ALL_TABLES)
    assert vars(store) == made
    assert made.keys() - {"database"} == {
        "accounts",
        "api_keys",
        "book_months",
        "books",
        "cards",
        "daily_usage",
        "deliveries",
        "directory",
        "document_files",
        "leases",
        "plans",
        "portal_sessions",
        "receipts",
        "reconciliation",
        "rejected_events",
        "sellers",
        "statements",
        "stripe_inbox",
        "transactions",
        "wallets",
        "webhook_endpoints",
        "workspaces",
    }
