"""The billing history: every payment, what became of it, and one with all that is known of it."""

from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import get_args
from urllib.parse import urlencode

from billing.console.answers import Answer, FieldError, Page, Redirect
from billing.console.visit import Visit
from billing.domain.document import Document
from billing.domain.errors import NotFound
from billing.domain.money import Money
from billing.domain.transaction import PaymentKind, Transaction, TransactionStatus
from billing.services.documents import documents_of
from billing.services.transactions import find_transaction
from billing.store.transactions import HistoryFilter
from billing.words.decline_texts import why_not_paid
from billing.words.formats import money_typed
from billing.words.history_texts import say_line

HERE = "/console/history"
ROWS = 20
_FILTERS = ("status", "kind", "from", "to")
_PAGE_OPEN_FOR = timedelta(hours=24)


def show(visit: Visit) -> Answer:
    """A page of it, of those that the filter leaves. A filter that cannot be read is told, and leaves all."""
    wanted, errors = _filter(visit)
    page = visit.store.transactions.page(visit.account_id, ROWS, visit.query.get("cursor") or None, wanted)
    documents = visit.store.receipts.of_history(page.items)
    rows = [_shown(visit, each, documents.get((each.transaction_id, None))) for each in page.items]
    asked = {name: visit.query.get(name, "") for name in _FILTERS}
    named = {name: text for name, text in asked.items() if text}
    facts = {
        "rows": rows,
        "is_first": "cursor" not in visit.query,
        "asked": asked,
        "is_filtered": bool(named),
        "newest": _address(named),
        "older": None if page.next_cursor is None else _address({**named, "cursor": page.next_cursor}),
        "kinds": (*get_args(PaymentKind), "adjustment"),
        "statuses": get_args(TransactionStatus),
    }
    return Page("history.html", "history", facts, errors=errors)


def _address(fields: dict[str, str]) -> str:
    return f"{HERE}?{urlencode(fields)}" if fields else HERE


def _filter(visit: Visit) -> tuple[HistoryFilter, tuple[FieldError, ...]]:
    """From the first day to the last one, both of them whole, in UTC."""
    errors: list[FieldError] = []

    def day(name: str) -> datetime | None:
        text = visit.query.get(name, "")
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) if text else None
        except ValueError:
            errors.append(FieldError(name, visit.speaker.plain("a_date")))
            return None

    first, last = day("from"), day("to")
    kind = next((each for each in (*get_args(PaymentKind), "adjustment") if each == visit.query.get("kind")), None)
    status = next((each for each in get_args(TransactionStatus) if each == visit.query.get("status")), None)
    if errors:
        return HistoryFilter(), tuple(errors)
    # The last day that a calendar has is no reason to break.
    until = None if last is None or last.year == MAXYEAR else last + timedelta(days=1)
    return HistoryFilter(first, until, kind, status), ()


def _shown(visit: Visit, transaction: Transaction, receipt: Document | None) -> dict[str, object]:
    failure = transaction.failure
    return {
        "transaction": transaction,
        "receipt": None if receipt is None else receipt.full_number,
        "why": None if failure is None else why_not_paid(failure, visit.speaker.language),
        "state": state_of(transaction, visit),
    }


def state_of(transaction: Transaction, visit: Visit) -> str:
    """How the status is told: a page that nobody can pay on any more was not completed."""
    if transaction.status != "Checkout":
        return f"status_{transaction.status.lower()}"
    return "status_checkout" if can_go_on(transaction, visit) else "status_not_completed"


def can_go_on(transaction: Transaction, visit: Visit) -> bool:
    """Whether its page of Stripe's may still be open."""
    ends = transaction.page_expires_at or transaction.created_at + _PAGE_OPEN_FOR
    return transaction.status == "Checkout" and transaction.url is not None and visit.now < ends


def show_one(visit: Visit, transaction_id: str) -> Answer:
    """One of them. Who comes back from Stripe's page sees at once what was paid there."""
    transaction = find_transaction(visit.store, visit.account_id, transaction_id)
    if "returned" in visit.query:
        return _returned(visit, transaction)
    documents = documents_of(visit.store, transaction, lambda: visit.now)
    shown = _shown(visit, transaction, documents.get((transaction.transaction_id, None)))
    facts = {
        **shown,
        "lines": [(say_line(each, visit.speaker.language), each) for each in transaction.lines],
        "amount_typed": money_typed(Money(transaction.amount_micros, visit.currency)),
        "can_go_on": can_go_on(transaction, visit),
        "done": "done" in visit.query and transaction.status == "Paid",
        "notes": {refund: document.full_number for (_, refund), document in documents.items() if refund is not None},
    }
    return Page("transaction.html", "transaction", facts)


def _returned(visit: Visit, transaction: Transaction) -> Answer:
    """Ask Stripe what was done on the page. Where it does not answer, the webhook brings it."""
    from billing.payments.errors import PaymentsUnavailable
    from billing.services.stripe_events import finish_page

    session_id = visit.query.get("returned", "")
    if session_id:
        if session_id != transaction.session_id:
            raise NotFound("there is no such page")
        try:
            finish_page(visit.store, visit.gateway(), session_id, visit.now)
        except PaymentsUnavailable:
            return Redirect(f"/console/history/{transaction.transaction_id}")
    return Redirect(f"/console/history/{transaction.transaction_id}?done=1")
