"""The same request after its page: the open page, what was paid there, or, if the page has expired, a new one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain.debt import AccountCanceled
from billing.domain.transaction import CHECKOUT_CHECK, Transaction
from billing.payments.gateway import Gateway
from billing.payments.reading import HostedPage
from tests.api_client import Line, client_over
from tests.builders import NOW, micros
from tests.integration.test_settlement_crashes import Killed, KillSwitch
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import FREE, Subscriber

MINUTES = timedelta(minutes=5)
"""The simulator's clock goes on while a test runs: nothing here depends on seconds."""
DAY_LATER = NOW + timedelta(hours=24)
"""Stripe's pages live for a day, and its idempotency keys, too."""
SOON = NOW + timedelta(hours=2)


def at(paying: Paying, now: datetime) -> None:
    paying.stripe.control("clock", {"now": int(now.timestamp())})


def expire(paying: Paying, transaction: Transaction) -> None:
    paying.stripe.control(f"checkout/sessions/{transaction.session_id}/expire")


def pages(paying: Paying) -> list[dict[str, Any]]:
    """The payment pages at Stripe, the newest first."""
    return [each for each in paying.read("checkout/sessions") if each["mode"] == "payment"]


def asks_for_pages(paying: Paying) -> int:
    """How often a single page was read at Stripe."""
    asked = paying.stripe.control("requests", method="GET")["requests"]
    return sum(each["method"] == "GET" and "/checkout/sessions/" in each["path"] for each in asked)


def test_a_page_that_was_expired_gives_a_new_one_for_the_same_request(paying: Paying) -> None:
    first = paying.top_up("50")
    expire(paying, first)
    second = paying.top_up("50", now=SOON)
    assert second.status == "Checkout"
    assert second.transaction_id == first.transaction_id
    assert second.session_id != first.session_id
    assert second.url not in {None, first.url}
    assert (second.attempt, second.check_at) == (1, SOON + CHECKOUT_CHECK)
    assert paying.transaction() == second
    assert [page["status"] for page in pages(paying)] == ["open", "expired"]
    paying.pay_page(second)
    paying.tell_all()
    assert paying.transaction().status == "Paid"
    assert paying.wallet.balance_micros == micros("50")
    assert_books_balance(paying.store)


@pytest.mark.parametrize("reconciled", [False, True])
@pytest.mark.parametrize("after", [timedelta(hours=24) + MINUTES, timedelta(days=40)])
def test_a_page_whose_time_is_over_gives_a_new_one(paying: Paying, after: timedelta, *, reconciled: bool) -> None:
    first = paying.top_up("50")
    at(paying, NOW + after)
    if reconciled:
        paying.reconcile(NOW + after)
        assert paying.transaction().check_at is None
    second = paying.top_up("50", now=NOW + after)
    assert second.session_id != first.session_id
    assert second.check_at == NOW + after + CHECKOUT_CHECK
    paying.pay_page(second)
    paying.reconcile(NOW + after + timedelta(hours=2))
    assert paying.transaction().status == "Paid"
    assert paying.wallet.balance_micros == micros("50")


def test_each_page_that_expires_is_followed_by_another(paying: Paying) -> None:
    seen = [paying.top_up("50")]
    for _ in range(3):
        expire(paying, seen[-1])
        seen.append(paying.top_up("50"))
    assert len({each.session_id for each in seen}) == 4
    assert [page["status"] for page in pages(paying)] == ["open", "expired", "expired", "expired"]


def test_a_page_that_is_open_is_answered_again(paying: Paying) -> None:
    first = paying.top_up("50")
    assert asks_for_pages(paying) == 0, "only a repeated request pays for the look"
    assert paying.top_up("50", now=SOON) == first
    assert asks_for_pages(paying) == 1
    assert len(pages(paying)) == 1


def test_what_was_paid_on_the_page_is_answered_before_any_webhook(paying: Paying) -> None:
    first = paying.top_up("50")
    paying.pay_page(first)
    paid = paying.top_up("50", now=SOON)
    assert (paid.status, paid.paid_at, paid.url) == ("Paid", SOON, None)
    assert paying.wallet.balance_micros == micros("50")
    paying.tell_all()
    paying.reconcile(SOON + timedelta(hours=2))
    assert paying.top_up("50", now=SOON) == paying.transaction()
    assert paying.wallet.balance_micros == micros("50")
    assert len(pages(paying)) == 1
    assert_books_balance(paying.store)


def test_a_payment_right_before_the_page_expires_is_credited_once(paying: Paying) -> None:
    first = paying.top_up("50")
    at(paying, DAY_LATER - MINUTES)
    paying.pay_page(first)
    at(paying, DAY_LATER + MINUTES)
    paid = paying.top_up("50", now=DAY_LATER + MINUTES)
    assert paid.status == "Paid"
    paying.tell_all()
    paying.reconcile(DAY_LATER + timedelta(hours=2))
    assert len(pages(paying)) == 1
    assert paying.wallet.balance_micros == micros("50")
    assert_books_balance(paying.store)


def test_a_payment_in_the_moment_in_which_the_page_is_looked_at_is_credited_once(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = paying.top_up("50")
    after_look(monkeypatch, lambda: paying.pay_page(first))
    assert paying.top_up("50", now=SOON) == first
    paying.tell_all()
    assert paying.top_up("50", now=SOON).status == "Paid"
    assert paying.wallet.balance_micros == micros("50")
    assert len(pages(paying)) == 1


def after_look(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Lets something happen between Stripe's answer about a page and what is done with it, once."""
    look, todo = Gateway.session, [happens]

    def session(gateway: Gateway, session_id: str) -> HostedPage | None:
        page = look(gateway, session_id)
        if todo:
            todo.pop()()
        return page

    monkeypatch.setattr(Gateway, "session", session)


def test_two_requests_at_once_after_the_page_expired_give_one_page(paying: Paying) -> None:
    expire(paying, paying.top_up("50"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: paying.top_up("50", now=SOON), range(4)))
    kept = paying.transaction()
    # One whose question met another's at Stripe has no answer yet, and no dead address either.
    assert {each.url for each in answers} <= {kept.url, None}
    assert paying.top_up("50", now=SOON) == kept
    assert [page["status"] for page in pages(paying)] == ["open", "expired"]
    paying.pay_page(kept)
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")


def test_a_request_that_another_outran_answers_the_others_page(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    expire(paying, paying.top_up("50"))
    others: list[Transaction] = []
    after_look(monkeypatch, lambda: others.append(paying.top_up("50", now=SOON)))
    assert paying.top_up("50", now=SOON) == others[0]
    assert others[0].attempt == 1
    assert [page["status"] for page in pages(paying)] == ["open", "expired"]


def test_reconciliation_does_not_close_a_transaction_that_has_another_page_by_then(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(paying, paying.top_up("50"))
    after_look(monkeypatch, lambda: paying.top_up("50", now=SOON))
    paying.reconcile(SOON)
    left = paying.transaction()
    assert (left.attempt, left.check_at) == (1, SOON + CHECKOUT_CHECK)
    assert left.url is not None
    assert paying.top_up("50", now=SOON) == left


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_kill_around_any_write_of_a_new_page_leaves_one_to_be_had(paying: Paying, write: int, moment: str) -> None:
    expire(paying, paying.top_up("50"))
    switch = KillSwitch(paying.database, write, moment=moment)
    with pytest.raises(Killed):
        paying.top_up("50", now=SOON)
    assert switch.writes == write
    again = paying.top_up("50", now=SOON + timedelta(minutes=1))
    assert again.status == "Checkout"
    assert [page["status"] for page in pages(paying)] == ["open", "expired"]
    paying.pay_page(again)
    paying.reconcile(SOON + timedelta(hours=3))
    assert paying.wallet.balance_micros == micros("50")
    assert_books_balance(paying.store)


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after", "429"])
def test_without_an_answer_there_is_no_dead_address_and_the_next_request_has_the_new_page(
    paying: Paying, fault: str
) -> None:
    client = client_over(paying.database, Line(), paying.gateway)
    body = {"amount": "50.00"}
    first = client.post("/v1/accounts/acme/top-ups", body, idempotency_key="key-1").json
    paying.stripe.control(f"checkout/sessions/{first['url'].rpartition('/')[2]}/expire")
    paying.fault("/v1/checkout/sessions", fault)
    refused = client.post("/v1/accounts/acme/top-ups", body, idempotency_key="key-1")
    assert (refused.status, refused.code) == (503, "payments_unavailable")
    second = client.post("/v1/accounts/acme/top-ups", body, idempotency_key="key-1")
    assert (second.status, second.json["transaction_id"]) == (201, first["transaction_id"])
    assert second.json["url"] not in {None, first["url"]}


def test_where_stripe_does_not_say_how_the_page_is_its_address_is_given_again(paying: Paying) -> None:
    first = paying.top_up("50")
    paying.fault(f"/v1/checkout/sessions/{first.session_id}", "429", method="GET")
    assert paying.top_up("50", now=SOON) == first


def test_a_page_whose_answer_was_lost_and_that_expired_since_is_not_given_out(paying: Paying) -> None:
    """Stripe repeats the lost answer to the same key for a day, whatever became of the page."""
    paying.fault("/v1/checkout/sessions", "timeout_after")
    assert paying.top_up("50").url is None
    (lost,) = pages(paying)
    paying.stripe.control(f"checkout/sessions/{lost['id']}/expire")
    given = paying.top_up("50", now=SOON)
    assert given.session_id not in {None, lost["id"]}
    assert given.url is not None


def test_where_the_bank_demanded_the_customer_an_expired_page_gives_a_new_one(paying: Paying) -> None:
    paying.add_card()
    paying.behave("authentication_required")
    card = paying.cards[0].payment_method_id
    first = paying.top_up("50", card=card)
    expire(paying, first)
    second = paying.top_up("50", card=card, now=SOON)
    assert second.status == "Checkout"
    assert second.session_id != first.session_id
    paying.behave("succeed")
    paying.pay_page(second)
    paying.tell_all()
    assert paying.wallet.balance_micros == micros("50")


def test_no_new_page_is_made_for_an_account_that_is_canceled_and_owes_nothing(paying: Paying) -> None:
    subscriber = Subscriber(paying)
    subscriber.put(FREE)
    expire(paying, paying.top_up("50"))
    ended = subscriber.cancel(NOW).require_subscription().period.end
    with pytest.raises(AccountCanceled):
        paying.top_up("50", now=ended)
    assert len(pages(paying)) == 1
    paying.store.adjust("-50", "calls")
    assert paying.top_up("50", now=ended).attempt == 1
