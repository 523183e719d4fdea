"""What documents cost: numbering ten thousand payments by eight issuers at once, and drawing one of each kind.

Requests and CPU are measured here; write units are computed as in `bench.py`. CPU is compared within one run.
"""

import hashlib
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from billing.domain.billing_details import BillingDetails
from billing.domain.document import Document, customer_of, seller_of, write_credit_notes, write_receipt
from billing.domain.month import Month
from billing.domain.statement import MoneyLine, Statement, UsageLine
from billing.domain.transaction import TransactionLine
from billing.services.issue_documents import issue_documents
from billing.services.prove_documents import prove_documents
from billing.store.receipts import MAX_DOCUMENTS
from billing.store.store import Store
from billing.words.pages import Page
from billing.words.write_document import write_document
from billing.words.write_statement import write_statement
from tests.builders import NOW, PERIOD_END, PERIOD_START, micros
from tests.documented import VAT, customer, open_shop, payment, refund, seller, write_payments
from typesetting import typeset

ISSUERS = 8
PAYMENTS = 10_000
DOWNLOADS = 100
ROUNDS = 30
BYTES_BUDGET, WARM_CPU_BUDGET_MS = 100_000, 30.0
WRITE_UNITS_BUDGET = 6.0

UK = BillingDetails("Acme Limited", ("12 Market Street", "Leeds LS1 6DT"), "GB", "GB987654321")
OMAN = BillingDetails("شركة النور للاتصالات (Al Noor LLC)", ("1 Example Street", "مسقط"), "OM", "OM1100000001")


def numbering(store: Store, meter: Any) -> None:
    """Eight issuers, each payment heard of by two of them, in any order."""
    ids = write_payments(store, (payment(str(number)) for number in range(PAYMENTS)))
    chance = random.Random(11)
    heard = [*ids, *chance.sample(ids, PAYMENTS // 10)]
    chance.shuffle(heard)
    batches = [heard[start : start + MAX_DOCUMENTS] for start in range(0, len(heard), MAX_DOCUMENTS)]
    meter.reset()
    began = time.perf_counter()
    with ThreadPoolExecutor(ISSUERS) as issuers:
        clock = lambda: NOW + timedelta(seconds=time.perf_counter() - began)  # noqa: E731
        issued = sum(issuers.map(lambda batch: len(issue_documents(store, batch, clock)), batches))
    seconds = time.perf_counter() - began
    requests = meter.requests / PAYMENTS
    proven = prove_documents(store, lambda: NOW + timedelta(hours=1))
    print(f"numbering {issued} payments by {ISSUERS} issuers at once, {seconds:.0f} s with the emulator")
    print(f"  requests a receipt          {requests:6.3f}   with all races that were lost")
    print(f"  series broken, missing      {proven.broken_series:6d}   {proven.missing} of {proven.payments}")


def one_batch(store: Store, meter: Any) -> None:
    """A batch by itself: what is paid for when nobody else issues."""
    for size in (1, MAX_DOCUMENTS):
        ids = write_payments(store, (payment(f"batch-{size}-{number}") for number in range(size)))
        meter.reset()
        issue_documents(store, ids, lambda: NOW)
        units, requests = meter.write_units / size, meter.requests / size
        verdict = "ok" if size == 1 or units <= WRITE_UNITS_BUDGET else "OVER"
        print(f"  a batch of {size:3d}: write units {units:5.2f}, requests {requests:6.3f} a receipt   {verdict}")


def drawing() -> None:
    pages: dict[str, Page] = {name: make() for name, make in _DOCUMENTS.items()}
    print("drawing: bytes, CPU ms of a warm process, files of a hundred downloads")
    for name, page in pages.items():
        files = {hashlib.sha256(typeset(page).pdf).hexdigest() for _ in range(DOWNLOADS)}
        size, cpu = len(typeset(page).pdf), _cpu_ms(page)
        verdict = "ok" if size <= BYTES_BUDGET and cpu <= WARM_CPU_BUDGET_MS and len(files) == 1 else "OVER"
        print(f"  {name:12} {size:7d} {cpu:6.1f} {len(files):3d}   {verdict}")


def main(store: Store, meter: Any) -> None:
    open_shop(store.database)
    numbering(store, meter)
    one_batch(store, meter)
    drawing()


def _cpu_ms(page: Page) -> float:
    typeset(page)
    taken = []
    for number in range(ROUNDS):
        began = time.process_time()
        typeset(_other(page, number))
        taken.append((time.process_time() - began) * 1000)
    return statistics.median(taken)


def _other(page: Page, number: int) -> Page:
    """Another page each time: typst remembers what it has laid out."""
    return {**page, "subtitle": f"{page['subtitle']}-{number}", "notes": [*page["notes"], f"Page {number}"]}


def _receipt(details: BillingDetails, *languages: str) -> Document:
    lines = (
        TransactionLine("", "1", micros("49.00"), PERIOD_START, PERIOD_END, code="plan", name="Starter"),
        TransactionLine("", "2", micros("4.00"), PERIOD_START, PERIOD_END, code="rental", name="أرقام الهاتف"),
    )
    paid = payment(amount="53.00", lines=lines, refunds=(refund("a", "20.00"),))
    return Document(write_receipt(paid, customer(details=details), _seller(*languages)), 2026, 123, NOW)


def _seller(*languages: str) -> Any:
    return replace(seller(rates=(VAT,)), languages=languages)


def _credit_note() -> Document:
    paid = payment(amount="53.00", refunds=(refund("a", "20.00"),))
    (note,) = write_credit_notes(paid, _receipt(UK), [], customer(details=UK), _seller())
    return Document(note, 2026, 7, NOW)


def _statement() -> Page:
    money = tuple(MoneyLine(NOW, "payment", "top_up", f"{n}", micros("50"), f"TT-2026-{n:06d}") for n in range(10))
    usage = tuple(
        UsageLine(f"feature_{n}", "minute", False, 10**9, 5 * 10**8, 5 * 10**8, micros("60"), "p", 1, f"Feature {n}")
        for n in range(6)
    )
    statement = Statement(
        account_id="acme",
        currency="USD",
        month=Month(2026, 11),
        is_final=True,
        made_at=NOW,
        opening_micros=0,
        closing_micros=micros("140"),
        movements={"payments": micros("500"), "usage": micros("-360")},
        money=money,
        subscription=(),
        usage=usage,
        customer=customer_of(customer(details=UK)),
    )
    return write_statement(statement, seller_of(_seller()))


_DOCUMENTS: dict[str, Callable[[], Page]] = {
    "English": lambda: write_document(_receipt(UK, "en")),
    "Arabic": lambda: write_document(_receipt(OMAN, "ar")),
    "both": lambda: write_document(_receipt(OMAN, "ar", "en")),
    "credit note": lambda: write_document(_credit_note()),
    "statement": _statement,
}
