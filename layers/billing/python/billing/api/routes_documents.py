"""Documents as files: receipts and credit notes. A function of its own answers them, which carries typst."""

from billing.api.statements import StatementView
from billing.domain.month import Month
from billing.services.documents import DocumentFile, DocumentOffice, Typeset
from billing.store.store import Store
from billing.web.routing import Call, File, route

PDF = "application/pdf"


class DocumentsRoutes:
    """`typeset` makes a PDF of a page."""

    def __init__(self, store: Store, typeset: Typeset) -> None:
        self._office = DocumentOffice(store, typeset)

    @route(
        "GET",
        "/v1/accounts/{account_id}/transactions/{transaction_id}/receipt",
        scope="billing:read",
        file=PDF,
        refusals={404: ("transaction_not_found", "receipt_not_issued"), 409: ("seller_missing",)},
    )
    def get_receipt(self, call: Call, account_id: str, transaction_id: str) -> File:
        """The official receipt of money that arrived, as a PDF: the same file each time. Its number names the file.

        A payment that has no receipt yet gets it now. What is not `Paid` has none, and neither has what was paid from
        credit, or an adjustment that is no money.
        """
        return _pdf(self._office.receipt(account_id, transaction_id, lambda: call.now))

    @route(
        "GET",
        "/v1/accounts/{account_id}/transactions/{transaction_id}/credit-notes/{number}",
        scope="billing:read",
        file=PDF,
        refusals={404: ("transaction_not_found", "credit_note_not_found")},
    )
    def get_credit_note(self, call: Call, account_id: str, transaction_id: str, number: str) -> File:
        """The credit note of a refund, as a PDF: the same file each time. `refunds` of the transaction name it."""
        return _pdf(self._office.credit_note(account_id, transaction_id, number, lambda: call.now))

    @route(
        "GET",
        "/v1/accounts/{account_id}/statements/{month}",
        scope="billing:read",
        file=PDF,
        refusals={
            404: ("statement_not_found",),
            409: ("seller_missing", "statement_not_final"),
            503: ("statement_in_progress",),
        },
    )
    def get_statement(self, call: Call, account_id: str, month: str) -> StatementView | File:
        """A month's opening balance, payments, subscription, usage by feature and closing balance.

        From the second day after the month on it is `final`, kept as it is, and with `Accept: application/pdf` a PDF,
        the same file each time. Before that it says what was posted until now. A month with very many calls is summed
        over several requests: send the same one again (`statement_in_progress`).
        """
        wanted = Month.parse(month)
        if call.accepts(PDF):
            return _pdf(self._office.statement(account_id, wanted, lambda: call.now))
        return StatementView.of(self._office.made_statement(account_id, wanted, call.now))


def _pdf(found: DocumentFile) -> File:
    return File(found.pdf, PDF, f"{found.name}.pdf")
