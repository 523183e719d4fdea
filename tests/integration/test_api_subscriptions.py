"""Subscriptions over HTTP: what is asked, what is answered, and every refusal by its code."""

from datetime import timedelta
from typing import Any

import pytest

from billing.services.leases import CallLeases
from billing.store.plans import Plans
from tests.api_client import ACME, FREE, STARTER, Client, Line, client_over
from tests.builders import NOW, call
from tests.paying_account import Paying

PATH = "/v1/accounts/acme/subscription"
USD_0 = {"amount": "0.000000", "currency": "USD"}
MID = NOW + timedelta(days=15)
"""Half of the thirty days of the first month."""


@pytest.fixture
def client(paying: Paying) -> Client:
    client = client_over(paying.database, Line(), paying.gateway)
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
        "as_of": "2026-11-23T12:00:00.000Z",
        "plan": {"plan_id": "starter", "version": 1},
        "due_now": {"amount": "51.000000", "currency": "USD"},
        "included": [
            {"feature": "call_minutes", "now": "0", "after": "500"},
            {"feature": "voicemail_detection", "now": "0", "after": "0"},
        ],
        "lines": [
            {
                "code": "plan",
                "description": "Starter",
                "quantity": "1",
                "amount": {"amount": "49.000000", "currency": "USD"},
                **period,
            },
            {
                "code": "rental",
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


def test_no_answer_of_stripe_is_a_409_and_the_same_request_goes_on(with_card: Client, paying: Paying) -> None:
    paying.fault("/v1/payment_intents", "timeout_after")
    pending = subscribe(with_card)
    assert (pending.status, pending.code) == (409, "payment_pending")
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


def put_plan_with(client: Client, plan_id: str, *, price: str, minutes: str) -> None:
    calls = {**STARTER["usage_features"][0], "included": minutes, "unit_price": "0.60"}
    plan = {**STARTER, "base_price": price, "usage_features": [calls, *STARTER["usage_features"][1:]]}
    assert client.put(f"/v1/plans/{plan_id}", plan).status == 200


def move_to(client: Client, plan_id: str) -> None:
    assert client.put(PATH, {"plan_id": plan_id}).status == 200


def calls_and_balance(client: Client) -> tuple[str, str, str, str]:
    """Minutes included, used and remaining, and the balance."""
    overview = client.get("/v1/accounts/acme/billing").json
    calls = overview["allowances"][0]
    return calls["included"], calls["used"], calls["remaining"], overview["balance"]["amount"]


def test_an_upgrade_counts_what_was_drawn_of_the_old_allowance_and_not_what_was_bought_beyond_it(
    with_card: Client, paying: Paying
) -> None:
    put_plan_with(with_card, "ten", price="10.00", minutes="10")
    put_plan_with(with_card, "twenty", price="20.00", minutes="20")
    move_to(with_card, "ten")
    paying.store.settle(call("a", seconds="900"))
    assert calls_and_balance(with_card) == ("10", "15", "0", "-3.000000")
    move_to(with_card, "twenty")
    assert calls_and_balance(with_card) == ("20", "15", "10", "-3.000000")
    paying.store.settle(call("b", seconds="600"))
    assert calls_and_balance(with_card) == ("20", "25", "0", "-3.000000")
    paying.store.settle(call("c", seconds="60"))
    assert calls_and_balance(with_card) == ("20", "26", "0", "-3.600000")


def test_what_was_paid_as_you_go_leaves_the_first_allowance_whole(with_card: Client, paying: Paying) -> None:
    put_plan_with(with_card, "as-you-go", price="0", minutes="0")
    put_plan_with(with_card, "twenty", price="20.00", minutes="20")
    move_to(with_card, "as-you-go")
    paying.store.settle(call("a", seconds="1513"))
    assert calls_and_balance(with_card) == ("0", "25.216667", "0", "-15.130000")
    move_to(with_card, "twenty")
    assert calls_and_balance(with_card) == ("20", "25.216667", "20", "-15.130000")
    paying.store.settle(call("b", seconds="13"))
    assert calls_and_balance(with_card) == ("20", "25.433333", "19.783333", "-15.130000")


def test_canceling_answers_the_subscription_and_a_put_undoes_it(with_card: Client) -> None:
    subscribe(with_card)
    canceled = with_card.delete(PATH)
    assert (canceled.status, canceled.json["cancel_at_period_end"], canceled.json["status"]) == (200, True, "active")
    assert with_card.delete(PATH).json == canceled.json
    subscribe(with_card)
    assert subscription(with_card)["cancel_at_period_end"] is False


def test_the_plan_alone_undoes_a_cancellation_and_gives_nothing_back(with_card: Client) -> None:
    subscribe(with_card, phone_number="4", call_concurrency="7")
    subscribe(with_card, phone_number="3", call_concurrency="7")
    before = subscription(with_card)
    with_card.delete(PATH)
    undone = with_card.put(PATH, {"plan_id": "starter"})
    assert (undone.json["due_now"], undone.json["next_renewal"]["amount"]["amount"]) == (USD_0, "69.000000")
    assert subscription(with_card) == before
    assert before["quantities"] == {"phone_number": "4", "call_concurrency": "7"}


def test_the_plan_alone_keeps_a_version_that_is_to_come_and_named_quantities_keep_the_present_one(
    with_card: Client,
) -> None:
    subscribe(with_card)
    cheaper = with_card.put("/v1/plans/starter", {**STARTER, "base_price": "39.00"}).json["version"]
    with_card.put(PATH, {"plan_id": "starter", "version": cheaper})
    with_card.delete(PATH)
    with_card.put(PATH, {"plan_id": "starter"})
    assert subscription(with_card)["scheduled"]["version"] == cheaper
    subscribe(with_card)
    assert subscription(with_card)["scheduled"] is None


@pytest.mark.parametrize("quantities", [{}, {"quantities": None}, {"quantities": {"phone_number": "1"}}])
def test_an_upgrade_leaves_running_calls_and_the_next_ones_the_slots_that_are_rented(
    with_card: Client, paying: Paying, quantities: dict[str, object]
) -> None:
    with_card.put("/v1/plans/pro", {**STARTER, "name": "Pro", "base_price": "99.00"})
    subscribe(with_card, phone_number="3", call_concurrency="7")
    paying.store.adjust("5", "wire")
    later, leases = with_card.at(MID), CallLeases(paying.store)

    def hold(call_id: str) -> tuple[bool, int | None, int]:
        lease = leases.hold("42", call_id, ttl_seconds=900, bound_to=None, now=MID)
        return lease.new, lease.limit, lease.in_use

    for number in range(7):
        hold(f"c-{number}")
    previewed = later.post(f"{PATH}/preview", {"plan_id": "pro", **quantities}).json
    changed = later.put(PATH, {"plan_id": "pro", **quantities}).json
    assert previewed == changed
    assert changed["due_now"]["amount"] == "25.000000"
    assert later.get("/v1/accounts/acme/transactions").json["items"][0]["amount"] == changed["due_now"]
    assert hold("c-0") == (False, 7, 7)
    leases.give_back("42", "c-0", bound_to=None, now=MID)
    assert hold("c-7") == (True, 7, 7)
    shown = subscription(later)
    assert shown["quantities"] == {"phone_number": "3", "call_concurrency": "7"}
    if quantities.get("quantities") is None:
        assert (shown["scheduled"], changed["next_renewal"]["amount"]["amount"]) == (None, "119.000000")
    else:
        assert shown["scheduled"]["quantities"] == {"phone_number": "1", "call_concurrency": "5"}
        assert changed["next_renewal"]["amount"]["amount"] == "99.000000"


def test_units_that_another_plan_does_not_allow_are_refused_by_name(with_card: Client) -> None:
    features = [*STARTER["recurring_features"][:1], {**STARTER["recurring_features"][1], "maximum": "6"}]
    with_card.put("/v1/plans/pro", {**STARTER, "base_price": "99.00", "recurring_features": features})
    subscribe(with_card, call_concurrency="7")
    for answer in (with_card.put(PATH, {"plan_id": "pro"}), with_card.post(f"{PATH}/preview", {"plan_id": "pro"})):
        assert (answer.status, answer.fields) == (422, ["quantities.call_concurrency"])


def test_a_bank_that_wants_the_customer_is_a_402_of_its_own_without_a_page(with_card: Client, paying: Paying) -> None:
    paying.behave("authentication_required")
    answer = subscribe(with_card)
    assert (answer.status, answer.code, "url" in answer.json) == (402, "authentication_required", False)
    assert "Your bank wants you to confirm this payment yourself." in answer.json["detail"]
    assert subscription(with_card) is None


def test_more_than_a_card_is_charged_at_once_is_refused_as_quantities_and_leaves_no_row(with_card: Client) -> None:
    body = {"plan_id": "starter", "quantities": {"phone_number": "1000000"}}
    for answer in (with_card.post(f"{PATH}/preview", body), with_card.put(PATH, body)):
        assert (answer.status, answer.code, answer.fields) == (422, "invalid_value", ["quantities"])
    assert with_card.get("/v1/accounts/acme/transactions").json["items"] == []


def test_while_a_change_is_being_paid_no_other_one_is_priced(with_card: Client, paying: Paying) -> None:
    paying.fault("/v1/payment_intents", "timeout_after")
    subscribe(with_card)
    answer = with_card.post(f"{PATH}/preview", {"plan_id": "free"})
    assert (answer.status, answer.code) == (409, "change_pending")


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
