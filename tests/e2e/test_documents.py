"""Receipts, credit notes and statements through all that is deployed: bus, queue, streams, mails and policies."""

import hashlib
import json
from typing import Any

import pytest

from infra.local.client import UnexpectedAnswer
from infra.local.deploy import Outputs, session
from infra.local.mail import sent_mails
from infra.local.story import SELLER
from tests.e2e.test_money_comes_in import Customer
from tests.patience import until


@pytest.fixture
def customer(platform: Outputs) -> Customer:
    customer = Customer(platform)
    customer.api.put("/v1/sellers/default", SELLER)
    customer.api.put(f"{customer.path}/billing-details", {"legal_name": "Łódź – شركة", "country": "GB"})
    return customer


@pytest.fixture
def address(customer: Customer) -> str:
    """Of a top-up that was paid on a page, once it is numbered."""
    customer.complete(customer.api.post(f"{customer.path}/top-ups", {"amount": "53.00"}, key="top-up")["url"])

    def numbered() -> str | None:
        rows: list[Any] = customer.transactions()
        found = [row["transaction_id"] for row in rows if row["receipt_number"] is not None]
        return f"{customer.path}/transactions/{found[0]}" if found else None

    return str(until(numbered))


def test_a_payment_is_numbered_within_seconds_and_its_receipt_is_the_same_file(
    customer: Customer, address: str
) -> None:
    files = [customer.api.get_file(f"{address}/receipt") for _ in range(5)]
    assert len({hashlib.sha256(content).digest() for _, content in files}) == 1
    (name, content), *_ = files
    assert content.startswith(b"%PDF-")
    paid = customer.api.get(address)
    assert name == f"{paid['receipt_number']}.pdf"
    assert [each["tax"]["amount"] for each in paid["taxes"]] == ["8.830000"]


def test_the_customer_is_told_by_one_mail_with_the_number(customer: Customer, address: str, platform: Outputs) -> None:
    number = customer.api.get(address)["receipt_number"]
    mine = until(lambda: [mail for mail in sent_mails(platform) if number in mail["Subject"]] or None)
    assert len(mine) == 1
    assert customer.account_id in mine[0]["BodyText"], "the link leads to the customer's own page"


def test_a_refund_gets_a_credit_note_of_its_own(customer: Customer, address: str) -> None:
    customer.api.post(f"{address}/refunds", {"amount": "20.00"}, key="refund")

    def note() -> Any:
        return next((each["credit_note_number"] for each in customer.api.get(address)["refunds"]), None)

    number = until(note)
    name, content = customer.api.get_file(f"{address}/credit-notes/{number}")
    assert name == f"{number}.pdf"
    assert content.startswith(b"%PDF-")


def test_a_month_that_is_not_over_is_json_and_no_pdf(customer: Customer, address: str) -> None:
    month = customer.api.get(address)["paid_at"][:7]
    statement = customer.api.get(f"{customer.path}/statements/{month}")
    assert statement["final"] is False
    assert statement["closing_balance"]["amount"] == customer.balance()
    assert [each["number"] for each in statement["payments"]] == [customer.api.get(address)["receipt_number"]]
    with pytest.raises(UnexpectedAnswer, match="statement_not_final"):
        customer.api.get_file(f"{customer.path}/statements/{month}")


def test_the_daily_proof_finds_every_number_and_nothing_missing(
    customer: Customer, address: str, platform: Outputs
) -> None:
    assert customer.api.get(address)["receipt_number"]
    client = session().client("lambda", endpoint_url=platform.aws_url)
    answer = client.invoke(FunctionName=platform.functions["issue_receipts"], Payload=json.dumps({}))
    proven = json.loads(answer["Payload"].read())
    assert proven["ReceiptSeriesProven"] >= 1
    assert (proven["ReceiptNumbersBroken"], proven["ReceiptsMissing"]) == (0, 0)
