"""Monthly statements over HTTP: JSON at any time, and a PDF once they are final."""

import pytest

from billing.store.database import Database
from tests.builders import NOW, WIRE, micros
from tests.gateway import Gateway
from tests.shop import PDF, SELLER, open_gateway, open_shop_over, paid, pdf_of, text_of


@pytest.fixture
def client(database: Database) -> Gateway:
    return open_gateway(database)


@pytest.fixture
def shop(database: Database) -> Gateway:
    return open_shop_over(database)


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
