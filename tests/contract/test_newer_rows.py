"""What a newer release stored and this one does not know is passed over, and kept word for word when a row is written.

Two releases write the same rows while one is deployed, and a release may be taken back.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.lease import LeasePage
from billing.domain.seller import Seller
from billing.domain.standing import standing
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet
from billing.domain.workspace import assign
from billing.store.accounts import AccountItem, Accounts, StripeCustomer
from billing.store.all_tables import ALL_TABLES
from billing.store.api_keys import ApiKeys
from billing.store.book_months import BookMonths
from billing.store.books import Books
from billing.store.cards import Cards, card_update
from billing.store.database import Database
from billing.store.deliveries import Deliveries
from billing.store.leases import Leases
from billing.store.portal_sessions import PortalSessions
from billing.store.receipts import Receipts
from billing.store.reconciliation import ReconciliationMemory
from billing.store.rejected_events import RejectedEvents
from billing.store.sellers import Sellers
from billing.store.statements import Statements
from billing.store.stripe_inbox import StripeInbox
from billing.store.transactions import Transactions
from billing.store.wallets import new_wallet_put
from billing.store.webhook_endpoints import WebhookEndpoints
from billing.store.workspaces import Workspaces
from tests.contract.document_samples import COUNTER, DRAFT, RECEIPT, SELLER, STATEMENT
from tests.contract.samples import (
    ACCOUNT,
    BOOKMARK,
    CALL,
    CARD,
    DEFERRAL,
    DELIVERY,
    ENDPOINT,
    KEY,
    LEASES,
    NOW,
    REJECTED,
    RENEWAL,
    STRIPE_EVENT,
    WALLET,
)
from tests.contract.stored_usage import BOOKS, OCTOBER
from tests.contract.stored_values import VALUES
from tests.contract.stored_visits import FRESH_VISIT
from tests.contract.test_stored_rows import golden, row_of

Row = dict[str, Any]
NEWER = {"since": "0.9", "facts": [1, None, "ملاحظة"]}


def longer(attribute: str, *path: str | int) -> Callable[[Row], None]:
    """Adds what this release does not know to a list or an object in the JSON of an attribute."""

    def add(row: Row) -> None:
        said = json.loads(row[attribute]["S"])
        part = said
        for step in path:
            part = part[step]
        if isinstance(part, list):
            part.append(NEWER)
        else:
            part["newer_member"] = NEWER
        row[attribute]["S"] = json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    return add


def with_member(attribute: str, *path: str | int) -> Callable[[Row], None]:
    """Adds a member that this release does not know to a map of an attribute."""

    def add(row: Row) -> None:
        part = row[attribute]
        for step in path:
            part = part[step]
        part["M"]["newer_member"] = {"L": [{"N": "1"}, {"NULL": True}, {"S": "ملاحظة"}]}

    return add


def told_longer(row: Row) -> None:
    """The same to a list in JSON inside of a map."""
    part = row["period"]["M"]["told"]
    said = json.loads(part["S"])
    said["llm_tokens"].append(NEWER)
    part["S"] = json.dumps(said, ensure_ascii=False, separators=(",", ":"))


# Each value that is stored by position or by name, in the rows that are written again.
NEWER_VALUES: dict[str, tuple[str, Callable[[Row], None]]] = {
    "the default card": ("wallets", longer("default_card")),
    "auto-refill": ("wallets", longer("refill")),
    "what is said of a subscription": ("wallets", longer("subscription")),
    "terms": ("wallets", longer("subscription", "next")),
    "a pending change": ("wallets", longer("subscription", "change")),
    "the terms of a pending change": ("wallets", longer("subscription", "change", 1)),
    "the later terms of a pending change": ("wallets", longer("subscription", "change", 2)),
    "dunning": ("wallets", longer("subscription", "dunning")),
    "a failed try": ("wallets", longer("subscription", "dunning", 3)),
    "the period": ("wallets", with_member("period")),
    "the previous period": ("wallets", with_member("previous_period")),
    "a grant": ("wallets", with_member("grants", "L", 1)),
    "a card's face": ("transactions", longer("card")),
    "a refund": ("transactions", longer("refunds", 0)),
    "a line of a transaction": ("transactions.named", longer("lines", 1)),
    "a dispute": ("transactions.disputed", longer("disputes", 0)),
    "the hold of a dispute": ("wallets.held", longer("holds", 1)),
    "a tax rate": ("sellers", longer("tax_rates", 1)),
    "what was told of an allowance": ("wallets.told", told_longer),
    "the customer's own payment": ("wallets.unpaid", longer("subscription", "own_payment")),
}
# Those in rows that are never written again.
FOR_EVER: dict[str, tuple[str, Callable[[Row], None]]] = {
    "billing details": ("accounts.billed", longer("details")),
    "the seller on a document": ("receipts", longer("seller")),
    "a line of a document": ("receipts", longer("lines", 0)),
    "a line of a statement": ("statements", longer("sums", 2, 0)),
    "what was used, in a draft": ("statements.draft", longer("sums", 4, 0)),
    "a tax line": ("receipts", longer("taxes", 0)),
    "what a reset of usage counted": ("ledger_entries.usage_reset", longer("counted", 1)),
    "a rated line": ("ledger_entries.costed", longer("lines", 0)),
    "a sum of postings": ("book_months", longer("sums", "USD", 1)),
    "what a charge drew": ("ledger_entries.drawn", longer("drawn", 0)),
    "the sums of a month": ("usage_months", longer("sums")),
    "a workspace of a month": ("usage_months", longer("sums", "workspaces", 0)),
    "a usage feature": ("plans", longer("usage_features", 0)),
    "a volume discount": ("plans", longer("usage_features", 0, "volume_discounts", 1)),
    "a recurring feature": ("plans", longer("recurring_features", 0)),
}


def path_of(name: str) -> str:
    """Of the release that first wrote such a row."""
    return next(path for path in (f"0.1.0/{name}", f"0.2.0/{name}") if path in VALUES)


def newer_row(name: str, add: Callable[[Row], None]) -> Row:
    row = golden(path_of(name))
    add(row)
    assert row != golden(path_of(name))
    return row


def move_wallet(database: Database, wallet: Wallet) -> Row:
    """Changes something of the wallet by itself. Returns what its row must say then, beside what stays."""
    Books(database).commit(wallet, Posted(replace(wallet, paid_micros=1)))
    group = standing(wallet)
    return {
        "paid_micros": {"N": "1"},
        "version": {"N": str(wallet.version + 1)},
        **({} if group is None else {"standing": {"S": group}}),
    }


def move_transaction(database: Database, transaction: Transaction) -> Row:
    Transactions(database).move(transaction, replace(transaction, attempt=7))
    return {"attempt": {"N": "7"}, "version": {"N": str(transaction.version + 1)}}


def rename_seller(database: Database, seller: Seller) -> Row:
    Sellers(database).put(seller, replace(seller, name="New"))
    return {"name": {"S": "New"}, "version": {"N": str(seller.version + 1)}}


MOVES: dict[str, Callable[[Database, Any], Row]] = {
    "wallets": move_wallet,
    "transactions": move_transaction,
    "sellers": rename_seller,
}


NEWER_ATTRIBUTE = {"M": {"since": {"S": "0.9"}, "facts": {"L": [{"N": "1"}, {"NULL": True}]}}}
LATER = NOW + timedelta(minutes=1)


def move_workspace(database: Database) -> None:
    Accounts(database).create(replace(ACCOUNT, account_id="globex"))
    workspace = Workspaces(database).get("42")
    assert workspace is not None
    moved = assign(workspace, "globex", "Смена", NOW)
    Workspaces(database).put(workspace, moved, Accounts(database).must_exist("globex"))


def keep_customer(database: Database) -> None:
    database.update(AccountItem, {"account_id": "acme"}, UpdateExpression="REMOVE stripe_customer_id")
    Accounts(database).keep_customer("acme", "cus_2", "digest")


def mark_customer(database: Database) -> None:
    Accounts(database).mark_customer("acme", StripeCustomer("cus_1"), "digest")


def add_call(database: Database) -> None:
    wallet = Wallet("acme", "USD")
    database.write_all([new_wallet_put(database, wallet)])
    Books(database).commit(wallet, Posted(replace(wallet, sequence=1), (CALL,)))


def add_late_call(database: Database) -> None:
    assert CALL.usage is not None
    late = replace(CALL, usage=replace(CALL.usage, occurred_at=NOW - timedelta(days=30)))
    wallet = Wallet("acme", "USD")
    database.write_all([new_wallet_put(database, wallet)])
    Books(database).commit(wallet, Posted(replace(wallet, sequence=1), (late,)))


def add_again(database: Database) -> None:
    database.write_all([card_update(database, CARD, replace(CARD, verification="failed"))])
    Cards(database).add(replace(CARD, payment_method_id="pm_2", verification="pending"))


def write_leases(database: Database, *, pages: int) -> None:
    page = replace(LEASES, leases={}, pages=pages)
    Leases(database).write("acme", [page, LeasePage(1)][:pages], LATER)


# Each way in which a row that exists is written again, and the golden row that it is tried with.
REWRITINGS: dict[str, tuple[str, Callable[[Database], object]]] = {
    "a wallet moves on": ("wallets", lambda database: move_wallet(database, WALLET)),
    "a transaction moves on": ("transactions", lambda database: move_transaction(database, RENEWAL)),
    "an account is changed": (
        "accounts",
        lambda database: Accounts(database).change(ACCOUNT, replace(ACCOUNT, name="Acme")),
    ),
    "a visit is entered": (
        "portal_sessions.fresh",
        lambda database: PortalSessions(database).enter(FRESH_VISIT, "hash", NOW),
    ),
    "an API key is used": ("api_keys", lambda database: ApiKeys(database).mark_used(KEY.key_id, NOW)),
    "a workspace is moved": ("workspaces", move_workspace),
    "a customer is kept": ("accounts", keep_customer),
    "a customer is brought up to date": ("accounts", mark_customer),
    "a call is added to a day": ("daily_usage", add_call),
    "the books are summed further": (
        "book_months",
        lambda database: BookMonths(database).save(OCTOBER, BOOKS, replace(BOOKS, position=None)),
    ),
    "a late call makes a month void": ("usage_months", add_late_call),
    "a card is removed": (
        "payment_methods",
        lambda database: database.write_all([card_update(database, CARD, replace(CARD, verification="removing"))]),
    ),
    "a card's end is told": (
        "payment_methods",
        lambda database: Cards(database).mark_expiry_told(CARD, 1),
    ),
    "a card that was not kept is added again": ("payment_methods", add_again),
    "an event is rejected again": (
        "rejected_events",
        lambda database: RejectedEvents(database).keep(replace(REJECTED, rejected_at=LATER)),
    ),
    "an event is replayed": (
        "rejected_events",
        lambda database: RejectedEvents(database).mark_replayed(REJECTED, "storage-2"),
    ),
    "a page of leases is written": ("leases.single", lambda database: write_leases(database, pages=1)),
    "two pages of leases are written": ("leases", lambda database: write_leases(database, pages=2)),
    "an endpoint is changed": (
        "webhook_endpoints",
        lambda database: WebhookEndpoints(database).change(ENDPOINT, replace(ENDPOINT, description="new")),
    ),
    "a secret is rotated": (
        "webhook_secrets",
        lambda database: WebhookEndpoints(database).rotate_secret("we_1", "whsec_third", NOW),
    ),
    "a delivery is attempted": (
        "deliveries",
        lambda database: Deliveries(database).move(DELIVERY, replace(DELIVERY, attempts=3, due_at=None)),
    ),
    "an event of Stripe's is taken in again": (
        "stripe_inbox",
        lambda database: StripeInbox(database).take(STRIPE_EVENT, LATER),
    ),
    "an event of Stripe's is done with": ("stripe_inbox", lambda database: StripeInbox(database).done("evt_stripe_1")),
    "a seller is changed": ("sellers", lambda database: Sellers(database).put(SELLER, replace(SELLER, name="New"))),
    "a seller begins to number": (
        "sellers",
        lambda database: database.write_all([Sellers(database).begin_numbering(SELLER)]),
    ),
    "a document is numbered": (
        "receipt_counters",
        lambda database: Receipts(database).issue(COUNTER, replace(COUNTER, issued=124), [RECEIPT]),
    ),
    "a month is summed further": (
        "statements.draft",
        lambda database: Statements(database).save_draft("acme", STATEMENT.month, replace(DRAFT, position="2026-11")),
    ),
    "the bookmark is moved": (
        "reconciliation.events",
        lambda database: ReconciliationMemory(database).move_bookmark(BOOKMARK, replace(BOOKMARK, read_to=LATER)),
    ),
    "something fails again": (
        "reconciliation.deferral",
        lambda database: ReconciliationMemory(database).defer("transaction:tx_1", replace(DEFERRAL, failures=4)),
    ),
}
# A ledger entry and a document are never written again, and a place of the directory says no more than its keys.
# Neither are a plan's versions; its current one is a whole copy.
NEVER_WRITTEN_AGAIN = {"ledger_entries", "plans", "directory", "receipts", "receipt_prefixes", "document_files"}


@pytest.mark.parametrize("how", REWRITINGS)
def test_an_attribute_that_a_newer_release_added_to_a_row_is_kept_when_the_row_is_written(
    how: str, database: Database
) -> None:
    name, rewrite = REWRITINGS[how]
    stored, row = VALUES[path_of(name)], golden(path_of(name))
    database.client.put_item(TableName=stored.table, Item={**row, "newer_attribute": NEWER_ATTRIBUTE})
    rewrite(database)
    written = row_of(database, stored)
    assert written.pop("newer_attribute") == NEWER_ATTRIBUTE
    assert written != row


def test_each_table_is_tried_with_an_attribute_of_a_newer_release() -> None:
    tried = {VALUES[path_of(name)].table for name, _ in REWRITINGS.values()}
    assert tried | NEVER_WRITTEN_AGAIN == {model.Meta.table_name for model in ALL_TABLES}


@pytest.mark.parametrize("what", NEWER_VALUES | FOR_EVER)
def test_what_a_newer_release_added_to_a_value_is_passed_over(what: str, database: Database) -> None:
    name, add = (NEWER_VALUES | FOR_EVER)[what]
    stored = VALUES[path_of(name)]
    database.client.put_item(TableName=stored.table, Item=newer_row(name, add))
    assert stored.read(database) == stored.value


@pytest.mark.parametrize("what", NEWER_VALUES)
def test_what_a_newer_release_added_to_a_value_is_kept_when_its_row_is_written(what: str, database: Database) -> None:
    name, add = NEWER_VALUES[what]
    stored, row = VALUES[path_of(name)], newer_row(name, add)
    database.client.put_item(TableName=stored.table, Item=row)
    changed = MOVES[stored.table](database, stored.read(database))
    assert row_of(database, stored) == {**row, **changed}
