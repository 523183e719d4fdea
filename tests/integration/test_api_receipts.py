"""Receipts and credit notes over HTTP: the files that a bookkeeper gets, the same ones for ever."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing.runtime import typesetter
from billing.store.database import Database
from billing.store.store import Store
from billing.store.transactions import TransactionItem
from tests.api_client import ACME
from tests.builders import NOW, WIRE
from tests.documented import payment, refund, write_payments
from tests.gateway import Gateway
from tests.shop import DETAILS, SELLER, open_gateway, open_shop_over, paid, pdf_of, refunded, text_of


@pytest.fixture
def client(database: Database) -> Gateway:
    return open_gateway(database)


@pytest.fixture
def shop(database: Database) -> Gateway:
    return open_shop_over(database)


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
