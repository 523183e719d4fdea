"""The store: all tables of one deployment, each behind its own reader and writer. What every service takes.

A part is made, and its module imported, when it is first asked for: a function that touches three tables starts with
three. One store serves a process, and keeps what never changes (versions of plans).
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from billing.store.database import Database, Pause

if TYPE_CHECKING:
    from billing.store.accounts import Accounts
    from billing.store.api_keys import ApiKeys
    from billing.store.book_months import BookMonths
    from billing.store.books import Books
    from billing.store.cards import Cards
    from billing.store.daily_usage import DailyUsage
    from billing.store.deliveries import Deliveries
    from billing.store.directory import Directory
    from billing.store.document_files import DocumentFiles
    from billing.store.due_renewals import DueRenewals
    from billing.store.leases import Leases
    from billing.store.plans import Plans
    from billing.store.portal_sessions import PortalSessions
    from billing.store.receipts import Receipts
    from billing.store.reconciliation import ReconciliationMemory
    from billing.store.rejected_events import RejectedEvents
    from billing.store.sellers import Sellers
    from billing.store.statements import Statements
    from billing.store.stripe_inbox import StripeInbox
    from billing.store.transactions import Transactions
    from billing.store.usage_records import UsageRecords
    from billing.store.wallets import Wallets
    from billing.store.webhook_endpoints import WebhookEndpoints
    from billing.store.workspaces import Workspaces


_PART_OF: Mapping[str, str] = {
    "ledger_entries": "books",
    "payment_methods": "cards",
    "receipt_counters": "receipts",
    "receipt_prefixes": "sellers",
    "usage_months": "daily_usage",
    "webhook_secrets": "webhook_endpoints",
}
"""The part of a table, where it has another name."""


class Store:
    """Whoever needs a part names it: `store.wallets.get("acme")`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def prepare(self, tables: Iterable[str]) -> None:
        """Make the parts of these tables now, so that a process's start bears their imports, and no first request."""
        for table in tables:
            getattr(self, _PART_OF.get(table, table))

    @property
    def pause(self) -> Pause:
        """Waits before another attempt."""
        return self.database.pause

    @cached_property
    def accounts(self) -> "Accounts":
        from billing.store.accounts import Accounts

        return Accounts(self.database)

    @cached_property
    def workspaces(self) -> "Workspaces":
        from billing.store.workspaces import Workspaces

        return Workspaces(self.database)

    @cached_property
    def api_keys(self) -> "ApiKeys":
        from billing.store.api_keys import ApiKeys

        return ApiKeys(self.database)

    @cached_property
    def book_months(self) -> "BookMonths":
        from billing.store.book_months import BookMonths

        return BookMonths(self.database)

    @cached_property
    def books(self) -> "Books":
        from billing.store.books import Books

        return Books(self.database)

    @cached_property
    def cards(self) -> "Cards":
        from billing.store.cards import Cards

        return Cards(self.database)

    @cached_property
    def daily_usage(self) -> "DailyUsage":
        from billing.store.daily_usage import DailyUsage

        return DailyUsage(self.database)

    @cached_property
    def deliveries(self) -> "Deliveries":
        from billing.store.deliveries import Deliveries

        return Deliveries(self.database)

    @cached_property
    def directory(self) -> "Directory":
        from billing.store.directory import Directory

        return Directory(self.database)

    @cached_property
    def document_files(self) -> "DocumentFiles":
        from billing.store.document_files import DocumentFiles

        return DocumentFiles(self.database)

    @cached_property
    def due_renewals(self) -> "DueRenewals":
        from billing.store.due_renewals import DueRenewals

        return DueRenewals(self.database)

    @cached_property
    def leases(self) -> "Leases":
        from billing.store.leases import Leases

        return Leases(self.database)

    @cached_property
    def plans(self) -> "Plans":
        from billing.store.plans import Plans

        return Plans(self.database)

    @cached_property
    def portal_sessions(self) -> "PortalSessions":
        from billing.store.portal_sessions import PortalSessions

        return PortalSessions(self.database)

    @cached_property
    def receipts(self) -> "Receipts":
        from billing.store.receipts import Receipts

        return Receipts(self.database)

    @cached_property
    def rejected_events(self) -> "RejectedEvents":
        from billing.store.rejected_events import RejectedEvents

        return RejectedEvents(self.database)

    @cached_property
    def reconciliation(self) -> "ReconciliationMemory":
        from billing.store.reconciliation import ReconciliationMemory

        return ReconciliationMemory(self.database)

    @cached_property
    def sellers(self) -> "Sellers":
        from billing.store.sellers import Sellers

        return Sellers(self.database)

    @cached_property
    def statements(self) -> "Statements":
        from billing.store.statements import Statements

        return Statements(self.database)

    @cached_property
    def stripe_inbox(self) -> "StripeInbox":
        from billing.store.stripe_inbox import StripeInbox

        return StripeInbox(self.database)

    @cached_property
    def transactions(self) -> "Transactions":
        from billing.store.transactions import Transactions

        return Transactions(self.database)

    @cached_property
    def usage_records(self) -> "UsageRecords":
        from billing.store.usage_records import UsageRecords

        return UsageRecords(self.database)

    @cached_property
    def wallets(self) -> "Wallets":
        from billing.store.wallets import Wallets

        return Wallets(self.database)

    @cached_property
    def webhook_endpoints(self) -> "WebhookEndpoints":
        from billing.store.webhook_endpoints import WebhookEndpoints

        return WebhookEndpoints(self.database)
