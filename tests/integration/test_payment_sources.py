"""The same payment told by the API's answer, the webhook, and reconciliation: in any order, twice, and all at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from billing.services.stripe_events import bring_up_to_date
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance

LATER = NOW + timedelta(minutes=6)


def succeeded(paying: Paying) -> list[Any]:
    return [intent for intent in paying.read("payment_intents") if intent["status"] == "succeeded"]


def tell_twice(paying: Paying, intent_id: str) -> None:
    for _ in range(2):
        paying.tell("payment_intent.succeeded", intent_id)


@pytest.mark.parametrize("order", list(permutations(["api", "webhook", "reconcile"])), ids="-".join)
def test_whichever_source_comes_first_a_payment_is_credited_once(paying: Paying, order: tuple[str, ...]) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", "timeout_after")
    card = paying.cards[0].payment_method_id
    paying.top_up("50", card=card)
    (intent,) = succeeded(paying)
    sources: dict[str, Callable[[], object]] = {
        "api": lambda: paying.top_up("50", card=card),
        "webhook": lambda: tell_twice(paying, intent["id"]),
        "reconcile": lambda: paying.reconcile(LATER),
    }
    for source in order:
        sources[source]()
        assert paying.wallet.balance_micros == micros("50")
    assert len(paying.store.entries()) == 1
    assert len(succeeded(paying)) == 1


def test_all_sources_at_the_same_moment_credit_once(paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/payment_intents", "timeout_after")
    card = paying.cards[0].payment_method_id
    paying.top_up("50", card=card)
    (intent,) = succeeded(paying)
    sources: list[Callable[[], object]] = [
        lambda: paying.top_up("50", card=card),
        lambda: bring_up_to_date(paying.store, paying.gateway, intent["id"], NOW),
        lambda: bring_up_to_date(paying.store, paying.gateway, intent["id"], NOW),
        lambda: paying.reconcile(LATER),
    ] * 3
    with ThreadPoolExecutor(len(sources)) as workers:
        for started in [workers.submit(source) for source in sources]:
            started.result()
    assert paying.wallet.balance_micros == micros("50")
    assert len(paying.store.entries()) == 1
    assert_books_balance(paying.store)


@pytest.mark.parametrize("reverse", [False, True], ids=["in order", "reversed"])
def test_events_in_either_order_and_twice_give_the_same_books(paying: Paying, *, reverse: bool) -> None:
    session = paying.enter_card()
    started = paying.top_up("50")
    paying.pay_page(started, "pm_card_createDispute")
    other = paying.top_up("30", transaction_id="tx_2")
    paying.pay_page(other)
    intent = next(each for each in succeeded(paying) if each["amount"] == 3000)
    paying.gateway.refund(intent["id"], 1000, "r1")
    paying.gateway.refund(intent["id"], 500, "r2")
    (dispute,) = paying.read("disputes")
    paying.stripe.control(f"disputes/{dispute['id']}/close", {"status": "won"})
    for _ in range(2):
        paying.tell_all(reverse=reverse)
    amounts = sorted((entry.kind, entry.amount_micros) for entry in paying.store.entries())
    assert amounts == [
        ("dispute", micros("-50")),
        ("dispute", micros("50")),
        ("payment", micros("30")),
        ("payment", micros("50")),
        ("refund", micros("-10")),
        ("refund", micros("-5")),
    ]
    assert paying.wallet.balance_micros == micros("65")
    assert [card.verification for card in paying.cards] == ["verified"]
    assert session
    assert_books_balance(paying.store)


def finish(paying: Paying) -> None:
    """What comes after a crash in any case: the webhooks, and the runs of reconciliation."""
    paying.tell_all()
    for minutes in (6, 61, 62, 25 * 60):
        paying.reconcile(NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_kill_around_any_write_of_a_saved_card_top_up_ends_in_what_the_card_paid(
    paying: Paying, write: int, moment: str
) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    switch = KillSwitch(paying.database, write, moment=moment)
    with pytest.raises(Killed):
        paying.top_up("50", card=card)
    finish(paying)
    assert switch.writes >= write
    assert paying.wallet.balance_micros == micros("50") * len(succeeded(paying))
    assert {each.status for each in paying.history} <= {"Paid", "Failed"}
    assert_books_balance(paying.store)


def test_the_kills_above_stand_around_every_write(paying: Paying) -> None:
    paying.add_card()
    switch = KillSwitch(paying.database, None, moment="before")
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    assert switch.writes == 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_customer_who_asks_again_after_a_kill_pays_once(paying: Paying, write: int, moment: str) -> None:
    paying.add_card()
    card = paying.cards[0].payment_method_id
    KillSwitch(paying.database, write, moment=moment)
    with pytest.raises(Killed):
        paying.top_up("50", card=card)
    assert paying.top_up("50", card=card).status == "Paid"
    finish(paying)
    assert paying.wallet.balance_micros == micros("50")
    assert len(succeeded(paying)) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_kill_around_any_write_of_adding_a_card_leaves_no_hold_and_one_card(
    paying: Paying, write: int, moment: str
) -> None:
    session = paying.enter_card()
    KillSwitch(paying.database, write, moment=moment)
    with pytest.raises(Killed):
        paying.tell("checkout.session.completed", session)
    finish(paying)
    (card,) = paying.cards
    assert card.is_usable
    assert paying.wallet.default_card is not None
    assert {intent["status"] for intent in paying.read("payment_intents")} == {"canceled"}
    assert all(intent["amount_received"] == 0 for intent in paying.read("payment_intents"))


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after"])
@pytest.mark.parametrize("path", ["/v1/payment_intents", "/v1/payment_intents/*/cancel"])
def test_a_hold_without_an_answer_is_released_by_reconciliation(paying: Paying, path: str, fault: str) -> None:
    session = paying.enter_card()
    paying.fault(path, fault)
    with pytest.raises(Exception, match=r"Error"):
        paying.tell("checkout.session.completed", session)
    paying.reconcile(NOW + timedelta(minutes=20))
    (card,) = paying.cards
    assert card.is_usable
    assert {intent["status"] for intent in paying.read("payment_intents")} == {"canceled"}


def test_a_card_entered_of_which_no_webhook_told_is_found(paying: Paying) -> None:
    paying.enter_card()
    done = paying.reconcile(LATER)
    assert done.late_events > 0
    assert paying.cards[0].is_usable
    assert done.stuck == 0


def test_a_hosted_payment_of_which_no_webhook_told_is_found(paying: Paying) -> None:
    started = paying.top_up("50")
    paying.pay_page(started)
    paying.reconcile(LATER)
    assert paying.wallet.balance_micros == micros("50")


def test_a_second_run_finds_nothing_left_to_do(paying: Paying) -> None:
    paying.add_card()
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    paying.reconcile(LATER)
    again = paying.reconcile(LATER)
    assert (again.late_events, again.transactions, again.cards, again.wallets_due, again.stuck) == (0, 0, 0, 0, 0)
