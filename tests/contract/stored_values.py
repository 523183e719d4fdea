"""A value of every kind of row, and how the store writes and reads it. Its golden row is `rows/<release>/<name>.json`.

Fields differ from their defaults, since a default may not be written at all. What people type is in several scripts.

A row is there for ever. Where a later release writes it otherwise, that one gets a file in a folder of the release and
an entry here; the old entry stays, with the value that its row is read as, and with `write=None`.
"""

from collections.abc import Mapping
from dataclasses import replace

from billing.domain.account import Account
from billing.domain.plan import Plan
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet
from billing.domain.workspace import Tenure, Workspace
from billing.store.accounts import Accounts, StripeCustomer
from billing.store.api_keys import ApiKeys
from billing.store.books import Books
from billing.store.cards import Cards
from billing.store.database import Database
from billing.store.deliveries import Deliveries
from billing.store.directory import Directory
from billing.store.leases import Leases
from billing.store.plans import Plans
from billing.store.reconciliation import ReconciliationMemory
from billing.store.rejected_events import RejectedEvents
from billing.store.stripe_inbox import StripeInbox
from billing.store.transactions import Transactions, transaction_update
from billing.store.wallets import Wallets
from billing.store.webhook_endpoints import WebhookEndpoints
from billing.store.workspaces import Workspaces
from tests.contract.document_samples import (
    RECEIVED,
)
from tests.contract.samples import (
    ACCOUNT,
    ADJUSTED,
    ASKED,
    BOOKMARK,
    CARD,
    CHANGED,
    CODED,
    DECLINED,
    DEFERRAL,
    DELIVERY,
    DISPUTED,
    DUE,
    END,
    ENDPOINT,
    ENTERPRISE,
    GUARDED,
    HELD,
    KEY,
    LEASES,
    LISTED_AT,
    NAMED,
    NOW,
    OFFERED,
    REFILLED,
    REFUND_EVENT,
    REJECTED,
    REJECTED_AS_SENT,
    RENEWAL,
    STOPPED,
    STRIPE_EVENT,
    SUBSCRIBING,
    UNPAID,
    UNREADABLE_EVENT,
    USED_KEY,
    WALLET,
    WORKSPACE,
)
from tests.contract.stored import Read, Stored
from tests.contract.stored_documents import DOCUMENTS
from tests.contract.stored_usage import USAGE
from tests.contract.stored_visits import STORED_VISITS


def _plan(plan: Plan) -> Stored:
    """A plan's first version."""
    return Stored(
        "plans",
        {"plan_id": plan.plan_id, "version": 1},
        plan,
        lambda database: Plans(database).add_version(plan, NOW),
        lambda database: Plans(database).version(plan.plan_id, 1),
    )


def _current_plan(plan: Plan) -> Stored:
    key = {"plan_id": plan.plan_id, "version": 0}
    return replace(_plan(plan), key=key, read=lambda database: Plans(database).current(plan.plan_id))


def _wallet(wallet: Wallet, *, written: bool = True) -> Stored:
    def write(database: Database) -> None:
        Accounts(database).create(ACCOUNT)
        Books(database).commit(Wallet("acme", "USD"), Posted(wallet))

    return Stored(
        "wallets",
        {"account_id": "acme"},
        wallet,
        write if written else None,
        lambda database: Wallets(database).get("acme"),
    )


def _transaction(transaction: Transaction) -> Stored:
    return Stored(
        "transactions",
        {"transaction_id": transaction.transaction_id},
        transaction,
        lambda database: Transactions(database).create(transaction),
        lambda database: Transactions(database).get(transaction.transaction_id),
    )


def _write_transaction(database: Database) -> None:
    born = replace(RENEWAL, version=0)
    Transactions(database).create(born)
    database.write_all([transaction_update(database, born, RENEWAL)])


def _write_rejection(database: Database) -> None:
    events = RejectedEvents(database)
    events.keep(REJECTED_AS_SENT)
    events.mark_replayed(REJECTED_AS_SENT, "storage-1")


def _read_rejection(rejection_id: str) -> Read:
    return lambda database: (RejectedEvents(database).get(rejection_id) or (None,))[0]


def _write_card(database: Database) -> None:
    Cards(database).add(CARD)


def _write_secret(database: Database) -> None:
    endpoints = WebhookEndpoints(database)
    endpoints.add(ENDPOINT, "whsec_old")
    endpoints.rotate_secret("we_1", "whsec_new", NOW)


def _write_inbox(database: Database) -> None:
    StripeInbox(database).take(REFUND_EVENT, NOW)


def _customer(database: Database) -> tuple[Account, StripeCustomer | None] | None:
    return Accounts(database).with_customer("acme")


def _write_account(database: Database) -> None:
    Accounts(database).create(ACCOUNT)
    Accounts(database).keep_customer("acme", "cus_1", "digest-of-name-and-address")


def _write_key(database: Database) -> None:
    ApiKeys(database).add(USED_KEY)
    ApiKeys(database).mark_used(USED_KEY.key_id, NOW)


def _write_workspace(database: Database) -> None:
    Accounts(database).create(ACCOUNT)
    Accounts(database).create(replace(ACCOUNT, account_id="globex"))
    Workspaces(database).put(None, WORKSPACE, Accounts(database).must_exist("globex"))


VALUES: Mapping[str, Stored] = {
    **DOCUMENTS,
    **USAGE,
    **STORED_VISITS,
    "0.1.0/plans": _plan(ENTERPRISE),
    "0.1.0/plans.current": _current_plan(ENTERPRISE),
    "0.2.0/plans.guarded": _plan(GUARDED),
    "0.2.0/plans.offered": _current_plan(OFFERED),
    "0.1.0/accounts": Stored("accounts", {"account_id": "acme"}, (ACCOUNT, StripeCustomer("cus_1")), None, _customer),
    "0.2.0/accounts": Stored(
        "accounts",
        {"account_id": "acme"},
        (ACCOUNT, StripeCustomer("cus_1", "digest-of-name-and-address")),
        _write_account,
        _customer,
    ),
    "0.1.0/workspaces": Stored(
        "workspaces",
        {"workspace_id": "42"},
        Workspace("42", (Tenure("acme"),)),
        None,
        lambda database: Workspaces(database).get("42"),
    ),
    "0.2.0/workspaces": Stored(
        "workspaces",
        {"workspace_id": "42"},
        WORKSPACE,
        _write_workspace,
        lambda database: Workspaces(database).get("42"),
    ),
    "0.1.0/wallets": _wallet(WALLET, written=False),
    "0.2.0/wallets": _wallet(REFILLED, written=False),
    "0.2.0/wallets.standing": _wallet(REFILLED),
    "0.2.0/wallets.declined": _wallet(DECLINED),
    "0.2.0/wallets.stopped": _wallet(STOPPED),
    "0.2.0/wallets.held": _wallet(HELD),
    "0.2.0/wallets.unpaid": _wallet(UNPAID, written=False),
    "0.2.0/wallets.past_due": _wallet(UNPAID),
    "0.2.0/wallets.due": _wallet(DUE),
    "0.2.0/wallets.changed": _wallet(CHANGED),
    "0.1.0/wallets.new": Stored(
        "wallets",
        {"account_id": "acme"},
        Wallet("acme", "USD"),
        lambda database: Accounts(database).create(ACCOUNT),
        lambda database: Wallets(database).get("acme"),
    ),
    "0.1.0/wallets.first_subscription": _wallet(SUBSCRIBING),
    "0.1.0/transactions": Stored(
        "transactions",
        {"transaction_id": "tx_renewal"},
        RENEWAL,
        None,
        lambda database: Transactions(database).get("tx_renewal"),
    ),
    "0.2.0/transactions": _transaction(ASKED),
    "0.2.0/transactions.failed": replace(_transaction(RENEWAL), write=_write_transaction),
    "0.2.0/transactions.named": _transaction(NAMED),
    "0.2.0/transactions.received": _transaction(RECEIVED),
    "0.2.0/transactions.disputed": _transaction(DISPUTED),
    "0.2.0/transactions.coded": _transaction(CODED),
    "0.1.0/transactions.adjustment": _transaction(ADJUSTED),
    "0.1.0/payment_methods": Stored(
        "payment_methods",
        {"account_id": "acme", "card_fingerprint": "fingerprint-1"},
        CARD,
        None,
        lambda database: Cards(database).get("acme", "fingerprint-1"),
    ),
    "0.2.0/payment_methods": Stored(
        "payment_methods",
        {"account_id": "acme", "card_fingerprint": "fingerprint-1"},
        CARD,
        _write_card,
        lambda database: Cards(database).get("acme", "fingerprint-1"),
    ),
    "0.1.0/payment_methods.pending": Stored(
        "payment_methods",
        {"account_id": "acme", "card_fingerprint": "fingerprint-1"},
        replace(CARD, verification="pending", failure=None, expiry_told_days=None),
        lambda database: Cards(database).add(
            replace(CARD, verification="pending", failure=None, expiry_told_days=None)
        ),
        lambda database: Cards(database).get("acme", "fingerprint-1"),
    ),
    "0.1.0/rejected_events": Stored(
        "rejected_events",
        {"rejection_id": REJECTED.rejection_id},
        REJECTED,
        None,
        _read_rejection(REJECTED.rejection_id),
    ),
    "0.2.0/rejected_events": Stored(
        "rejected_events",
        {"rejection_id": REJECTED.rejection_id},
        REJECTED_AS_SENT,
        _write_rejection,
        _read_rejection(REJECTED.rejection_id),
    ),
    "0.1.0/rejected_events.unreadable": Stored(
        "rejected_events",
        {"rejection_id": UNREADABLE_EVENT.rejection_id},
        UNREADABLE_EVENT,
        lambda database: RejectedEvents(database).keep(UNREADABLE_EVENT),
        _read_rejection(UNREADABLE_EVENT.rejection_id),
    ),
    "0.1.0/leases": Stored(
        "leases",
        {"account_id": "acme", "page_number": 0},
        [LEASES],
        lambda database: Leases(database).write("acme", [replace(LEASES, version=0)], NOW),
        lambda database: Leases(database).of_account("acme"),
    ),
    "0.1.0/leases.single": Stored(
        "leases",
        {"account_id": "acme", "page_number": 0},
        [replace(LEASES, pages=1)],
        lambda database: Leases(database).write("acme", [replace(LEASES, version=0, pages=1)], NOW),
        lambda database: Leases(database).of_account("acme"),
    ),
    "0.1.0/api_keys": Stored(
        "api_keys",
        {"key_id": KEY.key_id},
        KEY,
        None,
        lambda database: ApiKeys(database).get(KEY.key_id),
    ),
    "0.2.0/api_keys": Stored(
        "api_keys",
        {"key_id": KEY.key_id},
        USED_KEY,
        _write_key,
        lambda database: ApiKeys(database).get(KEY.key_id),
    ),
    "0.2.0/directory": Stored(
        "directory",
        {"found_by": "name", "place": LISTED_AT},
        [[(LISTED_AT, "acme")]],
        lambda database: Accounts(database).create(ACCOUNT),
        lambda database: list(Directory(database).pages("name", "", None, 10)),
    ),
    "0.1.0/webhook_endpoints": Stored(
        "webhook_endpoints",
        {"endpoint_id": "we_1"},
        ENDPOINT,
        lambda database: WebhookEndpoints(database).add(ENDPOINT, "whsec_old"),
        lambda database: WebhookEndpoints(database).get("we_1"),
    ),
    "0.1.0/webhook_secrets": Stored(
        "webhook_secrets",
        {"endpoint_id": "we_1"},
        ["whsec_new", "whsec_old"],
        _write_secret,
        lambda database: WebhookEndpoints(database).secrets("we_1", NOW),
    ),
    "0.1.0/deliveries": Stored(
        "deliveries",
        {"destination": "we_1", "event_id": "evt_1"},
        DELIVERY,
        lambda database: Deliveries(database).add(DELIVERY),
        lambda database: Deliveries(database).get("we_1", "evt_1"),
    ),
    "0.1.0/stripe_inbox": Stored(
        "stripe_inbox",
        {"event_id": "evt_stripe_1"},
        [STRIPE_EVENT],
        None,
        lambda database: StripeInbox(database).unknown([STRIPE_EVENT]),  # nobody sweeps such a row: it is taken anew
    ),
    "0.2.0/stripe_inbox": Stored(
        "stripe_inbox",
        {"event_id": "evt_stripe_2"},
        [[REFUND_EVENT]],
        _write_inbox,
        lambda database: list(StripeInbox(database).undone(END)),
    ),
    "0.2.0/reconciliation.events": Stored(
        "reconciliation",
        {"name": "events"},
        BOOKMARK,
        lambda database: ReconciliationMemory(database).move_bookmark(None, BOOKMARK),
        lambda database: ReconciliationMemory(database).bookmark(),
    ),
    "0.2.0/reconciliation.deferral": Stored(
        "reconciliation",
        {"name": "transaction:tx_1"},
        {"transaction:tx_1": DEFERRAL},
        lambda database: ReconciliationMemory(database).defer("transaction:tx_1", DEFERRAL),
        lambda database: ReconciliationMemory(database).deferrals(["transaction:tx_1", "transaction:tx_2"]),
    ),
}
