"""Cards, top-ups, auto-refill and the billing history over the JSON API."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import NOW
from tests.paying_account import Paying

ACCOUNT = "/v1/accounts/acme"


@pytest.fixture
def client(paying: Paying) -> Client:
    """A platform whose account `acme` is on the plan `free`, with a minimum top-up of 10.00."""
    return with_acme(client_over(paying.database, Line(), paying.gateway))


def with_card(paying: Paying) -> str:
    paying.add_card()
    return paying.cards[0].payment_method_id


def top_up(client: Client, amount: str = "50.00", **body: Any) -> Any:
    key = body.pop("key", "key-1")
    return client.post(f"{ACCOUNT}/top-ups", {"amount": amount, **body}, idempotency_key=key)


def test_a_card_is_added_on_a_page_and_then_listed(client: Client, paying: Paying) -> None:
    answer = client.post(f"{ACCOUNT}/payment-methods", {})
    assert answer.status == 201
    assert answer.json["url"].startswith(paying.stripe.url)
    with_card(paying)
    (card,) = client.get(f"{ACCOUNT}/payment-methods").json["items"]
    assert (card["brand"], card["last4"], card["verification"], card["is_default"]) == (
        "visa",
        "4242",
        "verified",
        True,
    )
    default = client.get(f"{ACCOUNT}/billing").json["default_payment_method"]
    assert default["payment_method_id"] == card["payment_method_id"]


def test_cards_are_listed_page_by_page(client: Client, paying: Paying) -> None:
    for number, card in enumerate(["pm_card_visa", "pm_card_mastercard", "pm_card_amex"]):
        paying.add_card(card, key=f"page-{number}", now=NOW + timedelta(seconds=number))
    first = client.get(f"{ACCOUNT}/payment-methods?limit=2").json
    rest = client.get(f"{ACCOUNT}/payment-methods?limit=2&cursor={first['next_cursor']}").json
    assert [card["brand"] for card in first["items"]] == ["visa", "mastercard"]
    assert [card["brand"] for card in rest["items"]] == ["amex"]
    assert rest["next_cursor"] is None


def test_a_card_that_was_not_kept_is_listed_with_its_reason(client: Client, paying: Paying) -> None:
    paying.add_card("pm_card_chargeCustomerFail")
    (card,) = client.get(f"{ACCOUNT}/payment-methods").json["items"]
    assert card["verification"] == "failed"
    assert card["failure"]["code"] == "card_declined"
    refused = top_up(client, payment_method=card["payment_method_id"])
    assert (refused.status, refused.code) == (409, "card_not_verified")


def test_a_hosted_top_up_answers_a_page(client: Client) -> None:
    answer = top_up(client)
    assert answer.status == 201
    assert answer.json["status"] == "Checkout"
    assert answer.json["url"]
    assert top_up(client).json == answer.json


def test_a_saved_card_top_up_answers_paid_and_the_same_key_again_is_the_same_payment(
    client: Client, paying: Paying
) -> None:
    card = with_card(paying)
    answer = top_up(client, payment_method=card)
    assert (answer.status, answer.json["status"]) == (201, "Paid")
    assert top_up(client, payment_method=card).json == answer.json
    assert client.get(f"{ACCOUNT}/billing").json["balance"]["amount"] == "50.000000"
    other = top_up(client, "60.00", payment_method=card)
    assert (other.status, other.code) == (409, "idempotency_key_reused")


def test_a_decline_is_a_402_that_a_person_can_read(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    paying.behave("insufficient_funds")
    answer = top_up(client, payment_method=card)
    assert (answer.status, answer.code) == (402, "card_declined")
    assert answer.json["failure"]["code"] == "insufficient_funds"
    assert "insufficient funds" in answer.json["detail"]


def test_a_bank_that_demands_the_customer_is_a_402_with_the_page_to_go_to(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    paying.behave("authentication_required")
    answer = top_up(client, payment_method=card)
    assert (answer.status, answer.code) == (402, "authentication_required")
    transaction = client.get(f"{ACCOUNT}/transactions/{answer.json['transaction_id']}").json
    assert (transaction["status"], transaction["url"]) == ("Checkout", answer.json["url"])


def test_no_answer_from_stripe_is_processing_for_a_charge_and_a_503_for_a_page(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    paying.fault("/v1/payment_intents", "timeout_before")
    assert top_up(client, payment_method=card).json["status"] == "Processing"
    paying.fault("/v1/checkout/sessions", "timeout_before")
    unavailable = top_up(client, key="key-2")
    assert (unavailable.status, unavailable.code) == (503, "payments_unavailable")
    assert top_up(client, key="key-2").json["url"]


@pytest.mark.parametrize(
    ("amount", "says"), [("9.99", "at least 10 USD"), ("10000.01", "at most 10000 USD"), ("-1", "negative")]
)
def test_an_amount_out_of_bounds_is_a_422_that_names_the_field(client: Client, amount: str, says: str) -> None:
    answer = top_up(client, amount)
    assert (answer.status, answer.fields) == (422, ["amount"])
    assert says in answer.json["detail"]


def test_auto_refill_needs_a_card_a_threshold_and_an_amount(client: Client, paying: Paying) -> None:
    refill = f"{ACCOUNT}/auto-refill"
    wanted = {"enabled": True, "threshold": "20.00", "amount": "100.00", "monthly_limit": "500.00"}
    refused = client.put(refill, wanted)
    assert (refused.status, refused.code) == (402, "card_required")
    assert client.put(refill, {"enabled": True}).status == 422
    with_card(paying)
    low = client.put(refill, wanted | {"monthly_limit": "99.00"})
    assert (low.status, low.fields) == (422, ["monthly_limit"])
    for threshold in ("0.00", "10000.01"):
        bound = client.put(refill, wanted | {"threshold": threshold})
        assert (bound.status, bound.fields) == (422, ["threshold"])
    for amount in ("9.99", "10000.01"):
        bound = client.put(refill, wanted | {"amount": amount, "monthly_limit": "20000.00"})
        assert (bound.status, bound.fields) == (422, ["amount"])
    assert client.put(refill, wanted).json["status"] == "pending"
    off = client.put(refill, {"enabled": False}).json
    assert (off["enabled"], off["amount"]["amount"]) == (False, "100.000000")


def test_a_refill_that_reached_the_months_limit_says_when_it_goes_on_and_what_to_do(
    client: Client, paying: Paying
) -> None:
    with_card(paying)
    limited = {"enabled": True, "threshold": "20.00", "amount": "100.00", "monthly_limit": "100.00"}
    client.put(f"{ACCOUNT}/auto-refill", limited)
    paying.charge_pending()
    adjustment = {"amount": "-90.00", "reason": "correction", "by": "ops@example.com"}
    assert client.post(f"{ACCOUNT}/adjustments", adjustment, idempotency_key="key-1").status == 201
    assert client.get(f"{ACCOUNT}/billing").json["auto_refill"]["status"] == "ready", "an adjustment starts none"
    replace(client, now=NOW + timedelta(minutes=1)).put(f"{ACCOUNT}/auto-refill", limited)
    state = client.get(f"{ACCOUNT}/billing").json["auto_refill"]
    assert (state["status"], state["next_attempt_at"]) == ("limit_reached", "2026-12-01T00:00:00.000Z")
    assert "goes on at 1 Dec 2026, 00:00 UTC" in state["message"]
    assert "Raise the monthly limit or top up by hand" in state["message"]


def test_a_refill_that_waits_after_a_decline_has_nothing_to_advise(client: Client, paying: Paying) -> None:
    with_card(paying)
    paying.behave("insufficient_funds")
    client.put(f"{ACCOUNT}/auto-refill", {"enabled": True, "threshold": "20.00", "amount": "100.00"})
    paying.charge_pending()
    state = client.get(f"{ACCOUNT}/billing").json["auto_refill"]
    assert (state["status"], state["message"]) == ("waiting", None)


def test_a_suspended_refill_says_why_and_what_to_do(client: Client, paying: Paying) -> None:
    with_card(paying)
    paying.behave("lost_card")
    client.put(f"{ACCOUNT}/auto-refill", {"enabled": True, "threshold": "20.00", "amount": "100.00"})
    paying.charge_pending()
    state = client.get(f"{ACCOUNT}/billing").json["auto_refill"]
    assert (state["status"], state["suspended_reason"]) == ("suspended", "lost_card")
    assert "change the default card" in state["message"]
    assert "lost" not in state["last_failure"]["message"]


def test_the_history_is_newest_first_in_pages_and_filtered(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    for day in range(5):
        paying.top_up("10", card=card, transaction_id=f"tx_{day}", now=NOW + timedelta(days=day))
    paying.top_up("20", transaction_id="tx_open", now=NOW + timedelta(days=5))
    first = client.get(f"{ACCOUNT}/transactions?limit=4").json
    rest = client.get(f"{ACCOUNT}/transactions?limit=4&cursor={first['next_cursor']}").json
    ids = [each["transaction_id"] for each in first["items"] + rest["items"]]
    assert ids == ["tx_open", "tx_4", "tx_3", "tx_2", "tx_1", "tx_0"]
    assert rest["next_cursor"] is None

    def found(query: str) -> list[str]:
        return [each["transaction_id"] for each in client.get(f"{ACCOUNT}/transactions?{query}").json["items"]]

    assert found("status=Checkout") == ["tx_open"]
    assert found("kind=auto_refill") == []
    assert found("from=2026-11-24&to=2026-11-25") == ["tx_2", "tx_1"]
    assert found("status=Paid&to=2026-11-23") == ["tx_0"]
    assert client.get(f"{ACCOUNT}/transactions?from=2026-11-25&to=2026-11-20").status == 422
    assert client.get(f"{ACCOUNT}/transactions?status=paid").status == 422


def test_a_refund_is_an_administrators(client: Client, paying: Paying) -> None:
    paid = top_up(client, payment_method=with_card(paying)).json["transaction_id"]
    path = f"{ACCOUNT}/transactions/{paid}/refunds"
    assert client.with_key("billing:write").post(path, {}).status == 403
    part = client.post(path, {"amount": "20.00"}, idempotency_key="r1")
    assert (part.status, part.json["refunded"]["amount"]) == (201, "20.000000")
    assert client.post(path, {"amount": "20.00"}, idempotency_key="r1").json == part.json
    assert client.post(path, {"amount": "30.01"}, idempotency_key="r2").fields == ["amount"]
    assert client.post(path, idempotency_key="r3").json["refunded"]["amount"] == "50.000000"
    assert client.post(path, idempotency_key="r4").code == "not_refundable"


def test_another_account_sees_and_touches_nothing(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    paid = top_up(client, payment_method=card).json["transaction_id"]
    client.post("/v1/accounts", {"account_id": "globex", "name": "G", "email": "g@g.example", "currency": "USD"})
    globex = client.with_key("billing:read billing:write", "globex")
    assert globex.get(f"{ACCOUNT}/transactions").status == 404
    assert globex.get(f"/v1/accounts/globex/transactions/{paid}").code == "transaction_not_found"
    assert globex.delete(f"/v1/accounts/globex/payment-methods/{card}").code == "payment_method_not_found"
    stolen = globex.post(
        "/v1/accounts/globex/top-ups", {"amount": "50.00", "payment_method": card}, idempotency_key="key-1"
    )
    assert stolen.code == "payment_method_not_found"


def test_the_default_card_is_chosen_and_the_last_one_removed(client: Client, paying: Paying) -> None:
    visa = with_card(paying)
    paying.add_card("pm_card_mastercard", key="page-2")
    mastercard = paying.cards[1].payment_method_id
    cards = f"{ACCOUNT}/payment-methods"
    refused = client.delete(f"{cards}/{visa}")
    assert (refused.status, refused.code) == (409, "card_is_default")
    assert client.send("PATCH", f"{cards}/{mastercard}", {"default": True}).json["is_default"]
    assert client.send("PATCH", f"{cards}/{mastercard}", {"default": False}).status == 422
    assert client.delete(f"{cards}/{visa}").status == 200
    client.put(f"{ACCOUNT}/auto-refill", {"enabled": True, "threshold": "0.01", "amount": "100.00"})
    assert client.delete(f"{cards}/{mastercard}").json["auto_refill_switched_off"]
    assert not client.get(f"{ACCOUNT}/billing").json["auto_refill"]["enabled"]


@pytest.mark.parametrize("refund", [{"amount": "20.00"}, None])
def test_a_refund_without_a_key_is_refused_and_stripe_is_not_asked(
    client: Client, paying: Paying, refund: dict[str, str] | None
) -> None:
    paid = top_up(client, payment_method=with_card(paying)).json["transaction_id"]
    refused = client.post(f"{ACCOUNT}/transactions/{paid}/refunds", refund)
    assert (refused.status, refused.code, refused.fields) == (400, "idempotency_key_required", ["Idempotency-Key"])
    assert [each["metadata"] for each in paying.read("refunds") if each["metadata"]] == []
    assert client.get(f"{ACCOUNT}/transactions/{paid}").json["refunds"] == []


def test_a_top_up_with_a_saved_card_and_without_a_key_is_refused_and_nothing_is_charged(
    client: Client, paying: Paying
) -> None:
    body = {"amount": "50.00", "payment_method": with_card(paying)}
    refused = client.post(f"{ACCOUNT}/top-ups", body)
    assert (refused.status, refused.code, refused.fields) == (400, "idempotency_key_required", ["Idempotency-Key"])
    assert client.get(f"{ACCOUNT}/transactions").json["items"] == []
    assert [each["status"] for each in paying.read("payment_intents")] == ["canceled"], "the hold of the card alone"


def test_a_top_up_on_a_page_needs_no_key_and_is_another_one_each_time(client: Client) -> None:
    first, second = (client.post(f"{ACCOUNT}/top-ups", {"amount": "50.00"}) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json["transaction_id"] != second.json["transaction_id"]


def test_an_administrator_lifts_the_hold_of_a_dispute(client: Client, paying: Paying) -> None:
    card = with_card(paying)
    transaction_id = top_up(client, payment_method=card).json["transaction_id"]
    client.put(f"{ACCOUNT}/auto-refill", {"enabled": True, "threshold": "1.00", "amount": "20.00"})
    intent = paying.transaction(transaction_id).payment_intent_id
    paying.stripe.control("disputes", {"payment_intent": intent})
    paying.tell_all()
    assert client.get(f"{ACCOUNT}/billing").json["auto_refill"]["status"] == "suspended"
    lifted = {"reason": "客户撤回", "by": "ops@example.com"}
    for _ in range(2):
        answer = client.send("DELETE", f"{ACCOUNT}/dispute-hold", lifted)
        assert (answer.status, answer.json["status"]) == (200, "active")
    assert client.get(f"{ACCOUNT}/billing").json["auto_refill"]["status"] != "suspended"
    (trail,) = [each for each in client.get(f"{ACCOUNT}/ledger").json["items"] if each["kind"] == "dispute_hold"]
    assert (trail["description"], trail["amount"]["amount"]) == ("客户撤回", "0.000000")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reason": "x"}, 422, "invalid_value"),
        (None, 400, "malformed_json"),
        ({"reason": "", "by": "ops"}, 422, "invalid_value"),
    ],
)
def test_who_lifts_a_hold_says_why_and_who_they_are(
    client: Client, body: dict[str, str] | None, status: int, code: str
) -> None:
    answer = client.send("DELETE", f"{ACCOUNT}/dispute-hold", body)
    assert (answer.status, answer.json["code"]) == (status, code)
    lifted = {"reason": "x", "by": "ops"}
    assert client.send("DELETE", "/v1/accounts/nobody/dispute-hold", lifted).json["code"] == "account_not_found"
    assert client.with_key("billing:write", "acme").send("DELETE", f"{ACCOUNT}/dispute-hold", lifted).status == 403
