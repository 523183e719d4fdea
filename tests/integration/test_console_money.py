"""What a customer pays in the console: nothing that the page before did not say, with its amount, and nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.builders import NOW
from tests.paying_account import Paying
from tests.visitor import query_of, visitor_of

CARDS = "/console/payment-methods"


def payments(paying: Paying) -> list[tuple[str, str, int]]:
    return [(each.kind, each.status, each.amount_micros) for each in paying.history]


def test_credit_is_bought_with_what_the_page_before_has_said(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    page = visitor.get("/console/add-credit")
    assert "Your balance is USD 0.00." in page.text
    checked = visitor.press(page, "Continue", other="50.00")
    assert "You pay USD 50.00 with Visa •••• 4242. Your balance becomes USD 50.00." in checked.text
    assert paying.wallet.balance_micros == 0
    paid = visitor.press(checked, "Pay USD 50.00")
    assert "USD 50.00 is paid. Your balance is USD 50.00." in paid.text
    assert payments(paying) == [("top_up", "Paid", 50_000_000)]


def test_two_clicks_on_pay_are_one_payment(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other="50")
    form = checked.form("Pay")
    with ThreadPoolExecutor(4) as pool:
        clicks = pool.map(lambda _: visitor.send("POST", "/console/add-credit", form.fields), range(4))
        ways = {click.location for click in clicks}
    assert len({way.partition("?")[0] for way in ways}) == 1
    # Somebody who goes back, and presses the button once more, pays nothing either.
    assert visitor.press(checked, "Pay").status == 200
    assert payments(paying) == [("top_up", "Paid", 50_000_000)]
    assert len(paying.read("payment_intents")) == 2  # the card's hold, and the payment
    # Who opens the page again means another payment.
    visitor.press(visitor.press(visitor.get("/console/add-credit"), "Continue", other="50"), "Pay")
    assert payments(paying) == [("top_up", "Paid", 50_000_000)] * 2


def test_a_declined_card_says_why_and_keeps_what_was_typed(paying: Paying) -> None:
    paying.add_card()
    paying.add_card("pm_card_mastercard", key="page-2")
    visitor = visitor_of(paying)
    failing = paying.cards[1]
    paying.behave("card_declined", failing)
    page = visitor.get("/console/add-credit")
    checked = visitor.press(page, "Continue", other="70.50", card=failing.payment_method_id)
    declined = visitor.press(checked, "Pay USD 70.50")
    assert declined.status == 422
    assert declined.title.startswith("Error: Add credit")
    assert "Your bank declined the card without a reason." in declined.text
    form = declined.form("Continue")
    assert (form.fields["other"], form.fields["card"]) == ("70.50", failing.payment_method_id)
    assert paying.wallet.balance_micros == 0
    again = visitor.press(declined, "Continue", card=paying.cards[0].payment_method_id)
    assert "USD 70.50 is paid." in visitor.press(again, "Pay").text


@pytest.mark.parametrize("typed", ["", "abc", "0", "0.49", "-5", "10000.01", "1e3", "10,50", "50 EUR", "9" * 30])
def test_an_amount_that_cannot_be_bought_is_told_with_its_bounds(paying: Paying, typed: str) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    card = paying.cards[0].payment_method_id
    refused = visitor.send("GET", f"/console/add-credit/check?other={typed or 'x'}&card={card}")
    assert refused.status == 422
    assert "Enter an amount from USD 0.50 to USD 10,000.00." in refused.text
    assert refused.form("Continue").fields["other"] == (typed or "x")
    assert 'aria-invalid="true"' in refused.html
    assert 'href="#other"' in refused.html


@pytest.mark.parametrize("typed", ["50", "50.00", "USD 50", "50 usd", "٥٠", "٥٠٫٠٠", " 50 "])
def test_an_amount_is_read_as_people_type_it(paying: Paying, typed: str) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other=typed)
    assert "You pay USD 50.00" in checked.text


def test_what_was_typed_is_shown_as_text_whatever_it_is(paying: Paying) -> None:
    visitor = visitor_of(paying)
    refused = visitor.press(visitor.get("/console/add-credit"), "Continue", other='"><script>alert(1)</script>')
    assert "<script" not in refused.html
    assert refused.form("Continue").fields["other"] == '"><script>alert(1)</script>'


def test_another_card_is_charged_on_the_page_and_the_way_back_shows_what_was_paid(paying: Paying) -> None:
    visitor = visitor_of(paying)
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other="25", card="new")
    assert "You pay USD 25.00 on the payment page." in checked.text
    left = visitor.press(checked, "To the payment page")
    assert (left.status, left.location.startswith(paying.stripe.url)) == (303, True)
    (bought,) = paying.history
    waiting = visitor.get(f"/console/history/{bought.transaction_id}")
    assert "The payment was started and is not completed. Nothing was charged." in waiting.text
    assert left.location in waiting.html
    canceled = visitor.get(f"/console/history/{bought.transaction_id}?returned=")
    assert "is not completed" in canceled.text
    paying.pay_page(bought)
    back = visitor.get(f"/console/history/{bought.transaction_id}?returned={bought.session_id}")
    assert "USD 25.00 is paid. Your balance is USD 25.00." in back.text
    assert "returned" not in back.html
    paying.tell_all()
    assert payments(paying) == [("top_up", "Paid", 25_000_000)]


def test_the_way_back_of_another_page_tells_nothing(paying: Paying) -> None:
    visitor = visitor_of(paying)
    visitor.press(
        visitor.press(visitor.get("/console/add-credit"), "Continue", other="25", card="new"), "To the payment page"
    )
    (bought,) = paying.history
    assert visitor.get(f"/console/history/{bought.transaction_id}?returned=cs_test_other").status == 404


def test_a_page_that_expired_was_not_completed(paying: Paying) -> None:
    visitor = visitor_of(paying)
    visitor.press(
        visitor.press(visitor.get("/console/add-credit"), "Continue", other="25", card="new"), "To the payment page"
    )
    (bought,) = paying.history
    later = NOW + timedelta(hours=24)
    shown = visitor_of(paying, now=later).get(f"/console/history/{bought.transaction_id}")
    assert "Not completed. Nothing was charged." in shown.text
    assert "Continue the payment" not in shown.text
    assert "amount=25.00" in shown.html


def test_a_bank_that_wants_the_customer_is_led_to_on_the_page(paying: Paying) -> None:
    paying.add_card()
    paying.behave("authentication_required")
    visitor = visitor_of(paying)
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other="25")
    left = visitor.press(checked, "Pay USD 25.00")
    assert left.location.startswith(paying.stripe.url)


def test_no_answer_of_stripe_s_charges_nothing_twice(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other="25")
    paying.fault("/v1/payment_intents", "timeout_after")
    waiting = visitor.press(checked, "Pay")
    assert "Nothing is charged twice." in waiting.text
    paid = visitor.press(checked, "Pay")
    assert paid.status == 200
    assert payments(paying) == [("top_up", "Paid", 25_000_000)]


# ---- payment methods


def test_a_card_is_added_on_the_page_and_shown_on_the_way_back(paying: Paying) -> None:
    visitor = visitor_of(paying)
    empty = visitor.get(CARDS)
    assert "No card yet. Add one to buy credit" in empty.text
    left = visitor.press(empty, "Add a card")
    session_id = left.location.rpartition("/")[2]
    paying.stripe.control(f"checkout/sessions/{session_id}/complete", {"card": "pm_card_visa"})
    back = visitor.get(f"{CARDS}?returned={session_id}")
    assert "Visa •••• 4242 is verified and is your default card." in back.text
    assert query_of(back.path) == {}
    # The next look says it no more.
    assert "is verified and is your default card" not in visitor.get(CARDS).text
    assert [card.verification for card in paying.cards] == ["verified"]


def test_who_adds_no_card_is_told_so(paying: Paying) -> None:
    visitor = visitor_of(paying)
    visitor.press(visitor.get(CARDS), "Add a card")
    assert "No card was added." in visitor.get(f"{CARDS}?returned=").text
    assert paying.cards == []


def test_a_card_that_is_declined_is_told_with_the_reason_and_dismissed(paying: Paying) -> None:
    visitor = visitor_of(paying)
    left = visitor.press(visitor.get(CARDS), "Add a card")
    session_id = left.location.rpartition("/")[2]
    paying.stripe.control(f"checkout/sessions/{session_id}/complete", {"card": "pm_card_chargeCustomerFail"})
    back = visitor.get(f"{CARDS}?returned={session_id}")
    assert "was not kept. Your bank declined the card without a reason." in back.text
    assert "Not kept" in back.text
    (card,) = paying.cards
    removed = visitor.press(visitor.get(f"{CARDS}/{card.payment_method_id}/remove"), "Remove")
    assert "No card yet." in removed.text


def test_the_way_back_of_another_account_s_page_adds_nothing(paying: Paying) -> None:
    other = Paying(paying.database, paying.stripe, "globex")
    other.open(email="b@globex.example")
    session_id = other.enter_card()
    assert visitor_of(paying).get(f"{CARDS}?returned={session_id}").status == 404
    assert other.cards == []


def test_another_default_card_is_chosen_after_a_page_that_says_what_it_means(paying: Paying) -> None:
    paying.add_card()
    paying.add_card("pm_card_mastercard", key="page-2")
    visitor = visitor_of(paying)
    other = paying.cards[1]
    checked = visitor.get(f"{CARDS}/{other.payment_method_id}/default")
    assert "Renewals and Auto-Refill use Mastercard •••• 4444 from now on. Nothing is charged now." in checked.text
    done = visitor.press(checked, "Make default")
    assert "Mastercard •••• 4444 is your default card." in done.text
    default = paying.wallet.default_card
    assert default is not None
    assert default.payment_method_id == other.payment_method_id


def test_the_default_card_is_removed_only_as_the_last_one(paying: Paying) -> None:
    paying.add_card()
    paying.add_card("pm_card_mastercard", key="page-2")
    paying.auto_refill()
    visitor = visitor_of(paying)
    visa, mastercard = paying.cards
    refused = visitor.get(f"{CARDS}/{visa.payment_method_id}/remove")
    assert "This is the default card. Make another card the default first." in refused.text
    assert "was removed" in visitor.press(visitor.get(f"{CARDS}/{mastercard.payment_method_id}/remove"), "Remove").text
    checked = visitor.get(f"{CARDS}/{visa.payment_method_id}/remove")
    assert "Auto-Refill is switched off with it." in checked.text
    assert "Visa •••• 4242 was removed, and Auto-Refill is switched off." in visitor.press(checked, "Remove").text
    assert paying.cards == []


# ---- auto-refill


def test_auto_refill_below_the_threshold_asks_before_it_charges(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    asked = visitor.press(visitor.get("/console"), "Save", threshold="20", amount="100", limit="500", enabled="on")
    assert asked.path == "/console/auto-refill/check"
    assert "Saving charges USD 100.00 to Visa •••• 4242 now, since the balance is below USD 20.00." in asked.text
    assert paying.wallet.refill is None
    saved = visitor.press(asked, "Save and pay USD 100.00")
    assert "Auto-Refill is on. The payment is being made" in saved.text
    assert payments(paying) == [("auto_refill", "Processing", 100_000_000)]
    paying.charge_pending()
    assert "This month: USD 100.00 of at most USD 500.00." in visitor.get("/console").text


def test_what_saving_charges_is_asked_again_where_it_would_be_more(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    asked = visitor.press(visitor.get("/console"), "Save", threshold="20", amount="100", limit="", enabled="on")
    paying.store.adjust("-150", "chargeback", account_id="acme")
    again = visitor.press(asked, "Save and pay USD 100.00")
    assert "Saving charges USD 200.00" in again.text
    assert payments(paying) == []


def test_auto_refill_above_the_threshold_is_saved_at_once_and_switched_off_with_its_numbers(paying: Paying) -> None:
    paying.store.adjust("30", "opening", account_id="acme")
    paying.add_card()
    visitor = visitor_of(paying)
    on = visitor.press(visitor.get("/console"), "Save", threshold="20", amount="100", limit="", enabled="on")
    assert "Auto-Refill is on." in on.text
    off = visitor.press(on, "Save", enabled="off")
    assert "Auto-Refill is off. Your numbers are kept." in off.text
    fields = off.form("Save").fields
    assert (fields["threshold"], fields["amount"], fields["enabled"]) == ("20.00", "100.00", "off")


@pytest.mark.parametrize(
    ("typed", "says", "field"),
    [
        ({"threshold": "0"}, "Enter an amount above zero, and up to USD 10,000.00.", "threshold"),
        ({"threshold": "twenty"}, "Enter an amount above zero", "threshold"),
        ({"amount": "0.10"}, "Enter an amount from USD 0.50 to USD 10,000.00.", "amount"),
        ({"limit": "50"}, "The monthly limit must be at least the amount.", "limit"),
        ({"limit": "much"}, "The monthly limit must be at least the amount.", "limit"),
    ],
)
def test_settings_that_make_no_sense_are_told_at_their_field(
    paying: Paying, typed: dict[str, str], says: str, field: str
) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    good = {"threshold": "20", "amount": "100", "limit": "", "enabled": "on"}
    refused = visitor.press(visitor.get("/console"), "Save", **{**good, **typed})
    assert refused.status == 422
    assert refused.text.count(says) == 2  # in the summary, and at the field
    assert f'href="#{field}"' in refused.html
    assert refused.form("Save").fields[field] == typed[field]
    assert paying.wallet.refill is None


def test_auto_refill_needs_a_card_and_says_so(paying: Paying) -> None:
    visitor = visitor_of(paying)
    refused = visitor.press(visitor.get("/console"), "Save", threshold="20", amount="100", limit="", enabled="on")
    assert "Auto-Refill needs a default card: add one first." in refused.text
    assert paying.wallet.refill is None


def test_buying_credit_never_touches_auto_refill(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying)
    visitor.press(visitor.press(visitor.get("/console/add-credit"), "Continue", other="50"), "Pay")
    assert paying.wallet.refill is None
    assert "Off" in visitor.get("/console").text


# ---- what the pages say


def test_paused_says_how_much_resumes_it(paying: Paying) -> None:
    paying.store.adjust("-1.25", "a call", account_id="acme")
    visitor = visitor_of(paying)
    for address in ("/console", CARDS, "/console/history"):
        assert (
            "Calls are paused The balance is USD -1.25, so new calls are refused. Add at least USD 1.26 to resume them."
            in visitor.get(address).text
        )
    checked = visitor.press(visitor.get("/console/add-credit"), "Continue", other="1.00", card="new")
    assert "That is not enough to resume calls." in checked.text


def test_a_balance_of_a_thousandth_below_zero_does_not_read_zero(paying: Paying) -> None:
    paying.store.adjust("-0.001", "a call", account_id="acme")
    assert "USD -0.001" in visitor_of(paying).get("/console").text


def test_names_in_any_script_and_with_markup_are_shown_as_they_are(paying: Paying) -> None:
    visitor = visitor_of(paying)
    shown = visitor.get("/console")
    assert paying.store.accounts.get("acme").name in shown.text  # type: ignore[union-attr]


def test_the_history_shows_each_payment_newest_first_with_its_receipt_and_goes_on(paying: Paying) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    for number in range(22):
        paying.top_up("5", card=card, transaction_id=f"tx_{number:024}", now=NOW + timedelta(seconds=number))
    visitor = visitor_of(paying, now=NOW + timedelta(minutes=1))
    first = visitor.get("/console/history")
    assert first.html.count("USD 5.00") == 20
    assert first.html.index("tx_000000000000000000000021") < first.html.index("tx_000000000000000000000020")
    start = first.html.index("/console/history?cursor=")
    older = visitor.get(first.html[start : first.html.index('"', start)].replace("&amp;", "&"))
    assert older.html.count("USD 5.00") == 2
    assert "Older" not in older.text
    assert "Newest" in older.text
    assert visitor.get("/console/history?cursor=nonsense").status == 400


def test_a_filter_leaves_what_it_says_and_is_kept_on_the_way_to_older_ones(paying: Paying) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    paying.top_up("7", transaction_id=f"tx_{99:024}")
    for number in range(21):
        paying.top_up("5", card=card, transaction_id=f"tx_{number:024}", now=NOW + timedelta(seconds=1 + number))
    visitor = visitor_of(paying, now=NOW + timedelta(minutes=1))
    page = visitor.get("/console/history?status=Paid&kind=top_up&from=2026-11-23&to=2026-11-23")
    assert page.html.count("USD 5.00") == 20
    assert "USD 7.00" not in page.text
    start = page.html.index("/console/history?status=Paid")
    older = visitor.get(page.html[start : page.html.index('"', start)].replace("&amp;", "&"))
    assert older.html.count("USD 5.00") == 1
    assert 'value="Paid" selected' in older.html
    assert "Nothing matches the filter." in visitor.get("/console/history?to=2026-11-22").text
    assert "Nothing matches the filter." in visitor.get("/console/history?kind=renewal").text
    assert "Remove the filter" in visitor.get("/console/history?kind=renewal").text


@pytest.mark.parametrize("day", ["x", "2026-02-30", "23.11.2026", "0", "99999-01-01"])
def test_a_day_that_is_none_is_told_at_its_field(paying: Paying, day: str) -> None:
    refused = visitor_of(paying).get(f"/console/history?from={day}")
    assert refused.status == 422
    assert "Enter a date, such as 2026-11-23." in refused.text
    assert refused.form("Filter").fields["from"] == day


def test_the_last_day_of_all_breaks_nothing(paying: Paying) -> None:
    assert visitor_of(paying).get("/console/history?from=0001-01-01&to=9999-12-31").status == 200
