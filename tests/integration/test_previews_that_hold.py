"""A change that names what its preview said costs that, or is refused with what it would cost now."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.renewal_order import RenewalOrder
from billing.services.renew_subscription import renew_subscription
from tests.api_client import ACME, STARTER, Answer, Client, Line, client_over
from tests.builders import NOW
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance

PATH = "/v1/accounts/acme/subscription"
MID = NOW + timedelta(days=15)
"""Half of the thirty days of the first month."""
WANTED = {"plan_id": "starter", "quantities": {"phone_number": "51"}}


@pytest.fixture
def with_card(paying: Paying) -> Client:
    client = client_over(paying.database, Line(), paying.gateway)
    assert client.put("/v1/plans/starter", STARTER).status == 200
    assert client.put("/v1/workspaces/42", {"account_id": ACME["account_id"]}).status == 200
    paying.add_card()
    return client


@pytest.fixture
def acme(with_card: Client) -> Client:
    """On starter since NOW: 49.00 a month, one number included, each further one 2.00."""
    assert with_card.put(PATH, {"plan_id": "starter"}).status == 200
    return with_card


def put_plan_with(client: Client, plan_id: str, *, price: str, minutes: str) -> Answer:
    calls = {**STARTER["usage_features"][0], "included": minutes, "unit_price": "0.60"}
    plan = {**STARTER, "base_price": price, "usage_features": [calls, *STARTER["usage_features"][1:]]}
    return client.put(f"/v1/plans/{plan_id}", plan)


def preview(client: Client, now: datetime = MID, body: dict[str, Any] = WANTED) -> dict[str, Any]:
    answer = client.at(now).post(f"{PATH}/preview", body)
    assert answer.status == 200, answer.text
    said: dict[str, Any] = answer.json
    return said


def put(client: Client, said: dict[str, Any], now: datetime, body: dict[str, Any] = WANTED, **more: Any) -> Answer:
    promised = {"as_of": said["as_of"], "due_now": said["due_now"]["amount"], **more}
    return client.at(now).put(PATH, {**body, **promised})


def test_what_was_previewed_is_charged_though_time_has_passed(acme: Client, paying: Paying) -> None:
    said = preview(acme)
    assert said["due_now"]["amount"] == "50.000000"
    later = MID + timedelta(seconds=600)
    assert preview(acme, later)["due_now"] != said["due_now"]
    changed = put(acme, said, later)
    assert changed.status == 200
    assert changed.json == said
    assert paying.history[0].amount_micros == 50_000_000
    assert_books_balance(paying.store)


def test_the_price_may_be_named_as_the_preview_answered_it(acme: Client) -> None:
    said = preview(acme)
    assert put(acme, said, MID, due_now=said["due_now"]).json == said
    other = preview(acme, body={**WANTED, "quantities": {"phone_number": "4"}})
    in_euros = {**other["due_now"], "currency": "EUR"}
    refused = put(acme, other, MID, {**WANTED, "quantities": {"phone_number": "4"}}, due_now=in_euros)
    assert refused.code == "price_changed"


def test_new_terms_hold_from_the_second_in_which_they_were_asked_for_and_not_from_the_preview_s(
    acme: Client, paying: Paying
) -> None:
    said = preview(acme)
    put(acme, said, MID + timedelta(seconds=300))
    subscription = paying.wallet.require_subscription()
    assert subscription.changed_at == MID + timedelta(seconds=300)
    assert paying.history[0].lines[0].period_start == MID


def test_a_subscription_that_was_changed_meanwhile_is_refused_with_the_new_preview(
    acme: Client, paying: Paying
) -> None:
    said = preview(acme)
    another = {"plan_id": "starter", "quantities": {"phone_number": "2"}}
    assert acme.at(MID + timedelta(seconds=2)).put(PATH, another).status == 200
    charges = len(paying.read("payment_intents"))
    now = MID + timedelta(seconds=4)
    refused = put(acme, said, now)
    assert (refused.status, refused.code) == (409, "price_changed")
    assert refused.json["preview"] == preview(acme, now)
    assert len(paying.read("payment_intents")) == charges
    assert put(acme, refused.json["preview"], now).status == 200


def test_the_same_price_of_other_terms_is_refused_all_the_same(acme: Client) -> None:
    """Somebody else's change costs nothing now, so the price alone would not tell."""
    put_plan_with(acme, "cheap", price="10.00", minutes="10")
    said = preview(acme)
    assert acme.at(MID + timedelta(seconds=2)).put(PATH, {"plan_id": "cheap"}).status == 200
    refused = put(acme, said, MID + timedelta(seconds=4))
    assert (refused.code, refused.json["preview"]["due_now"]) == ("price_changed", said["due_now"])


def test_a_new_version_of_the_plan_is_refused_unless_the_version_was_named(acme: Client) -> None:
    put_plan_with(acme, "pro", price="99.00", minutes="900")
    body = {"plan_id": "pro"}
    said = preview(acme, MID, body)
    named = preview(acme, MID, {**body, "version": 1})
    second = put_plan_with(acme.at(MID + timedelta(seconds=2)), "pro", price="99.00", minutes="901")
    assert second.json["version"] == 2
    refused = put(acme, said, MID + timedelta(seconds=4), body)
    assert refused.code == "price_changed"
    assert refused.json["preview"]["plan"] == {"plan_id": "pro", "version": 2}
    assert put(acme, named, MID + timedelta(seconds=5), {**body, "version": 1}).status == 200


def test_a_month_that_was_renewed_meanwhile_is_refused(acme: Client, paying: Paying) -> None:
    renewal = paying.wallet.require_subscription().period.end
    said = preview(acme, renewal - timedelta(seconds=60))
    refused = put(acme, said, renewal + timedelta(seconds=60))
    assert refused.code == "price_changed"
    assert refused.json["preview"]["next_renewal"]["at"] > said["next_renewal"]["at"]


def test_a_month_whose_renewal_was_run_ahead_of_its_time_keeps_its_previews(acme: Client, paying: Paying) -> None:
    """As an operator or a test runs a sweep as of a later moment: the clock has not come there yet."""
    renewal = paying.wallet.require_subscription().period.end
    order = RenewalOrder("acme", None, renewal)
    assert renew_subscription(paying.store, paying.gateway, order, MID) == "paid"
    said = preview(acme, MID)
    assert put(acme, said, MID + timedelta(seconds=5)).status == 200


def test_a_price_that_never_was_is_refused(acme: Client, paying: Paying) -> None:
    said = preview(acme)
    before = len(paying.history)
    assert put(acme, said, MID, due_now="1.99").code == "price_changed"
    assert len(paying.history) == before


def test_the_same_request_once_more_changes_nothing_and_charges_nothing(acme: Client, paying: Paying) -> None:
    said = preview(acme)
    assert put(acme, said, MID).status == 200
    again = put(acme, said, MID + timedelta(seconds=5))
    assert (again.status, again.json["due_now"]["amount"]) == (200, "0.000000")
    assert len(paying.history) == 2


def test_a_lost_answer_is_asked_for_again_at_the_promised_price(acme: Client, paying: Paying) -> None:
    said = preview(acme)
    paying.fault("/v1/payment_intents", "timeout_after")
    assert put(acme, said, MID).code == "payment_pending"
    assert put(acme, said, MID + timedelta(seconds=30)).status == 200
    assert [each.amount_micros for each in paying.history] == [50_000_000, 49_000_000]


def test_a_new_subscription_costs_what_was_previewed_and_runs_from_now(with_card: Client, paying: Paying) -> None:
    said = preview(with_card, MID)
    now = MID + timedelta(seconds=90)
    assert put(with_card, said, now).status == 200
    assert paying.wallet.require_subscription().period.start == now


def test_a_preview_and_its_change_in_the_second_of_the_subscription_hold(with_card: Client) -> None:
    assert with_card.put(PATH, {"plan_id": "starter"}).status == 200
    said = preview(with_card, NOW + timedelta(milliseconds=300))
    assert put(with_card, said, NOW + timedelta(milliseconds=600)).status == 200


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"as_of": "2026-12-08T12:00:01Z", "due_now": "2.00"}, "as_of"),  # ahead of the clock
        ({"as_of": "2026-12-08T11:49:59Z", "due_now": "2.00"}, "as_of"),  # 601 seconds old
        ({"as_of": "2026-12-08T11:59:59.500Z", "due_now": "2.00"}, "as_of"),
        ({"as_of": "2026-12-08T12:00:00Z"}, None),
        ({"due_now": "2.00"}, None),
        ({"as_of": "yesterday", "due_now": "2.00"}, "as_of"),
        ({"as_of": "2026-12-08T12:00:00Z", "due_now": 2}, "due_now"),
    ],
)
@pytest.mark.parametrize("method", ["put", "preview"])
def test_a_promise_that_cannot_be_one_is_refused(acme: Client, given: Any, field: str | None, method: str) -> None:
    client = acme.at(MID)
    body = {**WANTED, **given}
    answer = client.put(PATH, body) if method == "put" else client.post(f"{PATH}/preview", body)
    assert (answer.status, answer.code) == (422, "invalid_value")
    if field is not None:
        assert {each.partition(".")[0] for each in answer.fields} == {field}


def test_what_is_included_is_shown_of_both_plans(acme: Client) -> None:
    put_plan_with(acme, "pro", price="99.00", minutes="900")
    shown = {each["feature"]: each for each in preview(acme, MID, {"plan_id": "pro"})["included"]}
    assert shown["call_minutes"] == {"feature": "call_minutes", "now": "500", "after": "900"}
    put_plan_with(acme, "cheap", price="1.00", minutes="1")
    later = {each["feature"]: each for each in preview(acme, MID, {"plan_id": "cheap"})["included"]}
    assert later["call_minutes"]["after"] == "500", "less comes with the next renewal"
