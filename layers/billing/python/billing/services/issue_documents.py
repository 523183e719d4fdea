"""Issue documents: give each payment its receipt, and each refund its credit note, once, with the next number.

Whoever asks may be first: the queue of payments, a customer who opens a receipt, the daily proof. All of them come
here, at once if need be. One of them writes; the others read again what there is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.account import Account
from billing.domain.document import (
    Content,
    Document,
    Series,
    number_documents,
    write_credit_notes,
    write_receipt,
    year_of,
)
from billing.domain.errors import Conflict
from billing.domain.seller import Seller
from billing.domain.transaction import Transaction
from billing.store.database import StoreBusy
from billing.store.receipts import MAX_DOCUMENTS
from billing.store.store import Store

_MAX_LOST_RACES = 40
"""Each lost race is a batch that another issuer numbered: with eight of them, most tries are lost."""

Clock = Callable[[], datetime]


class SellerMissing(Conflict):
    """Nobody has said who bills: a document without a seller would be none."""

    def __init__(self, seller_id: str) -> None:
        super().__init__(
            f"no receipt can be issued before PUT /v1/sellers/{seller_id} says who bills", code="seller_missing"
        )


def issue_documents(store: Store, transaction_ids: Iterable[str], clock: Clock) -> list[Document]:
    """Issue what these transactions lack. Returns what was issued now.

    What is no money received, has no seller yet, or is not there at all is passed over. Raises StoreBusy: what was
    issued until then is issued, and the rest is when they are asked for again.
    """
    issued: list[Document] = []
    wanted = list(dict.fromkeys(transaction_ids))
    for start in range(0, len(wanted), MAX_DOCUMENTS):
        issued += _issue_all(store, wanted[start : start + MAX_DOCUMENTS], clock)
    return issued


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Contents of one series that have no number yet. A receipt's number fixes the prefix of `seller`."""

    seller: Seller
    contents: Sequence[Content]


def _issue_all(store: Store, transaction_ids: Sequence[str], clock: Clock) -> list[Document]:
    """Receipts first: a credit note names one. All is read again after each race that was lost."""
    issued: list[Document] = []
    lost_races = 0
    while lost_races < _MAX_LOST_RACES:
        paid = [each for each in store.transactions.get_many(transaction_ids).values() if each.is_money_received]
        work = _Work(store, paid)
        lacking = work.receipts() or work.credit_notes()
        written = [_commit(store, each, clock()) for each in lacking]
        issued += [document for documents in written for document in documents]
        if not all(written):
            store.pause(lost_races)
            lost_races += 1
        elif not lacking or not any(transaction.refunds for transaction in paid):
            return issued
    raise StoreBusy(f"lost {_MAX_LOST_RACES} races for the next number")


class _Work:
    """What some transactions lack, as of one reading of the tables."""

    def __init__(self, store: Store, paid: Sequence[Transaction]) -> None:
        self._store = store
        self._paid = paid
        self._accounts = store.accounts.get_many({each.account_id for each in paid})
        self._there = store.receipts.of_transactions([each.transaction_id for each in paid])
        self._sellers = store.sellers.get_many(
            {account.seller_id for account in self._accounts.values()}
            | {each.content.seller_id for each in self._there.values()}
        )

    def receipts(self) -> list[_Lacking]:
        contents = [
            write_receipt(each, account, seller)
            for each in self._in_order()
            if each.transaction_id not in self._there and (account := self._account(each)) is not None
            if (seller := self._sellers.get(account.seller_id)) is not None
        ]
        return self._by_seller(contents)

    def credit_notes(self) -> list[_Lacking]:
        contents: list[Content] = []
        for each in self._in_order():
            receipt, account = self._there.get(each.transaction_id), self._account(each)
            if not each.refunds or receipt is None or account is None:
                continue
            seller = self._sellers[receipt.content.seller_id]
            notes = self._store.receipts.credit_notes(each.transaction_id)
            contents += write_credit_notes(each, receipt, notes, account, seller)
        return self._by_seller(contents[:MAX_DOCUMENTS])

    def _in_order(self) -> list[Transaction]:
        """As the money arrived: numbers of a batch follow its dates."""
        return sorted(self._paid, key=lambda each: (each.paid_at or each.created_at, each.transaction_id))

    def _account(self, transaction: Transaction) -> Account | None:
        return self._accounts.get(transaction.account_id)

    def _by_seller(self, contents: Sequence[Content]) -> list[_Lacking]:
        seller_ids = dict.fromkeys(content.seller_id for content in contents)
        return [
            _Lacking(self._sellers[seller_id], [each for each in contents if each.seller_id == seller_id])
            for seller_id in seller_ids
        ]


def _commit(store: Store, lacking: _Lacking, now: datetime) -> list[Document]:
    """The documents with their numbers, or none of them where another issuer was faster."""
    kind = lacking.contents[0].kind
    before = store.receipts.counter(Series(lacking.seller.seller_id, kind, year_of(now)))
    documents, after = number_documents(lacking.contents, before, now)
    fixes = [] if lacking.seller.is_numbering else [store.sellers.begin_numbering(lacking.seller)]
    return documents if store.receipts.issue(before, after, documents, fixes) else []
