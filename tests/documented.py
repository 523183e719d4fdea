"""Payments as the billing history has them, a seller who bills them, and the documents that they get."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from billing.domain.account import Account
from billing.domain.billing_details import BillingDetails
from billing.domain.document import Document
from billing.domain.seller import Seller, TaxRate
from billing.domain.transaction import CardFace, Refund, Transaction, TransactionLine, transaction_id
from billing.services.issue_documents import issue_documents
from billing.services.sellers import put_seller
from billing.store.database import Database
from billing.store.store import Store
from billing.store.transactions import TransactionItem, _item
from tests.builders import CUSTOMER, NOW, PERIOD_START, micros

VAT = TaxRate("VAT", 20 * 1_000_000, ("GB",))
VISA = CardFace("visa", "4242")


def seller(
    seller_id: str = "default", *, name: str = "Talktime Ltd", prefix: str = "TT", rates: tuple[TaxRate, ...] = ()
) -> Seller:
    return Seller(
        seller_id=seller_id,
        name=name,
        receipt_prefix=prefix,
        created_at=PERIOD_START,
        legal_lines=("1 Example Street", "London EC1A 1AA"),
        country="GB",
        tax_id="GB123456789",
        tax_rates=rates,
    )


def customer(
    account_id: str = "acme", *, currency: str = "USD", language: str = "en", details: BillingDetails | None = None
) -> Account:
    return Account(account_id, CUSTOMER, "billing@acme.example", currency, language, PERIOD_START, details=details)


def payment(
    name: str = "1",
    amount: str = "50.00",
    *,
    account_id: str = "acme",
    currency: str = "USD",
    lines: tuple[TransactionLine, ...] = (),
    refunds: tuple[Refund, ...] = (),
    paid_at: datetime = NOW,
) -> Transaction:
    """A top-up by card that was paid, or with lines a renewal."""
    return Transaction(
        transaction_id=transaction_id("payment", name),
        account_id=account_id,
        kind="renewal" if lines else "top_up",
        status="Paid",
        amount_micros=micros(amount),
        currency=currency,
        created_at=paid_at,
        check_at=None,
        card=VISA,
        payment_intent_id=f"pi_{name}",
        paid_at=paid_at,
        lines=lines,
        refunds=refunds,
    )


def refund(name: str, amount: str, *, returned: bool = False, at: datetime = NOW + timedelta(minutes=1)) -> Refund:
    return Refund(f"re_{name}", micros(amount), at, returned)


def open_shop(database: Database, *, of: Seller | None = None, account: Account | None = None) -> Store:
    """A store with a seller and its customer."""
    store = Store(database)
    put_seller(store, of or seller())
    assert store.accounts.create(account or customer())
    return store


def write_payments(store: Store, payments: Iterable[Transaction]) -> list[str]:
    """Write them as they are, many at a time. Returns their ids."""
    rows = [_item(each, each.version) for each in payments]
    table = store.database.table(TransactionItem)
    for start in range(0, len(rows), 25):
        requests = [{"PutRequest": {"Item": row}} for row in rows[start : start + 25]]
        answer = store.database.client.batch_write_item(RequestItems={table: requests})  # type: ignore[dict-item]
        assert not answer["UnprocessedItems"]
    return [row["transaction_id"]["S"] for row in rows]


def issue(store: Store, *payments: Transaction | str, now: datetime = NOW) -> list[Document]:
    ids = [each if isinstance(each, str) else each.transaction_id for each in payments]
    return issue_documents(store, ids, lambda: now)
