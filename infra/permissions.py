"""Who may touch which table, and how: the whole of it on one page. The service stack turns each line into a grant.

A transaction needs the permission of each of its parts and none of its own. Nobody may change or delete a ledger
entry; nobody may delete a wallet, a plan or an account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Access:
    """DynamoDB actions on a table, without their `dynamodb:`, and the indexes that may be queried."""

    table: str
    actions: tuple[str, ...]
    indexes: tuple[str, ...] = ()


TABLE_ACCESS: Final[Mapping[str, tuple[Access, ...]]] = {
    "authorizer": (Access("api_keys", ("GetItem",)),),
    "ingest_events": (
        Access("workspaces", ("BatchGetItem",)),
        Access("rejected_events", ("PutItem",)),
    ),
    "settle_usage": (
        Access("plans", ("GetItem",)),
        Access("workspaces", ("BatchGetItem",)),
        Access("wallets", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("ledger_entries", ("BatchGetItem", "PutItem")),
        Access("daily_usage", ("UpdateItem",)),
        Access("rejected_events", ("PutItem",)),
    ),
    "authorize_call": (
        Access("plans", ("GetItem",)),
        Access("workspaces", ("GetItem",)),
        Access("wallets", ("GetItem",)),
    ),
    "api": (
        Access("plans", ("GetItem", "Scan", "PutItem")),
        Access("accounts", ("GetItem", "Scan", "PutItem", "UpdateItem", "ConditionCheckItem")),
        Access("workspaces", ("GetItem", "PutItem")),
        Access("wallets", ("GetItem", "PutItem", "UpdateItem")),
        Access("ledger_entries", ("GetItem", "BatchGetItem", "PutItem"), indexes=("by_account",)),
        Access("daily_usage", ("Query",)),
        Access("rejected_events", ("GetItem", "UpdateItem"), indexes=("by_status",)),
        Access("api_keys", ("GetItem", "Scan", "PutItem", "DeleteItem")),
    ),
}
