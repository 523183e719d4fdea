"""Who bills, and whom, over HTTP: sellers, their prefixes and tax rates, and the details of a customer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.store.database import Database
from tests.api_client import ACME
from tests.documented import payment, refund
from tests.gateway import Gateway
from tests.shop import DETAILS, SELLER, open_gateway, open_shop_over, paid, refunded


@pytest.fixture
def client(database: Database) -> Gateway:
    return open_gateway(database)


@pytest.fixture
def shop(database: Database) -> Gateway:
    return open_shop_over(database)


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
