"""Who may touch which table, and how: the whole of it on one page. The service stack turns each line into a grant.

A transaction needs the permission of each of its parts and none of its own. Nobody may change or delete a ledger
entry; nobody may delete a wallet, a plan or an account.

PutItem is for rows that do not exist yet. A row that may exist is updated, attribute by attribute: what a newer release
stored in it must not be lost. The one exception is a plan's current version, which is a whole copy of it.
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
    "authorizer": (Access("api_keys", ("GetItem", "UpdateItem")),),
    "ingest_events": (
        Access("workspaces", ("BatchGetItem",)),
        Access("rejected_events", ("UpdateItem",)),
    ),
    "settle_usage": (
        Access("plans", ("GetItem",)),
        Access("workspaces", ("BatchGetItem",)),
        Access("wallets", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("ledger_entries", ("BatchGetItem", "PutItem")),
        Access("daily_usage", ("UpdateItem",)),
        Access("usage_months", ("UpdateItem",)),
        Access("leases", ("BatchGetItem", "Query", "UpdateItem")),
        Access("transactions", ("PutItem",)),
        Access("rejected_events", ("UpdateItem",)),
    ),
    "authorize_call": (
        Access("plans", ("GetItem",)),
        Access("workspaces", ("GetItem",)),
        Access("wallets", ("BatchGetItem",)),
        Access("leases", ("BatchGetItem", "Query", "UpdateItem")),
    ),
    "stripe_webhook": (Access("stripe_inbox", ("UpdateItem",)),),
    "apply_payments": (
        Access("plans", ("GetItem",)),
        Access("accounts", ("GetItem", "UpdateItem")),
        Access("wallets", ("GetItem", "UpdateItem")),
        Access("ledger_entries", ("BatchGetItem", "PutItem")),
        Access("transactions", ("GetItem", "PutItem", "UpdateItem")),
        Access("payment_methods", ("GetItem", "Query", "UpdateItem", "DeleteItem")),
        Access("stripe_inbox", ("UpdateItem",)),
    ),
    "auto_refill": (
        Access("accounts", ("GetItem", "UpdateItem")),
        Access("wallets", ("GetItem", "UpdateItem")),
        Access("ledger_entries", ("PutItem",)),
        Access("transactions", ("GetItem", "PutItem", "UpdateItem")),
        Access("payment_methods", ("Query", "UpdateItem")),
    ),
    "reconcile": (
        Access("plans", ("GetItem",)),
        Access("accounts", ("GetItem", "UpdateItem")),
        Access("wallets", ("GetItem", "UpdateItem"), indexes=("waiting",)),
        Access("ledger_entries", ("BatchGetItem", "PutItem")),
        Access("transactions", ("GetItem", "PutItem", "UpdateItem"), indexes=("open",)),
        Access("payment_methods", ("GetItem", "Query", "UpdateItem", "DeleteItem"), indexes=("open",)),
        Access("stripe_inbox", ("BatchGetItem", "UpdateItem"), indexes=("undone",)),
        Access("reconciliation", ("GetItem", "BatchGetItem", "UpdateItem", "DeleteItem")),
    ),
    "announce_expiring_cards": (Access("payment_methods", ("Scan", "UpdateItem")),),
    "schedule_renewals": (Access("wallets", (), indexes=("renewals",)),),
    "renew_subscriptions": (
        Access("plans", ("GetItem",)),
        Access("accounts", ("GetItem", "UpdateItem")),
        Access("wallets", ("GetItem", "UpdateItem")),
        Access("ledger_entries", ("PutItem",)),
        Access("transactions", ("GetItem", "PutItem", "UpdateItem")),
        Access("payment_methods", ("Query", "UpdateItem")),
    ),
    # Its rights are the tables' streams: see `ChangeRelay`.
    "relay_changes": (),
    "notify": (
        Access("webhook_endpoints", ("Scan",)),
        Access("deliveries", ("PutItem",)),
    ),
    "deliver": (
        Access("accounts", ("GetItem",)),
        Access("sellers", ("GetItem",)),
        Access("receipts", ("BatchGetItem",)),
        Access("plans", ("BatchGetItem",)),
        Access("webhook_endpoints", ("GetItem", "UpdateItem")),
        Access("webhook_secrets", ("GetItem",)),
        Access("deliveries", ("GetItem", "UpdateItem"), indexes=("due",)),
    ),
    # A document is put where there is none of its key, and never changed; nobody may delete one, or a counter.
    "issue_receipts": (
        Access("accounts", ("BatchGetItem",)),
        Access("transactions", ("BatchGetItem", "Scan")),
        Access("sellers", ("BatchGetItem", "UpdateItem")),
        Access("receipts", ("BatchGetItem", "Query", "PutItem"), indexes=("by_number",)),
        Access("receipt_counters", ("GetItem", "Scan", "UpdateItem")),
    ),
    "receipts": (
        Access("portal_sessions", ("GetItem",)),
        Access("accounts", ("GetItem", "BatchGetItem")),
        Access("transactions", ("GetItem", "BatchGetItem"), indexes=("by_account",)),
        Access("ledger_entries", (), indexes=("by_account",)),
        Access("sellers", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("receipts", ("BatchGetItem", "Query", "PutItem")),
        Access("receipt_counters", ("GetItem", "UpdateItem")),
        Access("document_files", ("GetItem", "PutItem")),
        Access("statements", ("GetItem", "PutItem", "UpdateItem")),
        Access("plans", ("BatchGetItem",)),
    ),
    "api": (
        Access("plans", ("GetItem", "BatchGetItem", "PutItem"), indexes=("current",)),
        Access("accounts", ("GetItem", "BatchGetItem", "Scan", "PutItem", "UpdateItem", "ConditionCheckItem")),
        Access("directory", ("Query", "UpdateItem", "DeleteItem")),
        Access("workspaces", ("GetItem", "BatchGetItem", "UpdateItem"), indexes=("by_account",)),
        Access("wallets", ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=("by_standing",)),
        Access("ledger_entries", ("GetItem", "BatchGetItem", "PutItem"), indexes=("by_account",)),
        Access("daily_usage", ("Query", "BatchGetItem", "UpdateItem")),
        Access("usage_months", ("BatchGetItem", "UpdateItem")),
        Access("transactions", ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=("by_account",)),
        Access("payment_methods", ("GetItem", "Query", "UpdateItem", "DeleteItem", "ConditionCheckItem")),
        Access("rejected_events", ("GetItem", "UpdateItem"), indexes=("by_status",)),
        Access("api_keys", ("BatchGetItem", "PutItem", "DeleteItem"), indexes=("listed",)),
        Access("webhook_endpoints", ("GetItem", "Scan", "PutItem", "UpdateItem", "DeleteItem")),
        Access("webhook_secrets", ("PutItem", "UpdateItem", "DeleteItem")),
        Access("deliveries", ("UpdateItem",), indexes=("by_destination",)),
        Access("sellers", ("GetItem", "BatchGetItem", "PutItem", "UpdateItem")),
        Access("receipt_prefixes", ("PutItem", "DeleteItem")),
        Access("receipts", ("BatchGetItem", "Query", "PutItem")),
        Access("receipt_counters", ("GetItem", "UpdateItem")),
        Access("book_months", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("portal_sessions", ("GetItem", "PutItem", "DeleteItem"), indexes=("by_account",)),
    ),
    "console": (
        Access("portal_sessions", ("GetItem", "UpdateItem", "DeleteItem")),
        Access("plans", ("GetItem", "BatchGetItem"), indexes=("current",)),
        Access("accounts", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("wallets", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("ledger_entries", ("BatchGetItem", "PutItem")),
        Access("transactions", ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"), indexes=("by_account",)),
        Access("payment_methods", ("GetItem", "Query", "UpdateItem", "DeleteItem", "ConditionCheckItem")),
        Access("sellers", ("GetItem", "BatchGetItem", "UpdateItem")),
        Access("receipts", ("BatchGetItem", "Query", "PutItem")),
        Access("receipt_counters", ("GetItem", "UpdateItem")),
    ),
}
