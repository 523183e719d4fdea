"""A value of every kind of row that documents are made of: see `stored_values`."""

from collections.abc import Mapping
from dataclasses import replace

from billing.domain.document import Counter, Document
from billing.domain.seller import PrefixTaken
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.document_files import DocumentFiles
from billing.store.receipts import Receipts
from billing.store.sellers import Sellers
from billing.store.statements import Statements
from tests.contract.document_samples import BILLED, COUNTER, CREDIT_NOTE, DRAFT, PDF, RECEIPT, SELLER, STATEMENT
from tests.contract.samples import NOW
from tests.contract.stored import Stored


def _document(document: Document) -> Stored:
    content = document.content
    name = "receipt" if content.refund_id is None else f"credit_note#{content.refund_id}"
    counter = Counter(document.series, document.number, document.issued_at)
    return Stored(
        "receipts",
        {"transaction_id": content.transaction_id, "document": name},
        [document],
        lambda database: Receipts(database).issue(Counter(document.series), counter, [document]),
        lambda database: [
            *Receipts(database).of_transactions([content.transaction_id]).values(),
            *Receipts(database).credit_notes(content.transaction_id),
        ],
    )


def _write_billed_account(database: Database) -> None:
    assert BILLED.details is not None
    Accounts(database).create(replace(BILLED, details=None))
    Accounts(database).set_details("acme", BILLED.details)


def _is_taken(database: Database) -> bool:
    try:
        return not Sellers(database).put(None, replace(SELLER, seller_id="other"))
    except PrefixTaken:
        return True


DOCUMENTS: Mapping[str, Stored] = {
    "0.2.0/accounts.billed": Stored(
        "accounts",
        {"account_id": "acme"},
        BILLED,
        _write_billed_account,
        lambda database: Accounts(database).get("acme"),
    ),
    "0.2.0/sellers": Stored(
        "sellers",
        {"seller_id": "agency"},
        SELLER,
        lambda database: Sellers(database).put(None, SELLER),
        lambda database: Sellers(database).get("agency"),
    ),
    "0.2.0/receipt_prefixes": Stored(
        "receipt_prefixes",
        {"prefix": "AG"},
        True,
        lambda database: Sellers(database).put(None, SELLER),
        _is_taken,
    ),
    "0.2.0/receipts": _document(RECEIPT),
    "0.2.0/receipts.credit_note": _document(CREDIT_NOTE),
    "0.2.0/receipt_counters": Stored(
        "receipt_counters",
        {"series": "agency#receipt#2026"},
        COUNTER,
        lambda database: Receipts(database).issue(Counter(COUNTER.series), COUNTER, [RECEIPT]),
        lambda database: Receipts(database).counter(COUNTER.series),
    ),
    "0.2.0/statements": Stored(
        "statements",
        {"account_id": "acme", "month": "2026-10"},
        STATEMENT,
        lambda database: Statements(database).keep(STATEMENT),
        lambda database: Statements(database).get("acme", STATEMENT.month),
    ),
    "0.2.0/statements.draft": Stored(
        "statements",
        {"account_id": "acme", "month": "2026-10#draft"},
        DRAFT,
        lambda database: Statements(database).save_draft("acme", STATEMENT.month, DRAFT),
        lambda database: Statements(database).draft("acme", STATEMENT.month),
    ),
    "0.2.0/document_files": Stored(
        "document_files",
        {"document_id": "receipt:tx_1:"},
        PDF,
        lambda database: DocumentFiles(database).keep("receipt:tx_1:", PDF, NOW),
        lambda database: DocumentFiles(database).get("receipt:tx_1:"),
    ),
}
