"""Prove once a day that each payment has its receipt, and that no number is missing or given twice.

What is missing is issued, and told all the same: by the queue it should have been there within seconds.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.document import Counter
from billing.domain.transaction import Transaction
from billing.services.issue_documents import Clock, issue_documents
from billing.store.store import Store

GRACE = timedelta(minutes=10)
"""What is younger is still on its way through the queue."""
_PROVEN_AFTER = timedelta(days=3)
"""A document that was there three days long is there for ever: nobody may delete one. Two runs may fail."""
_READS_OF_INDEX = 4
"""The index of numbers follows the table, by less than a second as a rule."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Proven:
    """What a run looked at, and what was wrong."""

    series: int = 0
    payments: int = 0
    broken_series: int = 0
    missing: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """By the names of the metrics."""
        return {
            "ReceiptSeriesProven": self.series,
            "ReceiptPaymentsProven": self.payments,
            "ReceiptNumbersBroken": self.broken_series,
            "ReceiptsMissing": self.missing,
        }


def prove_documents(store: Store, clock: Clock) -> Proven:
    """One run over what the last days brought. Raises StoreBusy: the next run proves the same days again."""
    proven = Proven()
    now = clock()
    for counter in store.receipts.counters():
        if counter.last_at is not None and now - counter.last_at < _PROVEN_AFTER:
            proven.series += 1
            proven.broken_series += not _is_whole(store, counter)
    start, end = now - _PROVEN_AFTER, now - GRACE
    for page in store.transactions.paid_or_refunded(start, end):
        money = (each for each in page if each.is_money_received)
        owed = _owed(store, [each for each in money if any(start <= at < end for at in _moments(each))])
        proven.payments += len(owed)
        for document in issue_documents(store, [each.transaction_id for each in owed], clock):
            proven.missing += 1
            log.error(
                "a document was missing",
                extra={"transaction_id": document.content.transaction_id, "number": document.full_number},
            )
    return proven


def _is_whole(store: Store, counter: Counter) -> bool:
    """Whether the numbers are 1, 2, 3 and so on, to the last that the counter gave."""
    wrong = None
    for attempt in range(_READS_OF_INDEX):
        wrong = _first_wrong(store.receipts.numbers(counter.series), counter.issued)
        if wrong is None:
            return True
        store.pause(attempt)
    log.error("a series of numbers is broken", extra={"series": repr(counter.series), "at_number": wrong})
    return False


def _first_wrong(numbers: Iterator[int], issued: int) -> int | None:
    """The first number that is not there, or there twice, of those that the counter had given when it was read."""
    expected = 1
    for number in numbers:
        if number != expected:
            return expected
        expected += 1
    return None if expected > issued else expected


def _moments(payment: Transaction) -> list[datetime]:
    """When its money came, and was given back."""
    return [payment.paid_at or payment.created_at, *(each.created_at for each in payment.refunds)]


def _owed(store: Store, payments: list[Transaction]) -> list[Transaction]:
    """Those whose seller was there when the money moved. The others are numbered when a customer first asks."""
    accounts = store.accounts.get_many({each.account_id for each in payments})
    sellers = store.sellers.get_many({account.seller_id for account in accounts.values()})

    def is_owed(payment: Transaction) -> bool:
        account = accounts.get(payment.account_id)
        seller = None if account is None else sellers.get(account.seller_id)
        return seller is not None and seller.created_at <= min(_moments(payment))

    return [each for each in payments if is_owed(each)]
