"""The documents of the billing history and the months: their files are made when they are first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing.domain.document import Document
from billing.domain.errors import Conflict, NotFound
from billing.domain.month import Month
from billing.domain.statement import Statement
from billing.domain.transaction import Transaction
from billing.services.accounts import find_account
from billing.services.issue_documents import Clock, SellerMissing, issue_documents
from billing.services.statements import StatementMaker
from billing.services.transactions import find_transaction
from billing.store.store import Store
from billing.words.pages import Page
from billing.words.write_document import write_document
from billing.words.write_statement import write_statement

Documents = Mapping[tuple[str, str | None], Document]
"""By transaction, and by refund if it is a credit note, else None."""

Typeset = Callable[[Page], bytes]
"""Makes a PDF of a page."""


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A PDF, and what it is called, without ".pdf"."""

    name: str
    pdf: bytes


class ReceiptNotIssued(NotFound):
    """No receipt: the money did not arrive, or no money moved."""

    code = "receipt_not_issued"


class CreditNoteNotFound(NotFound):
    code = "credit_note_not_found"

    def __init__(self, number: str) -> None:
        super().__init__(f'there is no credit note "{number}" of this transaction')


def documents_of(store: Store, transaction: Transaction, clock: Clock) -> Documents:
    """All documents of a transaction. What it lacks is issued now, if its seller is there."""
    documents = store.receipts.of_history([transaction])
    if not _lacks_one(transaction, documents):
        return documents
    issue_documents(store, [transaction.transaction_id], clock)
    return store.receipts.of_history([transaction])


class DocumentOffice:
    """The use cases with their store, and what makes a PDF of a page. A file is the same bytes for ever."""

    def __init__(self, store: Store, typeset: Typeset) -> None:
        self._store = store
        self._typeset = typeset

    def receipt(self, account_id: str, transaction_id: str, clock: Clock) -> DocumentFile:
        """Raises AccountNotFound, TransactionNotFound, ReceiptNotIssued, SellerMissing, StoreBusy."""
        account = find_account(self._store, account_id)
        transaction = find_transaction(self._store, account_id, transaction_id)
        if not transaction.is_money_received:
            raise ReceiptNotIssued(_why_no_receipt(transaction))
        receipt = documents_of(self._store, transaction, clock).get((transaction_id, None))
        if receipt is None:
            raise SellerMissing(account.seller_id)
        return self._file_of(receipt, clock)

    def credit_note(self, account_id: str, transaction_id: str, number: str, clock: Clock) -> DocumentFile:
        """A credit note by its number. Raises AccountNotFound, TransactionNotFound, CreditNoteNotFound, StoreBusy."""
        find_account(self._store, account_id)
        transaction = find_transaction(self._store, account_id, transaction_id)
        documents = documents_of(self._store, transaction, clock).values()
        found = next((each for each in documents if each.content.refund_id and each.full_number == number), None)
        if found is None:
            raise CreditNoteNotFound(number)
        return self._file_of(found, clock)

    def made_statement(self, account_id: str, month: Month, now: datetime) -> Statement:
        """Raises AccountNotFound, StatementNotFound, StatementInProgress, StoreBusy."""
        return StatementMaker(self._store).statement(account_id, month, now)

    def statement(self, account_id: str, month: Month, clock: Clock) -> DocumentFile:
        """The PDF of a final statement. Raises the same, SellerMissing, and Conflict (`statement_not_final`)."""
        made = self.made_statement(account_id, month, clock())
        seller = made.seller
        if seller is None:
            raise SellerMissing(find_account(self._store, account_id).seller_id)
        if not made.is_final:
            raise Conflict(f"{month} is final from the second day of the next month on", code="statement_not_final")
        name = f"statement-{month}"
        return self._kept(f"statement:{account_id}:{month}", name, lambda: write_statement(made, seller), clock)

    def _file_of(self, document: Document, clock: Clock) -> DocumentFile:
        content = document.content
        document_id = f"{content.kind}:{content.transaction_id}:{content.refund_id or ''}"
        return self._kept(document_id, document.full_number, lambda: write_document(document), clock)

    def _kept(self, document_id: str, name: str, write: Callable[[], Page], clock: Clock) -> DocumentFile:
        """The file that is kept under this id, made now if there is none. Of two who make it, one is kept."""
        files = self._store.document_files
        pdf = files.get(document_id)
        if pdf is None:
            pdf = files.keep(document_id, self._typeset(write()), clock())
        return DocumentFile(name, pdf)


def _lacks_one(transaction: Transaction, documents: Documents) -> bool:
    if not transaction.is_money_received:
        return False
    refunds = (refund.refund_id for refund in transaction.refunds if not refund.returned)
    return any((transaction.transaction_id, wanted) not in documents for wanted in (None, *refunds))


def _why_no_receipt(transaction: Transaction) -> str:
    if transaction.status != "Paid":
        return f"the transaction is {transaction.status}, not Paid: no money arrived"
    if transaction.is_paid_from_credit:
        return "it was paid from credit: the receipt is that of the payment which bought the credit"
    return "no money moved: the adjustment does not say that it was received"
