"""Receipts and credit notes for a visit. The function that has the fonts answers them: it has no templates.

What it cannot give is told on the payment's page, to which it leads back.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import unquote

from billing.console.cookies import SESSION_COOKIE, cookies_of
from billing.domain.errors import BillingError
from billing.services.documents import DocumentFile, DocumentOffice, Typeset
from billing.services.portal_sessions import find_visit
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.web.http import Request, Response, file_response

_PAYMENT = re.compile(
    r"/console/history/(?P<transaction>[^/]{1,64})/(?:receipt\.pdf|credit-notes/(?P<number>[^/]{1,64}))", re.ASCII
)


class ConsoleFiles:
    def __init__(self, store: Store, typeset: Typeset) -> None:
        self._store = store
        self._office = DocumentOffice(store, typeset)

    def respond(self, request: Request, now: datetime, tell: Callable[[Mapping[str, object]], None]) -> Response:
        """A file of the visit's own account; for all else the way to a page that says why."""
        asked = _PAYMENT.fullmatch(request["rawPath"])
        session = find_visit(self._store, cookies_of(request).get(SESSION_COOKIE, ""))
        account_id = None if session is None or session.is_over(now) else session.account_id
        facts: dict[str, object] = {"route": "console file", "account_id": account_id}
        page = "/console/history"
        try:
            if asked is not None and account_id is not None:
                transaction_id, number = unquote(asked["transaction"]), asked["number"]
                page = f"{page}/{asked['transaction']}"
                file = self._file(account_id, transaction_id, number, lambda: now)
                tell({**facts, "status": HTTPStatus.OK})
                return file_response(HTTPStatus.OK, file.pdf, "application/pdf", f"{file.name}.pdf")
        except (BillingError, StoreBusy) as refusal:
            facts |= {"reason": str(refusal)}
        tell({**facts, "status": HTTPStatus.SEE_OTHER})
        sent = {"location": page, "cache-control": "private, no-store"}
        return {"statusCode": HTTPStatus.SEE_OTHER, "headers": sent, "body": ""}

    def _file(
        self, account_id: str, transaction_id: str, number: str | None, clock: Callable[[], datetime]
    ) -> DocumentFile:
        if number is None:
            return self._office.receipt(account_id, transaction_id, clock)
        return self._office.credit_note(account_id, transaction_id, unquote(number), clock)
