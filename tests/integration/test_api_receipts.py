"""Receipts, credit notes and statements over HTTP: who bills, whom, and the files that a bookkeeper gets."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pypdf
import pytest

from billing.domain.transaction import Refund, Transaction
from billing.runtime import typesetter
from billing.store.database import Database
from billing.store.store import Store
from billing.store.transactions import TransactionItem
from tests.api_client import ACME, Answer, with_acme
from tests.builders import NOW, WIRE, micros
from tests.documented import payment, refund, write_payments
from tests.gateway import Gateway, gateway_over

PDF = "application/pdf"
SELLER: dict[str, Any] = {
    "name": "Talktime Ltd",
    "legal_lines": ["1 Example Street", "London EC1A 1AA"],
    "country": "GB",
    "tax_id": "GB123456789",
    "receipt_prefix": "TT",
    "tax_rates": [{"name": "VAT", "percent": "20", "countries": ["GB"]}],
}
DETAILS: dict[str, Any] = {
    "legal_name": "Acme Limited",
    "address_lines": ["12 Market Street", "Leeds"],
    "country": "GB",
    "tax_id": "GB999",
    "emails": ["books@acme.example"],
}


@pytest.fixture
def client(database: Database) -> Gateway:
    client = gateway_over(database)
    with_acme(client)
    return client


@pytest.fixture
def shop(client: Gateway) -> Gateway:
    assert client.put("/v1/sellers/default", SELLER).status == 200
    assert client.put("/v1/accounts/acme/billing-details", DETAILS).status == 200
    return client


def paid(client: Gateway, transaction: Transaction | None = None) -> str:
    """A payment in the history. Returns its address."""
    (transaction_id,) = write_payments(Store(client.database), [transaction or payment()])
    return f"/v1/accounts/acme/transactions/{transaction_id}"


def pdf_of(answer: Answer) -> bytes:
    assert (answer.status, answer.headers["content-type"]) == (200, PDF), answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    return base64.b64decode(answer.text)


def text_of(answer: Answer) -> str:
    return " ".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf_of(answer))).pages)


def refunded(client: Gateway, address: str, *refunds: Refund) -> None:
    store = Store(client.database)
    before = store.transactions.get(address.rpartition("/")[2])
    assert before is not None
    assert store.transactions.move(before, replace(before, refunds=refunds))


def test_a_receipt_is_a_file_that_is_named_by_its_number(shop: Gateway) -> None:
    answer = shop.get(paid(shop) + "/receipt")
    assert answer.headers["content-disposition"] == 'attachment; filename="TT-2026-000001.pdf"'
    text = text_of(answer)
    for fact in ("Receipt", "TT-2026-000001", "Talktime Ltd", "Acme Limited", "USD 50.00", "USD 8.33", "4242"):
        assert fact in text


def test_a_receipt_is_the_same_file_for_ever(shop: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred downloads, by eight at once, over a change of seller, customer, words, template and library."""
    address = paid(shop) + "/receipt"

    def download(number: int) -> str:
        return hashlib.sha256(pdf_of(shop.at(NOW + timedelta(days=number)).get(address))).hexdigest()

    with ThreadPoolExecutor(8) as customers:
        hashes = set(customers.map(download, range(50)))
    shop.put("/v1/sellers/default", {**SELLER, "name": "Another Ltd", "tax_rates": []})
    shop.put("/v1/accounts/acme/billing-details", {})
    shop.send("PATCH", "/v1/accounts/acme", {"name": "Renamed", "language": "ar"})
    monkeypatch.setattr(typesetter, "typeset", lambda _: b"%PDF of another release")
    hashes |= {download(number) for number in range(50, 100)}
    assert len(hashes) == 1


def test_what_was_issued_keeps_seller_and_customer_and_what_comes_later_has_the_new_ones(shop: Gateway) -> None:
    first = paid(shop, payment("1"))
    shop.get(first)  # numbered, and no file of it yet
    shop.put("/v1/sellers/default", {**SELLER, "name": "Another Ltd", "tax_rates": []})
    shop.put("/v1/accounts/acme/billing-details", {**DETAILS, "legal_name": "Acme Holding"})
    before, after = text_of(shop.get(first + "/receipt")), text_of(shop.get(paid(shop, payment("2")) + "/receipt"))
    assert ("Talktime Ltd" in before, "Acme Limited" in before, "USD 8.33" in before) == (True, True, True)
    assert ("Another Ltd" in after, "Acme Holding" in after, "USD 8.33" in after) == (True, True, False)


def test_the_history_says_the_number_once_it_is_issued_and_opening_a_payment_issues_it(shop: Gateway) -> None:
    address = paid(shop, payment(amount="53.00"))
    (listed,) = shop.get("/v1/accounts/acme/transactions").json["items"]
    assert listed["receipt_number"] is None
    opened = shop.get(address).json
    assert opened["receipt_number"] == "TT-2026-000001"
    assert opened["taxes"] == [
        {
            "name": "VAT",
            "percent": "20",
            "net": {"amount": "44.170000", "currency": "USD"},
            "tax": {"amount": "8.830000", "currency": "USD"},
        }
    ]
    (listed,) = shop.get("/v1/accounts/acme/transactions").json["items"]
    assert listed == opened


def test_a_refund_makes_a_credit_note_and_leaves_the_receipt(shop: Gateway) -> None:
    address = paid(shop)
    receipt = pdf_of(shop.get(address + "/receipt"))
    refunded(shop, address, refund("a", "20.00"), refund("b", "30.00"))
    numbers = [each["credit_note_number"] for each in shop.get(address).json["refunds"]]
    assert numbers == ["TT-CN-2026-000001", "TT-CN-2026-000002"]
    first = shop.get(f"{address}/credit-notes/{numbers[0]}")
    assert first.headers["content-disposition"] == 'attachment; filename="TT-CN-2026-000001.pdf"'
    text = text_of(first)
    for fact in ("Credit note", "TT-CN-2026-000001", "TT-2026-000001", "USD 20.00", "USD 3.33"):
        assert fact in text
    assert pdf_of(shop.get(address + "/receipt")) == receipt
    assert len({hashlib.sha256(pdf_of(shop.get(f"{address}/credit-notes/{each}"))).digest() for each in numbers}) == 2


def test_a_credit_note_is_issued_when_it_is_asked_for_though_the_queue_has_not_come_yet(shop: Gateway) -> None:
    address = paid(shop, payment(refunds=(refund("a", "50.00"),)))
    assert "TT-2026-000001" in text_of(shop.get(f"{address}/credit-notes/TT-CN-2026-000001"))


@pytest.mark.parametrize("number", ["TT-CN-2026-000002", "XX-CN-2026-000001"])
def test_a_credit_note_that_is_not_there_is_not_found(shop: Gateway, number: str) -> None:
    address = paid(shop, payment(refunds=(refund("a", "50.00"),)))
    answer = shop.get(f"{address}/credit-notes/{number}")
    assert (answer.status, answer.code) == (404, "credit_note_not_found")


@pytest.mark.parametrize("number", ["1", "TT-2026-000001", "tt-CN-2026-000001", "TT-CN-2026-1"])
def test_what_is_no_number_of_a_credit_note_is_an_invalid_value(shop: Gateway, number: str) -> None:
    answer = shop.get(f"{paid(shop)}/credit-notes/{number}")
    assert (answer.status, answer.code, answer.fields) == (422, "invalid_value", ["number"])


@pytest.mark.parametrize("status", ["Failed", "Checkout", "Processing"])
def test_what_is_not_paid_has_no_receipt(shop: Gateway, status: Any) -> None:
    answer = shop.get(paid(shop, replace(payment(), status=status)) + "/receipt")
    assert (answer.status, answer.code) == (404, "receipt_not_issued")
    assert status in answer.json["detail"]


def test_money_that_came_by_wire_gets_a_receipt_and_goodwill_does_not(shop: Gateway) -> None:
    def adjusted(key: str, **said: object) -> str:
        body = {"amount": "500.00", "reason": WIRE, "by": "ops@example.com", **said}
        assert shop.post("/v1/accounts/acme/adjustments", body, idempotency_key=key).status == 201
        newest = shop.get("/v1/accounts/acme/transactions?limit=100").json["items"]
        known = {each["transaction_id"] for each in seen}
        (new,) = (each for each in newest if each["transaction_id"] not in known)
        seen.append(new)
        return f"/v1/accounts/acme/transactions/{new['transaction_id']}/receipt"

    seen: list[dict[str, Any]] = []
    wire, goodwill = adjusted("wire", received=True), adjusted("goodwill")
    assert "USD 500.00" in text_of(shop.get(wire))
    answer = shop.get(goodwill)
    assert (answer.status, answer.code) == (404, "receipt_not_issued")


@pytest.mark.parametrize(("amount", "is_money"), [("12.345", False), ("-5.00", False), ("12.34", True)])
def test_money_received_is_above_zero_and_whole_cents(shop: Gateway, amount: str, is_money: bool) -> None:
    body = {"amount": amount, "reason": WIRE, "by": "ops@example.com", "received": True}
    answer = shop.post("/v1/accounts/acme/adjustments", body, idempotency_key="wire")
    assert answer.status == (201 if is_money else 422)


def test_the_same_key_for_money_and_for_goodwill_is_a_conflict(shop: Gateway) -> None:
    body = {"amount": "5.00", "reason": WIRE, "by": "ops@example.com"}
    assert shop.post("/v1/accounts/acme/adjustments", body, idempotency_key="k").status == 201
    answer = shop.post("/v1/accounts/acme/adjustments", {**body, "received": True}, idempotency_key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")


def test_before_there_is_a_seller_nothing_is_numbered_and_then_it_is_in_the_year_of_asking(client: Gateway) -> None:
    address = paid(client)
    answer = client.get(address + "/receipt")
    assert (answer.status, answer.code) == (409, "seller_missing")
    assert client.get(address).json["receipt_number"] is None
    client.put("/v1/sellers/default", SELLER)
    later = client.at(NOW.replace(year=2027))
    assert later.get(address).json["receipt_number"] == "TT-2027-000001"
    text = text_of(later.get(address + "/receipt"))
    assert ("23 Nov 2027" in text, "23 Nov 2026" in text) == (True, True)


@pytest.mark.parametrize(
    ("currency", "amount", "rate", "shown"),
    [
        ("JPY", "100", "10", ["JPY 100", "JPY 91", "JPY 9"]),
        ("OMR", "12.340", "5", ["OMR 12.340", "OMR 11.752", "OMR 0.588"]),
        ("USD", "53.00", "20", ["USD 53.00", "USD 44.17", "USD 8.83"]),
    ],
)
def test_an_account_of_each_kind_of_currency_gets_its_receipt(
    client: Gateway, currency: str, amount: str, rate: str, shown: list[str]
) -> None:
    client.put("/v1/sellers/default", {**SELLER, "tax_rates": [{"name": "VAT", "percent": rate}]})
    opened = {**ACME, "account_id": "abroad", "currency": currency}
    assert client.post("/v1/accounts", opened).status == 201
    write_payments(Store(client.database), [payment("abroad", amount, account_id="abroad", currency=currency)])
    (row,) = client.get("/v1/accounts/abroad/transactions").json["items"]
    text = text_of(client.get(f"/v1/accounts/abroad/transactions/{row['transaction_id']}/receipt"))
    assert all(each in text for each in shown), text


def test_a_receipt_of_another_account_is_not_there(shop: Gateway) -> None:
    shop.post("/v1/accounts", {**ACME, "account_id": "globex"})
    transaction_id = paid(shop).rpartition("/")[2]
    answer = shop.get(f"/v1/accounts/globex/transactions/{transaction_id}/receipt")
    assert (answer.status, answer.code) == (404, "transaction_not_found")
    bound = shop.with_key("billing:read", "globex")
    answer = bound.get(f"/v1/accounts/acme/transactions/{transaction_id}/receipt")
    assert (answer.status, answer.code) == (404, "account_not_found")


def test_a_name_no_font_has_still_gets_a_receipt(shop: Gateway) -> None:
    shop.put("/v1/accounts/acme/billing-details", {"legal_name": "北京电信", "address_lines": ["海淀区 1"]})
    assert "TT-2026-000001" in text_of(shop.get(paid(shop) + "/receipt"))


# Sellers


def test_a_seller_is_said_and_read_back(client: Gateway) -> None:
    full = {
        **SELLER,
        "title": "Tax Invoice / فاتورة ضريبية",
        "languages": ["ar", "en"],
        "notes": ["شكرًا لكم"],
        "billing_url": "https://agency.example/bills",
        "tax_rates": [{"name": "USt", "percent": "19", "countries": ["DE"], "reverse_charge_note": "Reverse charge"}],
    }
    put = client.put("/v1/sellers/agency-1", full)
    assert put.status == 200
    assert {name: put.json[name] for name in full} == full
    assert put.json["prefix_is_fixed"] is False
    assert client.get("/v1/sellers/agency-1").json == put.json


def test_a_prefix_belongs_to_one_seller_and_is_free_again_when_it_is_given_up_unused(client: Gateway) -> None:
    client.put("/v1/sellers/default", SELLER)
    taken = client.put("/v1/sellers/agency", {**SELLER, "name": "Agency"})
    assert (taken.status, taken.code, taken.json["field"]) == (409, "receipt_prefix_taken", "receipt_prefix")
    assert client.get("/v1/sellers/agency").code == "seller_not_found"
    assert client.put("/v1/sellers/default", {**SELLER, "receipt_prefix": "TALK"}).status == 200
    assert client.put("/v1/sellers/agency", {**SELLER, "name": "Agency"}).status == 200


def test_of_eight_sellers_who_want_a_prefix_at_once_one_gets_it(client: Gateway) -> None:
    with ThreadPoolExecutor(8) as sellers:
        answers = list(sellers.map(lambda number: client.put(f"/v1/sellers/s{number}", SELLER), range(8)))
    assert sorted(answer.status for answer in answers) == [200, *[409] * 7]


def test_a_prefix_stays_from_the_first_document_on(shop: Gateway) -> None:
    shop.get(paid(shop))
    assert shop.get("/v1/sellers/default").json["prefix_is_fixed"] is True
    answer = shop.put("/v1/sellers/default", {**SELLER, "receipt_prefix": "NEW"})
    assert (answer.status, answer.code) == (409, "receipt_prefix_fixed")
    assert shop.put("/v1/sellers/default", {**SELLER, "name": "Renamed"}).status == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("receipt_prefix", "TT-CN"),
        ("receipt_prefix", "tt"),
        ("receipt_prefix", ""),
        ("receipt_prefix", "12345678901"),
        ("country", "UK"),
        ("country", "gb"),
        ("languages", ["fr"]),
        ("languages", ["en", "en"]),
        ("legal_lines", ["line"] * 9),
        ("name", ""),
        ("billing_url", "ftp://agency.example"),
        ("tax_rates", [{"name": "VAT", "percent": "-1"}]),
        ("tax_rates", [{"name": "VAT", "percent": "101"}]),
        ("tax_rates", [{"name": "VAT", "percent": 20}]),
        ("tax_rates", [{"name": "VAT", "percent": "20", "countries": ["GB", "GB"]}]),
        ("tax_rates", [{"name": "VAT", "percent": "20"}, {"name": "GST", "percent": "5"}]),
        ("colour", "#fff"),
    ],
)
def test_what_cannot_stand_on_a_document_is_refused(client: Gateway, field: str, value: object) -> None:
    answer = client.put("/v1/sellers/default", {**SELLER, field: value})
    assert (answer.status, answer.code) == (422, "invalid_value")
    assert field in answer.text
    assert client.get("/v1/sellers/default").status == 404


def test_an_account_names_its_seller_and_its_next_documents_are_that_sellers(shop: Gateway) -> None:
    shop.put("/v1/sellers/agency", {**SELLER, "name": "Agency", "receipt_prefix": "AG"})
    first = paid(shop, payment("1"))
    shop.get(first)
    assert shop.send("PATCH", "/v1/accounts/acme", {"seller_id": "agency"}).json["seller_id"] == "agency"
    assert shop.get(paid(shop, payment("2"))).json["receipt_number"] == "AG-2026-000001"
    refunded(shop, first, refund("a", "20.00"))
    (note,) = shop.get(first).json["refunds"]
    assert note["credit_note_number"] == "TT-CN-2026-000001", "a receipt and its credit notes have one seller"


def test_an_account_cannot_name_a_seller_that_is_not_there(client: Gateway) -> None:
    answer = client.post("/v1/accounts", {**ACME, "account_id": "globex", "seller_id": "nobody"})
    assert (answer.status, answer.code, answer.json["field"]) == (404, "seller_not_found", "seller_id")
    answer = client.send("PATCH", "/v1/accounts/acme", {"seller_id": "nobody"})
    assert (answer.status, answer.code) == (404, "seller_not_found")


# Billing details


def test_billing_details_are_a_whole_that_a_customer_may_write(shop: Gateway) -> None:
    customer = shop.with_key("billing:write billing:read", "acme")
    assert customer.get("/v1/accounts/acme/billing-details").json == DETAILS
    answer = customer.put("/v1/accounts/acme/billing-details", {"legal_name": "شركة"})
    assert answer.json == {"legal_name": "شركة", "address_lines": [], "country": None, "tax_id": None, "emails": []}
    assert customer.get("/v1/accounts/acme/billing-details").json == answer.json


def test_opening_the_same_account_again_answers_it_with_its_details_kept(shop: Gateway) -> None:
    assert shop.post("/v1/accounts", ACME).status == 201
    assert shop.get("/v1/accounts/acme/billing-details").json == DETAILS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("address_lines", ["line"] * 5),
        ("address_lines", ["two\nlines"]),
        ("country", "XX"),
        ("tax_id", "x" * 61),
        ("emails", ["no address"]),
        ("emails", ["a@acme.example", "a@acme.example"]),
        ("vat", "1"),
    ],
)
def test_details_that_cannot_be_printed_are_refused_and_nothing_changes(
    shop: Gateway, field: str, value: object
) -> None:
    answer = shop.put("/v1/accounts/acme/billing-details", {**DETAILS, field: value})
    assert (answer.status, answer.code) == (422, "invalid_value")
    assert shop.get("/v1/accounts/acme/billing-details").json == DETAILS


# Statements


def test_a_statement_is_json_and_from_the_second_day_after_the_month_on_a_pdf(shop: Gateway) -> None:
    paid(shop)
    address = "/v1/accounts/acme/statements/2026-11"
    running = shop.get(address).json
    assert (running["final"], running["month"]) == (False, "2026-11")
    early = shop.get(address, accept=PDF)
    assert (early.status, early.code) == (409, "statement_not_final")
    december = shop.at(NOW.replace(month=12, day=2))
    assert december.get(address).json["final"] is True
    answer = december.get(address, accept=PDF)
    assert answer.headers["content-disposition"] == 'attachment; filename="statement-2026-11.pdf"'
    assert "Opening balance" in text_of(answer)
    later = shop.at(NOW.replace(year=2028))
    shop.put("/v1/sellers/default", {**SELLER, "name": "Another"})
    assert pdf_of(later.get(address, accept=PDF)) == pdf_of(answer)
    assert later.get(address).json == december.get(address).json


def test_a_statement_adds_up_from_its_opening_to_its_closing_balance(shop: Gateway) -> None:
    body = {"amount": "12.34", "reason": WIRE, "by": "ops@example.com", "received": True}
    shop.post("/v1/accounts/acme/adjustments", body, idempotency_key="wire")
    statement = shop.get("/v1/accounts/acme/statements/2026-11").json

    def amount(said: dict[str, str]) -> int:
        return micros(said["amount"])

    moved = sum(amount(each["amount"]) for each in statement["movements"])
    assert amount(statement["opening_balance"]) + moved == amount(statement["closing_balance"]) == micros("12.34")
    assert [(each["description"], each["amount"]["amount"]) for each in statement["payments"]] == [
        ("Payment received", "12.340000")
    ]


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-11", "2026-11-01", "0000-01", "november"])
def test_what_is_no_month_is_an_invalid_value(shop: Gateway, month: str) -> None:
    answer = shop.get(f"/v1/accounts/acme/statements/{month}")
    assert (answer.status, answer.fields) == (422, ["month"])


@pytest.mark.parametrize("month", ["2026-10", "2026-12", "9999-12"])
def test_a_month_before_the_account_and_one_to_come_have_no_statement(shop: Gateway, month: str) -> None:
    answer = shop.get(f"/v1/accounts/acme/statements/{month}")
    assert (answer.status, answer.code) == (404, "statement_not_found")


def test_without_a_seller_a_statement_is_json_alone(client: Gateway) -> None:
    december = client.at(NOW.replace(month=12, day=2))
    assert december.get("/v1/accounts/acme/statements/2026-11").json["final"] is False
    answer = december.get("/v1/accounts/acme/statements/2026-11", accept=PDF)
    assert (answer.status, answer.code) == (409, "seller_missing")


def test_a_month_that_is_still_being_summed_says_when_to_ask_again(
    shop: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.post("/v1/accounts/acme/adjustments", {"amount": "1.00", "reason": "x", "by": "ops"}, idempotency_key="k")
    monkeypatch.setattr("billing.services.statements.READ_SECONDS", -1.0)
    answer = shop.get("/v1/accounts/acme/statements/2026-11")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "statement_in_progress", "2")


def test_the_number_of_documents_is_no_more_than_that_of_payments(shop: Gateway, database: Database) -> None:
    """Opening, listing and downloading at once, by many: one receipt."""
    address = paid(shop)

    def ask(number: int) -> int:
        return shop.get(address + ("/receipt" if number % 2 else "")).status

    with ThreadPoolExecutor(8) as customers:
        assert set(customers.map(ask, range(24))) == {200}
    items = database.client.scan(TableName=database.table(TransactionItem))["Items"]
    assert len(items) == 1
    assert shop.get(address).json["receipt_number"] == "TT-2026-000001"
    assert shop.get(paid(shop, payment("next"))).json["receipt_number"] == "TT-2026-000002"
