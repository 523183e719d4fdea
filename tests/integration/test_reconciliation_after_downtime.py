"""Nothing that happened at Stripe is forgotten: after hours, days or weeks without a webhook or a run, all is here."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.stripe_event import StripeEvent
from billing.payments.event_types import HANDLED_EVENTS
from billing.services.take_late_events import OVERLAP
from billing.store.database import Database
from billing.store.stripe_inbox import StripeEventItem, StripeInbox
from tests.builders import NOW, micros
from tests.paying_account import WRONG_KEY, Paying, WithTheWrongKey
from tests.platform_of_one import assert_books_balance

MINUTE = timedelta(minutes=1)
UNTIL_HEARD = 5
"""Runs, five minutes apart."""


@pytest.fixture
def busy(paying: Paying) -> Paying:
    """With two cards and five payments, one of them a debit on its way, and two pages. All of it is known, and read."""
    paying.add_card()
    paying.add_card("pm_card_mastercard", key="page-2")
    card = paying.cards[0].payment_method_id
    for name in ("refunded", "returned", "disputed", "won"):
        paying.top_up("50", card=card, transaction_id=f"tx_{name}")
    paying.pay_page(paying.top_up("50", transaction_id="tx_debit"), "us_bank_account")
    paying.pay_page(paying.top_up("50", transaction_id="tx_bounced"), "us_bank_account")
    paying.top_up("50", transaction_id="tx_page")
    paying.refund("tx_returned", "10")
    paying.tell_all()
    runs(paying, NOW + 5 * MINUTE, 1)
    return paying


def runs(paying: Paying, begin: datetime, number: int) -> datetime:
    for each in range(number):
        now = begin + each * 5 * MINUTE
        paying.stripe.control("clock", {"now": int(now.timestamp())})
        assert paying.reconcile(now).stuck == 0
    return now


def intent(paying: Paying, name: str) -> str:
    return paying.transaction(f"tx_{name}").payment_intent_id or ""


def meanwhile(paying: Paying) -> None:
    """Every kind of change that is made at Stripe."""
    stripe = paying.stripe
    paying.gateway.refund(intent(paying, "refunded"), 2000, "in the Dashboard")
    stripe.control(f"refunds/{paying.transaction('tx_returned').refunds[0].refund_id}/fail")
    stripe.control("disputes", {"payment_intent": intent(paying, "disputed")})
    won = stripe.control("disputes", {"payment_intent": intent(paying, "won")})["id"]
    stripe.control(f"disputes/{won}/close", {"status": "won"})
    stripe.control(f"payment_intents/{intent(paying, 'debit')}/settle", {"succeed": True})
    stripe.control(f"payment_intents/{intent(paying, 'bounced')}/settle", {"succeed": False})
    stripe.control(f"payment_methods/{paying.cards[0].payment_method_id}", {"exp_month": 5, "exp_year": 2033})


def a_new_card(paying: Paying, now: datetime) -> None:
    paying.enter_card("pm_card_amex", key="page-3", now=now)


def assert_all_is_here(paying: Paying) -> None:
    said = {each.transaction_id.removeprefix("tx_"): each for each in paying.history}
    assert {name: each.status for name, each in said.items()} == {
        "refunded": "Paid",
        "returned": "Paid",
        "disputed": "Paid",
        "won": "Paid",
        "debit": "Paid",
        "bounced": "Failed",
        "page": "Paid",
    }
    assert said["refunded"].refunded_micros == micros("20")
    assert said["returned"].refunded_micros == 0
    assert (said["disputed"].dispute_status, said["won"].dispute_status) == ("opened", "won")
    # Six were paid; of one 20 were refunded, and another one is disputed.
    assert paying.wallet.balance_micros == micros("300") - micros("20") - micros("50")
    assert {card.brand: card.verification for card in paying.cards} == dict.fromkeys(
        ("visa", "mastercard", "amex"), "verified"
    )
    assert paying.cards[0].exp_year == 2033
    assert [hold.card_fingerprint for hold in paying.wallet.holds] == [paying.cards[0].fingerprint]
    assert_books_balance(paying.store)


@pytest.mark.parametrize("down", [timedelta(hours=3), timedelta(days=3), timedelta(days=29)], ids=["3h", "3d", "29d"])
@pytest.mark.parametrize("happened", ["early", "late"])
def test_all_that_was_done_at_stripe_meanwhile_is_here_after_it(busy: Paying, down: timedelta, happened: str) -> None:
    begin = NOW + 10 * MINUTE
    up = begin + down
    moment = begin if happened == "early" else up - 10 * MINUTE
    busy.stripe.control("clock", {"now": int(begin.timestamp())})
    busy.pay_page(busy.transaction("tx_page"))
    busy.stripe.control("clock", {"now": int(moment.timestamp())})
    meanwhile(busy)
    a_new_card(busy, moment)
    runs(busy, up, UNTIL_HEARD)
    assert_all_is_here(busy)
    before = busy.wallet
    runs(busy, up + 30 * MINUTE, 2)
    assert busy.wallet.sequence == before.sequence


def test_after_31_days_it_says_what_it_cannot_know_and_what_is_open_is_known_all_the_same(
    busy: Paying, caplog: pytest.LogCaptureFixture
) -> None:
    begin, up = NOW + 10 * MINUTE, NOW + timedelta(days=31)
    busy.stripe.control("clock", {"now": int(begin.timestamp())})
    busy.pay_page(busy.transaction("tx_page"))
    meanwhile(busy)
    busy.stripe.control("clock", {"now": int(up.timestamp())})
    first = busy.reconcile(up)
    assert first.out_of_reach
    assert first.counts["EventsOutOfReach"] == 1
    (told,) = [record for record in caplog.records if "out of reach" in record.message]
    assert told.__dict__["since"] < told.__dict__["until"]
    runs(busy, up + 5 * MINUTE, UNTIL_HEARD)
    statuses = {each.transaction_id: each.status for each in busy.history}
    assert (statuses["tx_debit"], statuses["tx_bounced"], statuses["tx_page"]) == ("Paid", "Failed", "Paid")
    assert not busy.reconcile(up + 60 * MINUTE).out_of_reach, "it goes on from here"


def test_a_key_of_another_account_moves_no_bookmark(busy: Paying) -> None:
    moment = NOW + 10 * MINUTE
    busy.stripe.control("keys", {"key": WRONG_KEY, "kind": "other_account"})
    busy.stripe.control("clock", {"now": int(moment.timestamp())})
    busy.gateway.refund(intent(busy, "refunded"), 2000, "in the Dashboard")
    wrong = WithTheWrongKey(busy.database, busy.stripe)
    before = busy.store.reconciliation.bookmark()
    for minutes in (20, 100, 300):
        assert wrong.reconcile(NOW + minutes * MINUTE).stuck > 0
    assert busy.store.reconciliation.bookmark() == before
    runs(busy, NOW + 400 * MINUTE, 1)
    assert busy.transaction("tx_refunded").refunded_micros == micros("20")


def test_an_event_that_stripe_has_forgotten_since_proves_nothing_and_stops_nothing(busy: Paying) -> None:
    """The newest event is 35 days old, and nothing has happened since: no key is suspected for that."""
    for days in range(1, 40, 3):
        now = NOW + timedelta(days=days)
        busy.stripe.control("clock", {"now": int(now.timestamp())})
        assert busy.reconcile(now).stuck == 0
    bookmark = busy.store.reconciliation.bookmark()
    assert bookmark is not None
    assert bookmark.event_at is not None
    assert bookmark.event_at < NOW + timedelta(days=4)
    assert bookmark.read_to > NOW + timedelta(days=36)


def undone(database: Database) -> list[Any]:
    return [event for page in StripeInbox(database).undone(NOW + timedelta(days=400)) for event in page]


def test_an_event_that_the_queue_lost_is_swept_once_the_queue_has_had_its_time(paying: Paying) -> None:
    """The webhook took it in, and its message ended in the dead-letter queue, or was never sent."""
    paying.pay_page(paying.top_up("50"))
    told = [each for each in paying.events if each["type"] in HANDLED_EVENTS]
    for event in told:
        paying.store.stripe_inbox.take(StripeEvent(event["id"], event["type"], event["data"]["object"]["id"]), NOW)
    early = paying.reconcile(NOW + 10 * MINUTE)
    assert (early.late_events, early.swept, paying.wallet.balance_micros) == (0, 0, 0)
    assert paying.reconcile(NOW + 16 * MINUTE).swept == len(told) == 2
    assert (undone(paying.database), paying.wallet.balance_micros) == ([], micros("50"))


def test_an_undone_row_of_an_earlier_release_is_found_by_the_list(paying: Paying) -> None:
    page = paying.top_up("50")
    paying.pay_page(page)
    (event,) = [each for each in paying.events if each["type"] == "payment_intent.succeeded"]
    paying.database.client.put_item(
        TableName=StripeEventItem.Meta.table_name,
        Item={
            "event_id": {"S": event["id"]},
            "type": {"S": event["type"]},
            "object_id": {"S": event["data"]["object"]["id"]},
            "received_at": {"S": "2026-11-23T12:00:00.000Z"},
            "done": {"BOOL": False},
            "forget_at": {"N": "1799107200"},
        },
    )
    paying.reconcile(NOW + OVERLAP)
    assert paying.wallet.balance_micros == micros("50")
    assert undone(paying.database) == []
