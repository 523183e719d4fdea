"""The plan in the console: a change costs what its preview has shown, or is shown again; a renewal is paid by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import NOW
from tests.paying_account import Paying
from tests.subscriber import FREE, NUMBERS, PRO, RENEWAL, STARTER, Subscriber
from tests.unpaid_renewal import unpaid
from tests.visitor import Visitor, visitor_of

HERE = "/console/plan"
HALF = NOW + (RENEWAL - NOW) / 2


@pytest.fixture
def customer(paying: Paying) -> Subscriber:
    customer = Subscriber(paying)
    for each in (FREE, STARTER, PRO):
        paying.store.plans.add_version(replace(each, offered=True), NOW)
    return customer


def visiting(customer: Subscriber, now: object = HALF) -> Visitor:
    customer.at(now)  # type: ignore[arg-type]
    return visitor_of(customer.paying, now=now)  # type: ignore[arg-type]


def test_a_first_plan_is_chosen_and_paid(customer: Subscriber) -> None:
    customer.paying.add_card()
    visitor = visiting(customer, NOW)
    page = visitor.get(HERE)
    assert "Choose a plan" in page.text
    checked = visitor.press(page, "See what this plan costs", plan_id="starter")
    assert "USD 30.00 To pay now with Visa •••• 4242." in checked.text
    assert "From 23 Dec 2026: USD 30.00 a month" in checked.text
    assert customer.wallet.subscription is None
    done = visitor.press(checked, "Pay USD 30.00 and change")
    assert "USD 30.00 is paid, and the change is made." in done.text
    assert (customer.period.plan_id, customer.charges) == ("starter", [3000])


def test_what_the_preview_showed_is_what_the_card_is_charged_ten_minutes_later(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    checked = visitor.press(visitor.get(HERE), "See what this plan costs", plan_id="pro")
    assert "Pay USD 30.00 and change" in checked.text
    later = visitor.at(HALF + timedelta(minutes=10))
    customer.at(later.now)
    assert "USD 30.00 is paid" in later.press(checked, "Pay USD 30.00").text
    assert customer.charges == [3000, 3000]


def test_an_older_preview_is_shown_again_and_charges_nothing(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    checked = visitor.press(visitor.get(HERE), "See what this plan costs", plan_id="pro")
    late = visitor.at(HALF + timedelta(minutes=10, seconds=1))
    again = late.press(checked, "Pay USD 30.00")
    assert "The price or the plan has changed meanwhile. Nothing was charged" in again.text
    assert "Pay USD 29.99 and change" in again.text
    assert customer.charges == [3000]


def test_two_clicks_on_a_change_are_one_charge(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    checked = visitor.press(visitor.get(HERE), "See what this plan costs", plan_id="pro")
    visitor.press(checked, "Pay USD 30.00")
    visitor.press(checked, "Pay USD 30.00")
    assert customer.charges == [3000, 3000]


def test_a_number_is_rented_for_the_rest_of_the_month_and_given_back_at_its_end(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    units = {f"q.{NUMBERS.key}": "3"}
    checked = visitor.press(visitor.get(HERE), "See what this costs", plan_id="starter", **units)
    assert "Pay USD 3.00 and change" in checked.text
    visitor.press(checked, "Pay USD 3.00")
    assert customer.subscription.quantities == {NUMBERS.key: 3}
    fewer = visitor.get(f"{HERE}/preview?plan_id=starter&q.{NUMBERS.key}=1")
    assert "Nothing is charged now." in fewer.text
    assert "The change is made." in visitor.press(fewer, "Make this change").text
    assert "then 1" in visitor.get(HERE).text
    assert customer.charges == [3000, 300]


def test_what_is_there_already_is_no_change(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    same = visitor.get(f"{HERE}/preview?plan_id=starter&q.{NUMBERS.key}=1")
    assert (same.path, "This is what you have." in same.text) == (HERE, True)


@pytest.mark.parametrize("units", ["", "-1", "1.5", "x", "٣", "99999999"])
def test_units_that_are_no_number_are_told_at_their_field(customer: Subscriber, units: str) -> None:
    customer.subscribed()
    refused = visiting(customer).get(f"{HERE}/preview?plan_id=starter&q.{NUMBERS.key}={units}")
    assert refused.status == 422
    assert "Enter a whole number" in refused.text
    assert f'href="#q.{NUMBERS.key}"' in refused.html


def test_a_plan_that_is_not_on_offer_is_not_there(customer: Subscriber) -> None:
    customer.paying.store.plans.add_version(replace(PRO, plan_id="secret", name="Secret"), NOW)
    visitor = visiting(customer)
    assert "Secret" not in visitor.get(HERE).text
    for plan_id in ("secret", "nothing", "x" * 300):
        assert visitor.get(f"{HERE}/preview?plan_id={plan_id}").status == 422


def test_a_declined_change_changes_nothing_and_says_so(customer: Subscriber) -> None:
    customer.subscribed()
    customer.paying.behave("insufficient_funds")
    visitor = visiting(customer)
    checked = visitor.press(visitor.get(HERE), "See what this plan costs", plan_id="pro")
    refused = visitor.press(checked, "Pay USD 30.00")
    assert "The card was not charged, and nothing was changed." in refused.text
    assert customer.period.plan_id == "starter"


def test_without_a_card_the_preview_leads_to_one(customer: Subscriber) -> None:
    checked = visiting(customer, NOW).get(f"{HERE}/preview?plan_id=starter")
    assert "To pay now. Add a card first." in checked.text
    assert "Pay USD" not in checked.text


def test_canceling_can_be_undone_until_the_end(customer: Subscriber) -> None:
    customer.subscribed()
    visitor = visiting(customer)
    checked = visitor.get(f"{HERE}/cancel")
    assert "The subscription ends on 23 Dec 2026." in checked.text
    canceled = visitor.press(checked, "Cancel the subscription")
    assert "The subscription is canceled It ends on 23 Dec 2026." in canceled.text
    assert customer.wallet.is_ending
    kept = visitor.press(visitor.get(HERE), "Keep the subscription")
    assert "The subscription goes on." in kept.text
    assert [customer.wallet.is_ending] == [False]
    assert customer.charges == [3000]


def test_an_unpaid_renewal_is_paid_by_the_card_from_every_page(paying: Paying) -> None:
    customer = unpaid(Subscriber(paying).subscribed())
    now = RENEWAL + timedelta(hours=1)
    customer.paying.behave("succeed")
    visitor = visiting(customer, now)
    banner = visitor.get("/console/history")
    assert "The renewal is not paid USD 30.00 could not be charged to Visa •••• 4242." in banner.text
    assert "We try again on 24 Dec 2026." in banner.text
    assert 'href="/console/plan/pay"' in banner.html
    paid = visitor.press(visitor.get(f"{HERE}/pay"), "Pay USD 30.00 with Visa", way="card")
    assert "Paid" in paid.text
    assert customer.subscription.status == "active"
    assert "There is nothing to pay." in visitor.get(f"{HERE}/pay").text


def test_an_unpaid_renewal_is_paid_on_a_page(paying: Paying) -> None:
    customer = unpaid(Subscriber(paying).subscribed())
    visitor = visiting(customer, RENEWAL + timedelta(hours=1))
    left = visitor.press(visitor.get(f"{HERE}/pay"), "Another card")
    assert left.location.startswith(paying.stripe.url)
    session_id = left.location.rpartition("/")[2]
    paying.stripe.control(f"checkout/sessions/{session_id}/complete", {"card": "pm_card_mastercard"})
    assert visitor.get(f"{HERE}/pay?returned={session_id}").path == HERE
    assert customer.subscription.status == "active"
