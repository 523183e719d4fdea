"""Reconciliation works within its time, goes on where it stopped, and lets nothing that fails stand before the rest."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.payments.settings import StripeSettings
from billing.payments.time_limit import TimeLimit
from billing.runtime.batch import BatchLoop, Record, body
from billing.services.adjust_balance import give_credit
from billing.services.check_transaction import TransactionCheck
from billing.services.reconcile_payments import Reconciled, Reconciliation
from billing.services.stripe_events import bring_up_to_date
from billing.services.work_off import FIRST_DELAY, LONGEST_DELAY, WORKERS
from billing.store.reconciliation import ReconciliationMemory
from billing.store.stripe_inbox import StripeInbox
from billing.store.transactions import Transactions
from tests.builders import NOW, micros
from tests.paying_account import RETURN_URL, STAGE, Paying
from tests.platform_of_one import assert_books_balance

MINUTE = timedelta(minutes=1)
LATER = NOW + 5 * MINUTE


class Clock:
    """Seconds that pass only when something is asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = Lock()

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds


def reconciliation(paying: Paying, limit: TimeLimit) -> Reconciliation:
    gateway = Gateway(StripeSettings(paying.stripe.api_key, paying.stripe.url), STAGE, retries=0, limit=limit)
    return Reconciliation(paying.store, gateway, RETURN_URL)


@pytest.fixture
def asked(paying: Paying) -> Callable[[], list[str]]:
    """What Stripe was asked since: method and path."""
    begin = len(paying.stripe.control("requests", method="GET")["requests"])

    def since() -> list[str]:
        requests = paying.stripe.control("requests", method="GET")["requests"]
        return [f"{each['method']} {each['path']}" for each in requests[begin:]]

    return since


def pay_pages(paying: Paying, number: int) -> None:
    for each in range(number):
        paying.pay_page(paying.top_up("10", transaction_id=f"tx_{each}"))


# Events.


def test_45_untold_events_of_15_payments_are_looked_after_by_what_they_are_about(paying: Paying) -> None:
    pay_pages(paying, 15)
    for each in range(15):
        intent = paying.read("payment_intents")[each]["id"]
        paying.gateway.refund(intent, 100, f"refund-{each}")
    before = len(paying.stripe.control("requests", method="GET")["requests"])
    done = paying.reconcile(LATER)
    requests = paying.stripe.control("requests", method="GET")["requests"][before:]
    assert (done.stuck, done.left) == (0, 0), done
    assert done.late_events >= 45
    assert paying.wallet.balance_micros == 15 * micros("9")
    about_payments = [each["path"] for each in requests if not each["path"].startswith("/v1/events")]
    # Each payment and its refunds, once; and once more where payments of the account were in each other's way.
    assert 15 * 2 <= len(about_payments) <= 15 * 4
    assert_books_balance(paying.store)


def test_events_of_others_cost_no_request_and_10_000_in_two_hours_are_read_over_several_runs(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    paying.reconcile(NOW - 20 * MINUTE)
    paying.stripe.control("clock", {"now": int((NOW + 120 * MINUTE).timestamp())})
    paying.stripe.control("events", {"count": 10_000, "seconds": 7200})
    page = paying.top_up("50", now=NOW + 120 * MINUTE)
    paying.pay_page(page)
    paying.stripe.control("clock", {"now": int((NOW + 125 * MINUTE).timestamp())})
    clock = Clock()
    original = Gateway.events

    def slow_list(gateway: Gateway, *span: Any) -> Any:
        for number, event in enumerate(original(gateway, *span)):
            clock.pass_by(0.01 if number % 100 else 0.4)
            yield event

    monkeypatch.setattr(Gateway, "events", slow_list)
    limit = TimeLimit(request_seconds=2, seconds=clock)
    runs: list[Reconciled] = []
    while not runs or runs[-1].left:
        limit.set(60)
        now = NOW + (125 + 5 * len(runs)) * MINUTE
        runs.append(reconciliation(paying, limit).run(now))
        assert len(runs) < 40, "it goes on where it stopped"
    assert len(runs) > 1
    assert runs[0].counts["LeftForNextRun"] > 0
    assert sum(each.stuck for each in runs) == 0
    assert paying.wallet.balance_micros == micros("50")


def test_a_run_that_dies_between_any_two_writes_loses_nothing(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Nothing catches it: the process is gone."""

    writes = [(StripeInbox, "take"), (ReconciliationMemory, "move_bookmark"), (StripeInbox, "done")]
    pay_pages(paying, 3)
    for where, name in writes:
        for after in (False, True):
            original = getattr(where, name)

            def die(*given: Any, _original: Any = original, _after: bool = after, **named: Any) -> None:
                if _after:
                    _original(*given, **named)
                raise Killed

            with monkeypatch.context() as dying:
                dying.setattr(where, name, die)
                with pytest.raises(Killed):
                    paying.reconcile(LATER)
    paying.reconcile(LATER + 5 * MINUTE)
    assert paying.wallet.balance_micros == micros("30")
    assert_books_balance(paying.store)
    again = paying.reconcile(LATER + 10 * MINUTE)
    assert (again.late_events, again.swept, again.stuck) == (0, 0, 0)


def test_two_runs_at_once_do_everything_once(paying: Paying) -> None:
    pay_pages(paying, 6)
    with ThreadPoolExecutor(3) as both:
        list(both.map(lambda _: paying.reconcile(LATER), range(3)))
    paying.reconcile(LATER + 5 * MINUTE)
    assert paying.wallet.balance_micros == micros("60")
    assert_books_balance(paying.store)


def test_a_span_whose_list_takes_too_long_is_listed_in_shorter_ones(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    spans: list[float] = []

    def endless(_gateway: Gateway, since: Any, until: Any) -> Any:
        spans.append((until - since).total_seconds())
        clock.pass_by(60)
        raise PaymentsUnavailable("no time is left to ask Stripe")

    monkeypatch.setattr(Gateway, "events", endless)
    limit = TimeLimit(seconds=clock)
    for number in range(4):
        limit.set(90)
        done = reconciliation(paying, limit).run(NOW + (24 * 60 + 5 * number) * MINUTE)
        assert (done.left > 0, done.out_of_reach) == (True, False)
    assert spans == sorted(spans, reverse=True)
    assert spans[0] > 29 * 24 * 3600 > 24 * 3600 == spans[1]
    assert spans[-1] < spans[1] / 50


# What fails.


def test_600_rows_that_always_fail_keep_no_paid_top_up_waiting(paying: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
    page = paying.top_up("50", transaction_id="tx_paid")
    row = paying.transaction("tx_paid")
    for number in range(600):
        broken = replace(row, transaction_id=f"tx_broken_{number}", session_id="cs_unreadable", check_at=NOW - MINUTE)
        Transactions(paying.database).create(broken)
    paying.pay_page(page)
    check = TransactionCheck.check
    tried: list[str] = []

    def fails(self: TransactionCheck, transaction_id: str, now: Any) -> Any:
        tried.append(transaction_id)
        if "broken" in transaction_id:
            raise ValueError(transaction_id)
        return check(self, transaction_id, now)

    monkeypatch.setattr(TransactionCheck, "check", fails)
    monkeypatch.setattr(Gateway, "events", lambda *_: iter(()))
    now = NOW + 61 * MINUTE
    first = paying.reconcile(now)
    assert first.counts["PaymentsStuck"] == 600
    assert paying.wallet.balance_micros == micros("50")
    tried.clear()
    assert paying.reconcile(now + MINUTE).stuck == 0, "each is put off"
    assert tried == []
    assert paying.reconcile(now + FIRST_DELAY).stuck == 600


def test_what_fails_is_put_off_longer_each_time_and_forgiven_once_it_does_not(
    paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    paying.top_up("50")
    check = TransactionCheck.check

    def fails(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(TransactionCheck, "check", fails)
    now, delays = NOW + 2 * timedelta(hours=1), []
    for _ in range(12):
        paying.reconcile(now)
        (deferral,) = paying.store.reconciliation.deferrals(["transaction:tx_1"]).values()
        delays.append(deferral.due_at - now)
        now = deferral.due_at
    assert delays[:4] == [FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY, 8 * FIRST_DELAY]
    assert delays[-1] == LONGEST_DELAY
    monkeypatch.setattr(TransactionCheck, "check", check)
    assert paying.reconcile(now).stuck == 0
    assert paying.store.reconciliation.deferrals(["transaction:tx_1"]) == {}


# Time limits.


def slow(paying: Paying, seconds: float) -> None:
    for method in ("GET", "POST"):
        paying.stripe.control(
            "faults", {"method": method, "path": "/v1/*", "fault": "slow", "times": 1000, "seconds": seconds}
        )


def test_with_a_slow_stripe_every_stage_has_its_turn_and_the_run_ends_in_time(paying: Paying) -> None:
    paying.add_card()
    for each in range(40):
        paying.top_up("10", transaction_id=f"tx_{each}")
    other = Paying(paying.database, paying.stripe, "waiting")
    other.open()
    give_credit(
        other.store,
        "waiting",
        micros=micros("5"),
        expires_at=NOW + 30 * MINUTE,
        reason="歓迎",
        grant_id="g1",
        now=NOW,
    )
    now = NOW + 61 * MINUTE
    slow(paying, 0.25)
    limit = TimeLimit(request_seconds=0.6)
    limit.set(6)
    begin = time.monotonic()
    done = reconciliation(paying, limit).run(now)
    took = time.monotonic() - begin
    paying.stripe.control("faults", method="DELETE")
    assert took < 6 + 10, "what it was given, and what it writes, on a slow machine"
    assert done.left > 0
    assert done.transactions > 0, "the events did not take all of the time"
    assert (done.wallets_due, other.wallet.grants) == (1, ()), "and the transactions left some for the last stage"
    rest = 0
    while done.left:
        limit.set(None)
        done = reconciliation(paying, limit).run(now + (rest + 1) * 5 * MINUTE)
        rest += 1
        assert rest < 5


def test_a_batch_of_events_gives_back_what_a_slow_stripe_leaves_no_time_for(paying: Paying) -> None:
    pay_pages(paying, 8)
    paid = [each["id"] for each in paying.read("payment_intents")]
    records: list[Record] = [{"messageId": intent, "body": intent} for intent in paid]
    limit = TimeLimit(request_seconds=1)
    gateway = Gateway(StripeSettings(paying.stripe.api_key, paying.stripe.url), STAGE, retries=0, limit=limit)
    loop = BatchLoop(logging.getLogger("events"), "it broke", body)
    slow(paying, 0.4)
    deliveries = 0
    while records:
        limit.set(2.5)
        begin = time.monotonic()
        worked = loop.try_all(
            records,
            lambda record: bring_up_to_date(paying.store, gateway, record["body"], LATER),
            has_time=limit.has_time,
        )
        assert time.monotonic() - begin < 2.5 + 5
        assert worked.results, "each delivery brings some to their end"
        records = list(worked.broken)
        deliveries += 1
    assert deliveries > 1
    paying.stripe.control("faults", method="DELETE")
    assert paying.wallet.balance_micros == micros("80")


def test_requests_are_made_side_by_side(paying: Paying) -> None:
    for number in range(16):
        other = Paying(paying.database, paying.stripe, f"account-{number}")
        other.open()
        other.pay_page(other.top_up("10", transaction_id=f"tx_{number}"))
    before = len(paying.stripe.control("requests", method="GET")["requests"])
    slow(paying, 0.5)
    begin = time.monotonic()
    done = paying.reconcile(LATER)
    took = time.monotonic() - begin
    paying.stripe.control("faults", method="DELETE")
    requests = len(paying.stripe.control("requests", method="GET")["requests"]) - before
    assert (done.stuck, done.late_events) == (0, 32)
    assert {paying.store.wallet(f"account-{number}").balance_micros for number in range(16)} == {micros("10")}
    assert took < 0.5 * requests, "one after the other they would take longer"
    assert WORKERS > 1


def test_a_card_is_not_asked_when_nobody_could_hear_the_answer(paying: Paying) -> None:
    paying.add_card()
    limit = TimeLimit(request_seconds=12)
    limit.set(5)
    hurried = Gateway(StripeSettings(paying.stripe.api_key, paying.stripe.url), STAGE, limit=limit)

    class Hurried(Paying):
        @property
        def gateway(self) -> Gateway:
            return hurried

    before = len(paying.read("payment_intents"))
    account = Hurried(paying.database, paying.stripe)
    assert account.top_up("50", card=paying.cards[0].payment_method_id).status == "Processing"
    assert len(paying.read("payment_intents")) == before
    limit.set(None)
    assert account.top_up("50", card=paying.cards[0].payment_method_id, now=LATER).status == "Paid"
