"""Buying credit by hand: on Stripe's page, with a saved card, and whatever goes wrong in between."""

from datetime import timedelta

import pytest

from billing.domain.errors import IdempotencyKeyReused, InvalidValue
from billing.services.cards import CardNotFound
from billing.words.decline_texts import why_not_paid
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance


def test_a_hosted_top_up_is_checkout_until_the_page_is_paid_and_then_exactly_that_credit(paying: Paying) -> None:
    started = paying.top_up("50")
    assert started.status == "Checkout"
    assert started.url is not None
    assert paying.wallet.balance_micros == 0
    paying.pay_page(started)
    paying.tell("checkout.session.completed", started.session_id or "")
    assert paying.transaction().status == "Paid"
    assert paying.transaction().card is not None
    assert paying.wallet.balance_micros == micros("50")
    assert_books_balance(paying.store)


def test_a_saved_card_pays_at_once(paying: Paying) -> None:
    paying.add_card()
    paid = paying.top_up("50", card=paying.cards[0].payment_method_id)
    assert (paid.status, paid.paid_at) == ("Paid", NOW)
    assert paying.wallet.balance_micros == micros("50")
    (entry,) = paying.store.entries()
    assert (entry.cause, entry.kind) == ("payment:tx_1", "payment")


def test_a_charge_reads_its_transaction_once_before_it_and_not_again(paying: Paying) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    read: list[str] = []
    paying.database.client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: read.append(params["TableName"])
    )
    assert paying.top_up("50", card=card).status == "Paid"
    assert read.count("transactions") == 1
    assert read.count("wallets") == 2, "one for the amount's bounds, one to decide on"


def test_a_declined_card_fails_with_a_reason_in_plain_words(paying: Paying) -> None:
    paying.add_card()
    paying.behave("insufficient_funds")
    failed = paying.top_up("50", card=paying.cards[0].payment_method_id)
    assert failed.status == "Failed"
    assert failed.failure is not None
    assert failed.failure.code == "insufficient_funds"
    assert "insufficient funds" in why_not_paid(failed.failure)
    assert paying.wallet.balance_micros == 0


def test_a_stolen_card_is_not_called_stolen_to_the_person_at_the_screen(paying: Paying) -> None:
    paying.add_card()
    paying.behave("stolen_card")
    failed = paying.top_up("50", card=paying.cards[0].payment_method_id)
    assert failed.failure is not None
    assert failed.failure.code == "stolen_card"
    assert "stolen" not in why_not_paid(failed.failure)


def test_where_the_bank_demands_the_customer_he_gets_a_page_and_pays_once(paying: Paying) -> None:
    paying.add_card()
    paying.behave("authentication_required")
    asked = paying.top_up("50", card=paying.cards[0].payment_method_id)
    assert asked.status == "Checkout"
    assert asked.url is not None
    paying.behave("succeed")
    paying.pay_page(asked, "pm_card_mastercard")
    paying.tell_all()
    assert paying.transaction().status == "Paid"
    assert paying.wallet.balance_micros == micros("50")
    charges = [intent for intent in paying.read("payment_intents") if intent["metadata"].get("talktime_transaction")]
    assert sorted(intent["status"] for intent in charges) == ["canceled", "succeeded"]


@pytest.mark.parametrize(("write", "moment"), [(2, "after"), (3, "before"), (3, "after")])
def test_where_the_bank_demands_the_customer_and_the_charge_died_he_finds_a_page_within_minutes(
    paying: Paying, write: int, moment: str
) -> None:
    paying.add_card()
    paying.behave("authentication_required")
    KillSwitch(paying.database, write, moment=moment)
    with pytest.raises(Killed):
        paying.top_up("50", card=paying.cards[0].payment_method_id, return_url="https://way.example/back")
    paying.tell_all()
    for minutes in (6, 12):
        assert paying.reconcile(NOW + timedelta(minutes=minutes)).stuck == 0
    owed = paying.transaction()
    assert owed.status == "Checkout"
    assert owed.url is not None
    paying.pay_page(owed, "pm_card_mastercard")
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")


def test_a_decline_on_the_page_leaves_it_open_for_another_card(paying: Paying) -> None:
    started = paying.top_up("50")
    with pytest.raises(Exception, match="declined"):
        paying.pay_page(started, "pm_card_chargeDeclined")
    paying.tell_all()
    assert paying.transaction().status == "Checkout"
    paying.pay_page(started, "pm_card_visa")
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")


def test_an_expired_page_stays_checkout_for_ever(paying: Paying) -> None:
    started = paying.top_up("50")
    paying.stripe.control(f"checkout/sessions/{started.session_id}/expire")
    paying.reconcile(NOW + timedelta(hours=25))
    left = paying.transaction()
    assert (left.status, left.check_at, left.url) == ("Checkout", None, None)


def test_the_same_request_twice_is_one_charge(paying: Paying) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    first = paying.top_up("50", card=card)
    assert paying.top_up("50", card=card) == first
    assert paying.wallet.balance_micros == micros("50")
    with pytest.raises(IdempotencyKeyReused):
        paying.top_up("60", card=card)


def test_the_key_of_a_hosted_top_up_does_not_pass_for_another_way_back(paying: Paying) -> None:
    paying.top_up("50")
    with pytest.raises(IdempotencyKeyReused):
        paying.top_up("50", return_url="https://elsewhere.example/")


@pytest.mark.parametrize(("amount", "says"), [("0.49", "at least 0.5 USD"), ("10000.01", "at most 10000 USD")])
def test_an_amount_out_of_bounds_is_refused_with_the_bound(paying: Paying, amount: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        paying.top_up(amount)
    assert paying.history == []


def test_a_card_of_another_account_is_not_found(paying: Paying) -> None:
    other = Paying(paying.database, paying.stripe, "globex")
    other.open()
    other.add_card()
    with pytest.raises(CardNotFound):
        paying.top_up("50", card=other.cards[0].payment_method_id)


@pytest.mark.parametrize(
    ("currency", "amount", "minor_units", "credit"),
    [("JPY", "1000.5", 1001, "1001"), ("OMR", "1.2341", 1240, "1.240"), ("USD", "1.001", 101, "1.01")],
)
def test_a_card_pays_whole_minor_units_and_the_balance_gets_exactly_what_it_paid(
    paying: Paying, currency: str, amount: str, minor_units: int, credit: str
) -> None:
    other = Paying(paying.database, paying.stripe, "globex")
    other.open(currency=currency)
    other.add_card()
    other.top_up(amount, card=other.cards[0].payment_method_id)
    assert other.read("payment_intents")[0]["amount"] == minor_units
    assert other.wallet.balance_micros == micros(credit)
    assert_books_balance(other.store, "globex")


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after", "429"])
def test_without_an_answer_a_top_up_is_processing_and_ends_as_the_card_was_charged(paying: Paying, fault: str) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", fault)
    started = paying.top_up("50", card=paying.cards[0].payment_method_id)
    paying.reconcile(NOW + timedelta(minutes=6))
    paying.reconcile(NOW + timedelta(minutes=66))
    ended = paying.transaction()
    charged = [
        intent
        for intent in paying.read("payment_intents")
        if intent["metadata"].get("talktime_transaction") and intent["status"] == "succeeded"
    ]
    assert started.status == "Processing"
    assert len(charged) == (fault in {"timeout_after", "500_after"})
    assert ended.status == ("Paid" if charged else "Failed")
    assert paying.wallet.balance_micros == micros("50") * len(charged)
    assert_books_balance(paying.store)


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after"])
def test_a_customer_who_asks_again_after_no_answer_pays_once(paying: Paying, fault: str) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    paying.fault("/v1/payment_intents", fault)
    paying.top_up("50", card=card)
    assert paying.top_up("50", card=card, now=NOW + timedelta(minutes=10)).status == "Paid"
    assert paying.wallet.balance_micros == micros("50")
    assert sum(intent["status"] == "succeeded" for intent in paying.read("payment_intents")) == 1


def pay_at_stripe(paying: Paying, metadata: dict[str, str], currency: str = "usd") -> None:
    """A payment of 50.00 that Talktime did not ask for, and the webhook that tells of it."""
    paid = paying.make_intent(
        amount="5000",
        currency=currency,
        payment_method="pm_card_visa",
        confirm="true",
        off_session="true",
        **{f"metadata[{name}]": value for name, value in metadata.items()},
    )
    paying.tell("payment_intent.succeeded", paid)


def test_a_payment_in_another_currency_than_the_account_is_refused_and_reported(
    paying: Paying, caplog: pytest.LogCaptureFixture
) -> None:
    started = paying.top_up("50")
    metadata = {"talktime_account": "acme", "talktime_stage": "test", "talktime_transaction": started.transaction_id}
    pay_at_stripe(paying, metadata, currency="eur")
    assert paying.wallet.balance_micros == 0
    refused = paying.transaction()
    assert (refused.status, refused.failure and refused.failure.code) == ("Failed", "currency_mismatch")
    assert "money arrived that was not credited" in caplog.text


def test_payments_of_other_products_in_the_same_stripe_account_are_ignored(paying: Paying) -> None:
    pay_at_stripe(paying, {"order": "4711"})
    assert paying.history == []
    assert paying.wallet.balance_micros == 0


def test_a_payment_that_names_another_accounts_transaction_is_credited_to_nobody(
    paying: Paying, caplog: pytest.LogCaptureFixture
) -> None:
    started = paying.top_up("50")
    other = Paying(paying.database, paying.stripe, "globex")
    other.open()
    metadata = {"talktime_account": "globex", "talktime_stage": "test", "talktime_transaction": started.transaction_id}
    pay_at_stripe(paying, metadata)
    assert (paying.wallet.balance_micros, other.wallet.balance_micros) == (0, 0)
    assert "money arrived that was not credited" in caplog.text


def test_a_top_up_that_was_paid_twice_is_credited_once_and_reported(
    paying: Paying, caplog: pytest.LogCaptureFixture
) -> None:
    started = paying.top_up("50")
    paying.pay_page(started)
    paying.tell_all()
    assert "money arrived that was not credited" not in caplog.text
    metadata = {"talktime_account": "acme", "talktime_stage": "test", "talktime_transaction": started.transaction_id}
    pay_at_stripe(paying, metadata)
    assert paying.wallet.balance_micros == micros("50")
    assert "money arrived that was not credited" in caplog.text


def test_a_charge_that_stripe_has_not_heard_of_is_given_up_after_an_hour_and_not_before(paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", "timeout_before")
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    found = []
    for minutes in (6, 59, 64):
        paying.reconcile(NOW + timedelta(minutes=minutes))
        found.append(paying.transaction().status)
    assert found == ["Processing", "Processing", "Failed"]


def test_events_of_another_stage_are_ignored(paying: Paying) -> None:
    started = paying.top_up("50")
    metadata = {"talktime_account": "acme", "talktime_stage": "dev", "talktime_transaction": started.transaction_id}
    pay_at_stripe(paying, metadata)
    assert paying.transaction() == started
