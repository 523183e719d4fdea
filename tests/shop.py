"""A platform's shop over HTTP: who bills, a customer, payments, and the files that a bookkeeper gets."""

import base64
from dataclasses import replace
from io import BytesIO
from typing import Any

import pypdf

from billing.domain.transaction import Refund, Transaction
from billing.store.database import Database
from billing.store.store import Store
from tests.api_client import Answer, with_acme
from tests.documented import payment, write_payments
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


def open_gateway(database: Database) -> Gateway:
    """Everything behind the gateway, with an account `acme`."""
    gateway = gateway_over(database)
    with_acme(gateway)
    return gateway


def open_shop_over(database: Database) -> Gateway:
    """The same with a seller, and the customer's details."""
    shop = open_gateway(database)
    assert shop.put("/v1/sellers/default", SELLER).status == 200
    assert shop.put("/v1/accounts/acme/billing-details", DETAILS).status == 200
    return shop


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
