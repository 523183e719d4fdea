"""Subscriptions over HTTP: what is asked, what is answered, and every refusal by its code."""

from datetime import timedelta
from typing import Any

import pytest

from billing.store.plans import Plans
from tests.api_client import ACME, FREE, STARTER, Client, Line, client_over
from tests.builders import NOW, call
from tests.paying_account import Paying

PATH = "/v1/accounts/acme/subscription"
USD_0 = {"amount": "0.000000", "currency": "USD"}


@pytest.fixture
def client(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = client_over(paying.database, Line(), monkeypatch, paying.gateway)
    for plan_id, plan in (("starter", STARTER), ("free", FREE)):
        assert client.put(f"/v1/plans/{plan_id}", plan).status == 200
    assert client.put("/v1/workspaces/42", {"account_id": ACME["account_id"]}).status == 200
    return client


@pytest.fixture
def with_card(client: Client, paying: Paying) -> Client:
    paying.add_card()
    return client


def subscribe(client: Client, **quantities: str) -> Any:
    return client.put(PATH, {"plan_id": "starter", "quantities": quantities})


def subscription(client: Client) -> Any:
    return client.get("/v1/accounts/acme/billing").json["subscription"]


def test_a_change_and_its_preview_answer_the_contract_s_shape(with_card: Client) -> None:
    body = {"plan_id": "starter", "quantities": {"phone_number": "2"}}
    previewed = with_card.post(f"{PATH}/preview", body)
    changed = with_card.put(PATH, body)
    period = {"period_start": "2026-11-23T12:00:00.000Z", "period_end": "2026-12-23T12:00:00.000Z"}
    assert previewed.status == changed.status == 200
    assert previewed.json == changed.json
    assert changed.json == {
        "due_now": {"amount": "51.000000", "currency": "USD"},
        "lines": [
            {"description": "Starter", "quantity": "1", "amount": {"amount": "49.000000", "currency": "USD"}, **period},
            {
                "description": "Phone numbers",
                "quantity": "1",
                "amount": {"amount": "2.000000", "currency": "USD"},
                **period,
            },
        ],
        "next_renewal": {"at": "2026-12-23T12:00:00.000Z", "amount": {"amount": "51.000000", "currency": "USD"}},
    }


def test_a_preview_needs_no_card_and_changes_nothing(client: Client) -> None:
    assert client.post(f"{PATH}/preview", {"plan_id": "starter"}).status == 200
    assert subscription(client) is None
    assert subscribe(client).code == "card_required"


def test_a_decline_is_a_402_in_the_customer_s_words(with_card: Client, paying: Paying) -> None:
    paying.behave("insufficient_funds")
    answer = subscribe(with_card)
    assert (answer.status, answer.code) == (402, "card_declined")
    assert "insufficient funds" in answer.json["detail"]
    assert subscription(with_card) is None


def test_no_answer_of_stripe_is_a_503_and_the_same_request_goes_on(with_card: Client, paying: Paying) -> None:
    paying.fault("/v1/payment_intents", "timeout_after")
    pending = subscribe(with_card)
    assert (pending.status, pending.code) == (503, "payment_pending")
    assert subscribe(with_card).status == 200
    assert with_card.get("/v1/accounts/acme/transactions").json["items"][0]["status"] == "Paid"


def test_less_of_a_rented_feature_is_shown_as_scheduled(with_card: Client) -> None:
    subscribe(with_card, phone_number="3")
    assert subscribe(with_card, phone_number="2").json["due_now"] == USD_0
    shown = subscription(with_card)
    assert shown["quantities"]["phone_number"] == "3"
    assert shown["scheduled"] == {
        "plan_id": "starter",
        "version": 1,
        "quantities": {"phone_number": "2", "call_concurrency": "5"},
    }


def test_canceling_answers_the_subscription_and_a_put_undoes_it(with_card: Client) -> None:
    subscribe(with_card)
    canceled = with_card.delete(PATH)
    assert (canceled.status, canceled.json["cancel_at_period_end"], canceled.json["status"]) == (200, True, "active")
    assert with_card.delete(PATH).json == canceled.json
    subscribe(with_card)
    assert subscription(with_card)["cancel_at_period_end"] is False


def test_there_is_nothing_to_cancel_or_to_reset_without_a_subscription(client: Client) -> None:
    body = {"reason": "goodwill", "by": "ops@example.com"}
    for answer in (client.delete(PATH), client.post(f"{PATH}/usage-reset", body)):
        assert (answer.status, answer.code) == (404, "no_subscription")


def test_a_usage_reset_is_done_once_for_its_key_and_shown_in_the_ledger(with_card: Client, paying: Paying) -> None:
    subscribe(with_card)
    paying.store.settle(call(seconds="90"))
    body = {"reason": "goodwill", "by": "ops@example.com"}
    first = with_card.post(f"{PATH}/usage-reset", body, idempotency_key="k1")
    again = with_card.post(f"{PATH}/usage-reset", body, idempotency_key="k1")
    assert (first.status, first.json) == (201, again.json)
    assert first.json["description"] == "goodwill (counted before, in metered units: call_minutes 90)"
    other = with_card.post(f"{PATH}/usage-reset", {**body, "reason": "other"}, idempotency_key="k1")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    assert with_card.get("/v1/accounts/acme/billing").json["allowances"][0]["used"] == "0"
    assert with_card.get("/v1/accounts/acme/ledger").json["items"][0]["kind"] == "usage_reset"


def test_resetting_the_usage_is_the_administrator_s(with_card: Client) -> None:
    subscribe(with_card)
    body = {"reason": "goodwill", "by": "ops@example.com"}
    answer = with_card.with_key("billing:write", "acme").post(f"{PATH}/usage-reset", body)
    assert (answer.status, answer.code) == (403, "insufficient_scope")


@pytest.mark.parametrize("version", ["1", 0, -1, 1.5, True])
def test_a_version_is_a_positive_whole_number(client: Client, version: object) -> None:
    answer = client.put(PATH, {"plan_id": "starter", "version": version})
    assert (answer.status, answer.fields) == (422, ["version"])


def test_a_version_that_does_not_exist_is_refused_by_its_field(client: Client) -> None:
    answer = client.put(PATH, {"plan_id": "starter", "version": 7})
    assert (answer.status, answer.code, answer.fields) == (404, "plan_not_found", ["version"])


def test_a_past_due_subscription_shows_its_next_try_and_includes_nothing(with_card: Client, paying: Paying) -> None:
    subscribe(with_card)
    paying.behave("insufficient_funds")
    renewal = NOW.replace(month=12)
    later = with_card.at(renewal + timedelta(minutes=1))
    assert subscribe(later, phone_number="2").code == "subscription_past_due"
    overview = later.get("/v1/accounts/acme/billing").json
    assert overview["subscription"]["status"] == "past_due"
    assert overview["subscription"]["next_payment_attempt_at"] == "2026-12-24T12:01:00.000Z"
    assert (overview["allowances"][0]["included"], overview["allowances"][0]["remaining"]) == ("0", "0")


def test_an_account_is_moved_to_a_new_version_by_name_only(with_card: Client, paying: Paying) -> None:
    subscribe(with_card)
    with_card.put("/v1/plans/starter", {**STARTER, "base_price": "59.00"})
    assert subscribe(with_card).json["due_now"] == USD_0
    current = Plans(paying.database).current("starter")
    assert current is not None
    moved = with_card.put(PATH, {"plan_id": "starter", "version": current.version})
    assert moved.json["due_now"]["amount"] == "10.000000"
