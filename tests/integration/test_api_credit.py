"""Adjustments and credit grants: once for each idempotency key, whatever happens in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.store.database import Database
from tests.api_client import Answer, Client, Line, client_over, with_acme
from tests.platform_of_one import World, assert_books_balance

ADJUSTMENTS = "/v1/accounts/acme/adjustments"
GRANTS = "/v1/accounts/acme/credit-grants"
WIRE = {"amount": "500.00", "reason": "wire 4711", "by": "ops@example.com"}
WELCOME = {"amount": "10.00", "expires_at": "2027-01-31T00:00:00Z", "reason": "welcome"}


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def balance(client: Client) -> str:
    return str(client.get("/v1/accounts/acme/billing").json["balance"]["amount"])


def history(client: Client, query: str = "") -> list[Any]:
    return list(client.get(f"/v1/accounts/acme/transactions{query}").json["items"])


def dollars(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_an_adjustment_answers_the_entry_that_the_ledger_shows(client: Client) -> None:
    answer = with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    entry = answer.json
    assert answer.status == 201
    assert entry["entry_id"].startswith("le_")
    assert entry["cause"].startswith("adjustment:acme:")
    assert {name: value for name, value in entry.items() if name not in {"entry_id", "cause"}} == {
        "sequence": 1,
        "kind": "adjustment",
        "amount": dollars("500.000000"),
        "balance_after": dollars("500.000000"),
        "posted_at": "2026-11-23T12:00:00.000Z",
        "code": None,
        "description": "wire 4711",
        "by": "ops@example.com",
        "postings": [
            {"account": "asset:receivable", "amount": dollars("-500.000000")},
            {"account": "liability:paid_credit", "amount": dollars("500.000000")},
        ],
    }
    assert client.get("/v1/accounts/acme/ledger").json == {"items": [entry], "next_cursor": None}


def test_a_wire_is_found_in_the_billing_history_with_its_reason_and_without_who_entered_it(client: Client) -> None:
    with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    (row,) = history(client)
    assert row.pop("transaction_id").startswith("tx_")
    assert row == {
        "kind": "adjustment",
        "status": "Paid",
        "amount": dollars("500.000000"),
        "created_at": "2026-11-23T12:00:00.000Z",
        "paid_at": "2026-11-23T12:00:00.000Z",
        "card": None,
        "failure": None,
        "refunded": dollars("0.000000"),
        "refunds": [],
        "dispute": None,
        "receipt_number": None,
        "taxes": [],
        "lines": [
            {
                "code": "adjustment",
                "description": "wire 4711",
                "quantity": "1",
                "amount": dollars("500.000000"),
                "period_start": None,
                "period_end": None,
            }
        ],
        "url": None,
    }


def test_credit_that_is_taken_is_a_row_below_zero_exact_to_the_micro_unit(client: Client) -> None:
    with_acme(client).post(
        ADJUSTMENTS, {**WIRE, "amount": "-12.345678", "reason": "entered twice"}, idempotency_key="key-1"
    )
    (row,) = history(client, "?kind=adjustment&status=Paid")
    assert (row["amount"], row["lines"][0]["amount"]) == (dollars("-12.345678"), dollars("-12.345678"))
    assert client.get(f"/v1/accounts/acme/transactions/{row['transaction_id']}").json == row
    assert history(client, "?kind=top_up") == history(client, "?status=Failed") == []


def test_an_adjustment_that_is_sent_again_or_refused_is_no_further_row(client: Client) -> None:
    with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    once = history(client)
    assert len(once) == 1
    client.at(datetime(2027, 11, 23, tzinfo=UTC)).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    client.post(ADJUSTMENTS, {**WIRE, "amount": "501"}, idempotency_key="wire-4711")
    client.post(ADJUSTMENTS, {**WIRE, "amount": "0"}, idempotency_key="wire-4712")
    assert history(client) == once


def test_an_adjustment_cannot_be_refunded_and_stripe_is_not_asked(client: Client) -> None:
    with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    (row,) = history(client)
    refused = client.post(
        f"/v1/accounts/acme/transactions/{row['transaction_id']}/refunds", {"amount": "1.00"}, idempotency_key="key-1"
    )
    assert (refused.status, refused.code) == (409, "not_refundable")
    assert refused.json["detail"] == "no card was charged: another adjustment takes this one back"
    assert balance(client) == "500.000000"


def test_the_same_key_gives_credit_once_and_the_same_answer_for_ever(client: Client) -> None:
    first = with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    a_year_later = client.at(datetime(2027, 11, 23, tzinfo=UTC))
    again = a_year_later.post(ADJUSTMENTS, {**WIRE, "amount": "500"}, idempotency_key="wire-4711")
    assert (again.status, again.json) == (201, first.json)
    assert balance(client) == "500.000000"


@pytest.mark.parametrize("change", [{"amount": "500.01"}, {"reason": "wire 4712"}, {"by": "someone else"}])
def test_the_same_key_with_another_body_is_refused(client: Client, change: dict[str, str]) -> None:
    with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")
    answer = client.post(ADJUSTMENTS, {**WIRE, **change}, idempotency_key="wire-4711")
    assert (answer.status, answer.code, answer.fields) == (409, "idempotency_key_reused", ["Idempotency-Key"])
    assert balance(client) == "500.000000"


@pytest.mark.parametrize(("path", "body"), [(ADJUSTMENTS, WIRE), (GRANTS, WELCOME), (ADJUSTMENTS, {"amount": "0"})])
def test_credit_by_hand_without_a_key_is_refused_and_nothing_is_given(
    client: Client, path: str, body: dict[str, str]
) -> None:
    answer = with_acme(client).post(path, body)
    assert (answer.status, answer.code, answer.fields) == (400, "idempotency_key_required", ["Idempotency-Key"])
    assert balance(client) == "0.000000"
    assert history(client) == []
    assert client.get("/v1/accounts/acme/ledger").json["items"] == []


def test_another_key_is_another_adjustment(client: Client) -> None:
    with_acme(client)
    for key in ("wire-4711", "wire-4712"):
        client.post(ADJUSTMENTS, WIRE, idempotency_key=key)
    assert balance(client) == "1000.000000"


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "schlüssel"])
def test_a_key_is_visible_ascii(client: Client, key: str) -> None:
    answer = with_acme(client).post(ADJUSTMENTS, WIRE, idempotency_key=key)
    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0"),
        ("amount", "0.00"),
        ("amount", "-0"),
        ("amount", "1000000000.01"),
        ("amount", "+5"),
        ("amount", 5),
        ("reason", ""),
        ("reason", "r" * 501),
        ("reason", "two\nlines"),
        ("by", ""),
        ("currency", "USD"),
    ],
)
def test_an_adjustment_with_a_broken_field_moves_nothing(client: Client, field: str, value: object) -> None:
    answer = with_acme(client).post(ADJUSTMENTS, {**WIRE, field: value}, idempotency_key="key-1")
    assert (answer.status, answer.fields) == (422, [field])
    assert balance(client) == "0.000000"


def test_a_balance_of_exactly_zero_does_not_resume_a_paused_account(client: Client) -> None:
    with_acme(client).post(ADJUSTMENTS, {**WIRE, "amount": "-5"}, idempotency_key="key-1")
    assert client.get("/v1/accounts/acme/billing").json["status"] == "paused"
    client.post(ADJUSTMENTS, {**WIRE, "amount": "5"}, idempotency_key="key-2")
    assert client.get("/v1/accounts/acme/billing").json["status"] == "paused"
    client.post(ADJUSTMENTS, {**WIRE, "amount": "0.000001"}, idempotency_key="key-3")
    assert client.get("/v1/accounts/acme/billing").json["status"] == "active"


def test_a_grant_is_promotional_credit(client: Client) -> None:
    answer = with_acme(client).post(GRANTS, WELCOME, idempotency_key="welcome")
    assert (answer.status, answer.json["kind"], answer.json["by"]) == (201, "credit_grant", None)
    assert answer.json["postings"] == [
        {"account": "expense:promotion", "amount": dollars("-10.000000")},
        {"account": "liability:promotional_credit", "amount": dollars("10.000000")},
    ]
    overview = client.get("/v1/accounts/acme/billing").json
    assert (overview["paid_credit"], overview["promotional_credit"]) == (dollars("0.000000"), dollars("10.000000"))
    assert history(client) == []


def test_a_grant_repeated_after_it_expired_is_still_the_same_grant(client: Client) -> None:
    first = with_acme(client).post(GRANTS, WELCOME, idempotency_key="welcome")
    again = client.at(datetime(2027, 3, 1, tzinfo=UTC)).post(GRANTS, WELCOME, idempotency_key="welcome")
    assert (again.status, again.json) == (201, first.json)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "0"),
        ("amount", "-1"),
        ("expires_at", "2026-11-23T12:00:00Z"),
        ("expires_at", "2027-01-31"),
        ("expires_at", "2027-01-31T00:00:00"),
        ("expires_at", 1800000000),
        ("reason", " "),
        ("by", "ops"),
    ],
)
def test_a_grant_with_a_broken_field_gives_nothing(client: Client, field: str, value: object) -> None:
    answer = with_acme(client).post(GRANTS, {**WELCOME, field: value}, idempotency_key="key-1")
    assert (answer.status, answer.fields) == (422, [field])
    assert balance(client) == "0.000000"


def test_an_account_has_at_most_eight_grants_and_expired_ones_make_room(client: Client, database: Database) -> None:
    with_acme(client)
    for number in range(8):
        assert client.post(GRANTS, WELCOME, idempotency_key=f"key-{number}").status == 201
    assert client.post(GRANTS, WELCOME, idempotency_key="key-8").code == "too_many_grants"
    later = client.at(datetime(2027, 2, 1, tzinfo=UTC))
    longer = {**WELCOME, "expires_at": "2027-12-31T00:00:00Z"}
    assert later.post(GRANTS, longer, idempotency_key="key-9").status == 201
    assert later.get("/v1/accounts/acme/billing").json["balance"]["amount"] == "10.000000"
    assert_books_balance(World(database))


def test_racing_requests_with_one_key_give_credit_once(client: Client, database: Database) -> None:
    with_acme(client)

    def post(_: int) -> Answer:
        return client.post(ADJUSTMENTS, WIRE, idempotency_key="wire-4711")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(8)))
    given = [answer.json for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} <= {201, 503}
    assert given
    assert all(entry == given[0] for entry in given)
    assert balance(client) == "500.000000"
    assert_books_balance(World(database))


def test_racing_adjustments_all_count(client: Client, database: Database) -> None:
    with_acme(client)

    def post(number: int) -> int:
        for _ in range(20):
            answer = client.post(ADJUSTMENTS, {**WIRE, "amount": "1"}, idempotency_key=f"key-{number}")
            if answer.status != 503:
                return answer.status
        return 503

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, range(24))) == [201] * 24
    assert balance(client) == "24.000000"
    assert_books_balance(World(database))
