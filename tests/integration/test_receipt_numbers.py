"""Numbers of receipts and credit notes: no gap, no double, in the order of issue, whatever dies when."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.document import Document, Series
from billing.services.issue_documents import issue_documents
from billing.services.prove_documents import prove_documents
from billing.store.database import Database, StoreBusy
from billing.store.receipts import MAX_DOCUMENTS, ReceiptItem, read_document
from billing.store.store import Store
from billing.store.transactions import TransactionItem
from tests.builders import NOW
from tests.documented import customer, issue, open_shop, payment, refund, seller, write_payments

ISSUERS = 8
PAYMENTS = 2_000
"""`make bench` does the same with 10,000."""
CALLS = ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems")
RECEIPTS, CREDIT_NOTES = Series("default", "receipt", 2026), Series("default", "credit_note", 2026)


class Killed(BaseException):
    """The process is gone: nothing after this line of it runs."""


class KillSwitch:
    """Kills before or after the n-th call of DynamoDB, counted from 1, once."""

    def __init__(self, database: Database, at: int, *, moment: str) -> None:
        self.calls = 0
        self._at: int | None = at
        for operation in CALLS:
            database.client.meta.events.register(f"before-call.dynamodb.{operation}", self._count)
            hook = "before-call" if moment == "before" else "after-call"
            database.client.meta.events.register_last(f"{hook}.dynamodb.{operation}", self._kill)

    def _count(self, **_: Any) -> None:
        self.calls += 1

    def _kill(self, **_: Any) -> None:
        if self.calls == self._at:
            self._at = None
            raise Killed


def documents(store: Store, kind: str = "receipt") -> list[Document]:
    """All there are, in the order of their numbers."""
    pages = store.database.pages("scan", ReceiptItem, limit=None, ConsistentRead=True)
    found = [read_document(item) for page in pages for item in page]
    return sorted((each for each in found if each.content.kind == kind), key=lambda each: each.number)


def assert_whole(store: Store, number: int, kind: str = "receipt") -> None:
    """So many documents: each number once, dates in the order of numbers, and each payment once."""
    found = documents(store, kind)
    assert [each.number for each in found] == list(range(1, number + 1))
    dates = [each.issued_at for each in found]
    assert dates == sorted(dates)
    assert len({(each.content.transaction_id, each.content.refund_id) for each in found}) == number


@pytest.fixture
def store(database: Database) -> Store:
    return open_shop(database)


def test_eight_issuers_at_once_number_thousands_of_payments_without_a_gap_and_a_double(store: Store) -> None:
    ids = write_payments(store, (payment(str(number)) for number in range(PAYMENTS)))
    heard = [*ids, *random.Random(7).sample(ids, PAYMENTS // 10)]
    random.Random(8).shuffle(heard)
    batches = [heard[start : start + MAX_DOCUMENTS] for start in range(0, len(heard), MAX_DOCUMENTS)]

    def work(batch: list[str]) -> int:
        clock = random.Random(batch[0])
        return len(issue_documents(store, batch, lambda: NOW + timedelta(seconds=clock.random())))

    with ThreadPoolExecutor(ISSUERS) as issuers:
        issued = sum(issuers.map(work, batches))
    assert issued == PAYMENTS
    assert_whole(store, PAYMENTS)
    proven = prove_documents(store, lambda: NOW + timedelta(hours=1))
    assert proven.counts == {
        "ReceiptSeriesProven": 1,
        "ReceiptPaymentsProven": PAYMENTS,
        "ReceiptNumbersBroken": 0,
        "ReceiptsMissing": 0,
    }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 13))
def test_a_kill_around_any_call_leaves_no_gap_and_no_double(store: Store, call: int, moment: str) -> None:
    paid = [payment(str(number), refunds=(refund(f"{number}", "20.00"),)) for number in range(3)]
    ids = write_payments(store, paid)
    switch = KillSwitch(store.database, call, moment=moment)
    with pytest.raises(Killed):
        issue(store, *ids)
    for _ in range(2):
        issue(store, *reversed(ids))
    assert switch.calls >= call
    assert_whole(store, 3)
    assert_whole(store, 3, "credit_note")
    assert store.receipts.counter(RECEIPTS).issued == store.receipts.counter(CREDIT_NOTES).issued == 3


def test_two_issuers_of_the_same_payments_give_each_one_receipt(store: Store) -> None:
    ids = write_payments(store, (payment(str(number)) for number in range(40)))
    with ThreadPoolExecutor(2) as issuers:
        issued = [len(each) for each in issuers.map(lambda _: issue(store, *ids), range(2))]
    assert sum(issued) == 40
    assert_whole(store, 40)


def test_an_issuer_whose_clock_is_behind_gives_no_earlier_date(store: Store) -> None:
    first, second = write_payments(store, [payment("1"), payment("2")])
    issue(store, first, now=NOW)
    (late,) = issue(store, second, now=NOW - timedelta(minutes=5))
    assert (late.number, late.issued_at) == (2, NOW)


def test_a_year_begins_with_one_and_is_the_year_of_issue(store: Store) -> None:
    new_year = NOW.replace(year=2027, month=1, day=1, hour=0, minute=0)
    first, second, third = write_payments(store, [payment(name, paid_at=NOW) for name in "123"])
    numbers = [
        issue(store, paid, now=now)[0].full_number
        for paid, now in ((first, NOW), (second, new_year - timedelta(milliseconds=1)), (third, new_year))
    ]
    assert numbers == ["TT-2026-000001", "TT-2026-000002", "TT-2027-000001"]


def test_a_batch_is_numbered_as_the_money_arrived(store: Store) -> None:
    hours = (3, 1, 2)
    paid = [payment(str(hour), paid_at=NOW - timedelta(hours=hour)) for hour in hours]
    write_payments(store, paid)
    issue(store, *paid)
    assert [each.content.transaction_id for each in documents(store)] == [
        paid[position].transaction_id for position in (0, 2, 1)
    ]


def test_each_seller_has_its_own_numbers(database: Database) -> None:
    store = open_shop(database)
    store.sellers.put(None, seller("agency", prefix="AG"))
    assert store.accounts.create(replace(customer("globex"), seller_id="agency"))
    paid = [payment("1"), payment("2", account_id="globex"), payment("3"), payment("4", account_id="globex")]
    write_payments(store, paid)
    numbers = sorted(each.full_number for each in issue(store, *paid))
    assert numbers == ["AG-2026-000001", "AG-2026-000002", "TT-2026-000001", "TT-2026-000002"]


def test_the_daily_proof_issues_what_was_lost_and_says_so(store: Store) -> None:
    goodwill = replace(payment("3"), kind="adjustment", card=None)
    known, lost, _ = write_payments(store, [payment("1"), payment("2", refunds=(refund("2", "20.00"),)), goodwill])
    issue(store, known)
    proven = prove_documents(store, lambda: NOW + timedelta(hours=1))
    assert proven.counts == {
        "ReceiptSeriesProven": 1,
        "ReceiptPaymentsProven": 2,
        "ReceiptNumbersBroken": 0,
        "ReceiptsMissing": 2,
    }
    assert store.receipts.of_transactions([lost])[lost].full_number == "TT-2026-000002"
    assert prove_documents(store, lambda: NOW + timedelta(hours=2)).missing == 0


def test_the_daily_proof_leaves_alone_what_is_on_its_way_and_what_was_paid_before_there_was_a_seller(
    store: Store,
) -> None:
    created = store.sellers.get("default")
    assert created is not None
    before = created.created_at - timedelta(hours=1)
    write_payments(store, [payment("fresh", paid_at=NOW), payment("old", paid_at=before)])
    assert prove_documents(store, lambda: NOW + timedelta(minutes=9)).counts["ReceiptsMissing"] == 0
    assert prove_documents(store, lambda: created.created_at + timedelta(hours=1)).counts["ReceiptsMissing"] == 0
    assert documents(store) == []


@pytest.mark.parametrize("broken", ["missing", "twice"])
def test_the_daily_proof_finds_a_broken_series(store: Store, broken: str) -> None:
    ids = write_payments(store, (payment(str(number)) for number in range(5)))
    issue(store, *ids)
    third = documents(store)[2].content.transaction_id
    key = {"transaction_id": {"S": third}, "document": {"S": "receipt"}}
    table = store.database.table(ReceiptItem)
    if broken == "missing":
        store.database.client.delete_item(TableName=table, Key=key)
        store.database.client.delete_item(
            TableName=store.database.table(TransactionItem), Key={"transaction_id": {"S": third}}
        )
    else:
        store.database.client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #number = :two",
            ExpressionAttributeNames={"#number": "number"},
            ExpressionAttributeValues={":two": {"N": "2"}},
        )
    assert prove_documents(store, lambda: NOW + timedelta(hours=1)).broken_series == 1


def test_more_credit_notes_than_one_transaction_holds_are_issued_all(store: Store) -> None:
    many = payment("1", "500.00", refunds=tuple(refund(str(number), "1.00") for number in range(100)))
    both = payment("2", "500.00", refunds=tuple(refund(f"b{number}", "1.00") for number in range(20)))
    write_payments(store, [many, both])
    assert len(issue(store, many, both)) == 122
    assert_whole(store, 120, "credit_note")


def test_nobody_is_numbered_when_every_race_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (paid,) = write_payments(store, [payment("1")])
    monkeypatch.setattr("billing.store.receipts.Receipts.issue", lambda *_: False)
    with pytest.raises(StoreBusy):
        issue(store, paid)
    assert documents(store) == []
