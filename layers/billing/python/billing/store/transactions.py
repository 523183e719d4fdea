"""Transactions in the table: the billing history, and the part of a write that moves one from a status to the next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from billing.domain.declines import Failure
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.transaction import (
    CardFace,
    Dispute,
    Refund,
    Transaction,
    TransactionKind,
    TransactionLine,
    TransactionStatus,
)
from billing.store.attributes import InstantAttribute, IntegerAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.due import due_pages
from billing.store.formats import MOMENT, TUPLE, P, PositionFormat
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item, readable
from billing.store.versioned import versioned_update


class TransactionsOfAccount(GlobalSecondaryIndex[Any]):
    """An account's billing history. `position` is the moment and the id."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class OpenTransactions(GlobalSecondaryIndex[Any]):
    """What something may still follow on, the first to be looked at first. Sparse."""

    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    check_at = InstantAttribute(range_key=True)


class TransactionItem(Model):
    """A row of the billing history: a payment or an adjustment; each write is conditioned on `version`."""

    class Meta:
        table_name = "transactions"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    transaction_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    account_id = UnicodeAttribute()
    position = UnicodeAttribute()
    kind = UnicodeAttribute()
    status = UnicodeAttribute()
    amount_micros = IntegerAttribute()
    currency = UnicodeAttribute()
    open = UnicodeAttribute(null=True)
    check_at = InstantAttribute(null=True)
    payment_method_id = UnicodeAttribute(null=True)
    card_fingerprint = UnicodeAttribute(null=True)
    card = JsonAttribute(null=True)
    payment_intent_id = UnicodeAttribute(null=True)
    session_id = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    paid_at = InstantAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)
    refunds = JsonAttribute(null=True)
    dispute_id = UnicodeAttribute(null=True)
    dispute_status = UnicodeAttribute(null=True)
    lines = JsonAttribute(null=True)
    fingerprint = UnicodeAttribute(null=True)
    attempt = IntegerAttribute()
    asked_at = InstantAttribute(null=True)
    disputes = JsonAttribute(null=True)
    received = BooleanAttribute(null=True)

    by_account = TransactionsOfAccount()
    open_transactions = OpenTransactions()


_KEY = ("account_id", "position", "transaction_id")
_OPEN = "open"
_DAY = len("2026-11-23")
_BEFORE_ANY_MOMENT, _AFTER_ANY_MOMENT = "0", "~"
FACE = PositionFormat(CardFace)
_REFUND = PositionFormat(Refund, created_at=MOMENT)
_DISPUTE = PositionFormat(Dispute, movements=TUPLE)
LINE = PositionFormat(TransactionLine, added=("code", "name"), period_start=MOMENT, period_end=MOMENT)


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Transactions created in [from, to), of a kind and a status where they are named."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    kind: TransactionKind | None = None
    status: TransactionStatus | None = None


class Transactions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, transaction_id: str) -> Transaction | None:
        item = self._database.get(TransactionItem, {"transaction_id": transaction_id})
        return None if item is None else _transaction(item)

    def get_many(self, transaction_ids: Iterable[str]) -> dict[str, Transaction]:
        """Those that are there and can be read: one that cannot is logged, since it concerns itself alone."""
        keys = [{"transaction_id": each} for each in transaction_ids]
        found = readable(TransactionItem, self._database.get_many(TransactionItem, keys), read_transaction)
        return {transaction.transaction_id: transaction for transaction in found}

    def create(self, transaction: Transaction) -> Transaction:
        """Write it, once for its id. Returns the one that exists, this or an earlier one."""
        if self._database.write_all([new_transaction_put(self._database, transaction)]):
            return transaction
        existing = self.get(transaction.transaction_id)
        if existing is None:
            raise LookupError(f"transaction {transaction.transaction_id} was there and is gone")
        return existing

    def move(self, before: Transaction, after: Transaction) -> bool:
        """Write what changes nothing of the account. False, with nothing written, where it moved on since."""
        return self._database.write_all([transaction_update(self._database, before, after)])

    def to_check(self, now: datetime) -> Iterator[list[str]]:
        """The ids of open transactions that somebody must look at by now, the longest waiting first, in pages."""
        pages = due_pages(
            self._database, TransactionItem, OpenTransactions.Meta.index_name, ("open", _OPEN), ("check_at", now)
        )
        return ([item["transaction_id"]["S"] for item in page] for page in pages)

    def paid_or_refunded(self, start: datetime, end: datetime) -> Iterator[list[Transaction]]:
        """What was paid in [start, end], and all that was ever refunded in part: by a scan, for a daily proof."""
        values = raw_item(TransactionItem, status="Paid", paid_at=start, check_at=end)
        for page in self._database.pages(
            "scan",
            TransactionItem,
            limit=None,
            ConsistentRead=True,
            FilterExpression="#status = :paid AND (paid_at BETWEEN :start AND :end OR attribute_exists(refunds))",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":paid": values["status"],
                ":start": values["paid_at"],
                ":end": values["check_at"],
            },
        ):
            yield list(readable(TransactionItem, page, read_transaction))

    def page(self, account_id: str, limit: int, cursor: str | None, wanted: HistoryFilter) -> Listing[Transaction]:
        """An account's transactions, newest first."""
        fixed = {"account_id": {"S": account_id}}
        page = self._database.page(
            "query",
            TransactionItem,
            _KEY,
            limit=limit,
            start=start_key(cursor, _KEY, fixed),
            **_history_query(account_id, wanted),
        )
        return Listing.of(page, read_transaction)

    def days(self, account_id: str, wanted: HistoryFilter) -> Iterator[list[date]]:
        """The day (UTC) on which each of them was made."""
        arguments = _history_query(account_id, wanted)
        names = {**arguments.get("ExpressionAttributeNames", {}), "#position": "position"}
        arguments |= {"ExpressionAttributeNames": names, "ProjectionExpression": "#position"}
        for page in self._database.pages("query", TransactionItem, limit=None, **arguments):
            yield [date.fromisoformat(item["position"]["S"][:_DAY]) for item in page]


def read_transaction(raw: Item) -> Transaction:
    return _transaction(TransactionItem.from_raw_data(raw))


def id_of_transaction(raw: Item) -> str:
    """The id of a row that need not be read otherwise."""
    transaction_id: str = raw["transaction_id"]["S"]
    return transaction_id


def new_transaction_put(database: Database, transaction: Transaction) -> Item:
    """A transaction's item of DynamoDB's: write it where there is none of its id."""
    return database.put_new(TransactionItem, _item(transaction, transaction.version), "transaction_id")


def transaction_update(database: Database, before: Transaction, after: Transaction) -> Item:
    """Move it on, where it still is at the version of `before`."""
    item = _item(after, before.version + 1)
    return versioned_update(database, TransactionItem, item, before.version)


def _history_query(account_id: str, wanted: HistoryFilter) -> dict[str, Any]:
    key = "account_id = :account"
    names: dict[str, str] = {}
    values = {":account": {"S": account_id}}
    if wanted.created_from is not None or wanted.created_to is not None:
        key += " AND #position BETWEEN :from AND :to"
        names["#position"] = "position"
        values[":from"] = {
            "S": _BEFORE_ANY_MOMENT if wanted.created_from is None else format_instant(wanted.created_from)
        }
        values[":to"] = {"S": _AFTER_ANY_MOMENT if wanted.created_to is None else format_instant(wanted.created_to)}
    conditions = []
    for name in ("kind", "status"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(f"#{name} = :{name}")
            names[f"#{name}"] = name
            values[f":{name}"] = {"S": value}
    arguments: dict[str, Any] = {
        "IndexName": TransactionsOfAccount.Meta.index_name,
        "ScanIndexForward": False,
        "KeyConditionExpression": key,
        "ExpressionAttributeValues": values,
    }
    if conditions:
        arguments["FilterExpression"] = " AND ".join(conditions)
    if names:
        arguments["ExpressionAttributeNames"] = names
    return arguments


def _item(transaction: Transaction, version: int) -> Item:
    failure = transaction.failure
    return raw_item(
        TransactionItem,
        transaction_id=transaction.transaction_id,
        version=version,
        account_id=transaction.account_id,
        position=f"{format_instant(transaction.created_at)}#{transaction.transaction_id}",
        kind=transaction.kind,
        status=transaction.status,
        amount_micros=transaction.amount_micros,
        currency=transaction.currency,
        open=None if transaction.check_at is None else _OPEN,
        check_at=transaction.check_at,
        payment_method_id=transaction.payment_method_id,
        card_fingerprint=transaction.card_fingerprint,
        card=None if transaction.card is None else FACE.write(transaction.card),
        payment_intent_id=transaction.payment_intent_id,
        session_id=transaction.session_id,
        url=transaction.url,
        paid_at=transaction.paid_at,
        failure_code=None if failure is None else failure.code,
        refunds=_list(_REFUND, transaction.refunds),
        dispute_id=transaction.dispute_id,
        dispute_status=transaction.dispute_status,
        lines=_list(LINE, transaction.lines),
        fingerprint=transaction.fingerprint,
        attempt=transaction.attempt,
        asked_at=transaction.asked_at,
        disputes=_list(_DISPUTE, transaction.disputes),
        received=transaction.received or None,
    )


def _transaction(item: TransactionItem) -> Transaction:
    kind: Any = item.kind
    status: Any = item.status
    dispute_status: Any = item.dispute_status
    created_at, _, _ = item.position.partition("#")
    failure = None if item.failure_code is None else Failure(item.failure_code)
    return Transaction(
        transaction_id=item.transaction_id,
        account_id=item.account_id,
        kind=kind,
        status=status,
        amount_micros=item.amount_micros,
        currency=item.currency,
        created_at=parse_stored_instant(created_at),
        check_at=item.check_at,
        payment_method_id=item.payment_method_id,
        card_fingerprint=item.card_fingerprint,
        card=None if item.card is None else FACE.read(item.card),
        payment_intent_id=item.payment_intent_id,
        session_id=item.session_id,
        url=item.url,
        paid_at=item.paid_at,
        failure=failure,
        refunds=tuple(map(_REFUND.read, item.refunds or ())),
        dispute_id=item.dispute_id,
        dispute_status=dispute_status,
        lines=tuple(map(LINE.read, item.lines or ())),
        fingerprint=item.fingerprint,
        attempt=item.attempt,
        version=item.version,
        asked_at=item.asked_at,
        disputes=tuple(map(_DISPUTE.read, item.disputes or ())),
        received=item.received or False,
    )


def _list(written: PositionFormat[P], values: Sequence[P]) -> list[list[Any]] | None:
    return [written.write(each) for each in values] or None
