"""All tables, each by its model. On AWS (infra) and in the tests they are built from this list: one truth on keys."""

from pynamodb.models import Model

from billing.store.accounts import AccountItem
from billing.store.api_keys import ApiKeyItem
from billing.store.book_months import BookMonthItem
from billing.store.books import LedgerEntryItem
from billing.store.cards import PaymentMethodItem
from billing.store.daily_usage import DailyUsageItem, UsageMonthItem
from billing.store.deliveries import DeliveryItem
from billing.store.directory import DirectoryItem
from billing.store.document_files import DocumentFileItem
from billing.store.leases import LeasePageItem
from billing.store.plans import PlanVersionItem
from billing.store.portal_sessions import PortalSessionItem
from billing.store.receipts import ReceiptCounterItem, ReceiptItem
from billing.store.reconciliation import ReconciliationItem
from billing.store.rejected_events import RejectedEventItem
from billing.store.sellers import ReceiptPrefixItem, SellerItem
from billing.store.statements import StatementItem
from billing.store.stripe_inbox import StripeEventItem
from billing.store.tables import stream_of
from billing.store.transactions import TransactionItem
from billing.store.wallets import WalletItem
from billing.store.webhook_endpoints import WebhookEndpointItem, WebhookSecretItem
from billing.store.workspaces import WorkspaceItem

ALL_TABLES: tuple[type[Model], ...] = (
    PlanVersionItem,
    AccountItem,
    DirectoryItem,
    WorkspaceItem,
    WalletItem,
    LedgerEntryItem,
    DailyUsageItem,
    UsageMonthItem,
    RejectedEventItem,
    LeasePageItem,
    ApiKeyItem,
    TransactionItem,
    PaymentMethodItem,
    StripeEventItem,
    ReconciliationItem,
    WebhookEndpointItem,
    WebhookSecretItem,
    DeliveryItem,
    SellerItem,
    ReceiptPrefixItem,
    ReceiptItem,
    ReceiptCounterItem,
    DocumentFileItem,
    StatementItem,
    BookMonthItem,
    PortalSessionItem,
)

STREAMED_TABLES = tuple(model.Meta.table_name for model in ALL_TABLES if stream_of(model))
"""The tables whose changes are told."""
