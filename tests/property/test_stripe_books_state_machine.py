"""Random lives of an account that pays through Stripe: at the end of each, its books are Stripe's books, to the cent.

The machine drives the product and the simulator. Payments by card, by page and by bank debit; refunds from here and
from Stripe's Dashboard, some of which the bank returns; disputes of every kind; answers that are lost; and events that
are told late, twice, in reverse or never. What must come out is computed from Stripe's balance transactions alone.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from billing.domain.errors import BillingError
from billing.domain.ledger import CARD_CLEARING
from billing.payments.errors import PaymentsUnavailable, StripeRefused
from billing.store.database import Database
from infra.local.stripe_simulator import RunningSimulator
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance

MICROS_OF_A_CENT = 10_000
AMOUNTS = st.sampled_from(["10", "33.33", "50"])
PARTS = st.sampled_from(["0.01", "7", "20", "33.33"])
WITHDRAWN_AS = {"EUR": "1.08", "USD": "1"}
"""Both settle in USD, as they do for a seller in the United States."""


class LifeAtStripe(RuleBasedStateMachine):
    fresh_database: Callable[[], Database]
    stripe: RunningSimulator

    @initialize(currency=st.sampled_from(["USD", "USD", "EUR"]))
    def open(self, currency: str) -> None:
        self.now = NOW
        self.number = 0
        self.told = 0
        self.by_hand = 0
        self.currency = currency
        self.stripe.control("reset")
        self._set_clock()
        self._settle_at(WITHDRAWN_AS[currency])
        self.paying = Paying(self.fresh_database(), self.stripe)
        self.paying.open(currency=currency)
        self.paying.add_card()

    # The customer and the platform.

    @rule(amount=AMOUNTS, answer_is_lost=st.sampled_from([False, False, True]))
    def the_customer_pays_by_the_saved_card(self, amount: str, *, answer_is_lost: bool) -> None:
        if answer_is_lost:
            self.paying.fault("/v1/payment_intents", "timeout_after")
        (card, *_) = [each for each in self.paying.cards if each.verification in {"verified", "gone"}]
        with suppress(BillingError, PaymentsUnavailable):
            self.paying.top_up(amount, card=card.payment_method_id, transaction_id=self._next("tx"), now=self.now)
        self.stripe.control("faults", method="DELETE")

    @rule(amount=AMOUNTS, by=st.sampled_from(["pm_card_visa", "us_bank_account", "us_bank_account", "link", "nothing"]))
    def the_customer_is_on_a_payment_page(self, amount: str, by: str) -> None:
        page = self.paying.top_up(amount, transaction_id=self._next("tx"), now=self.now)
        if by == "us_bank_account" and self.currency != "USD":
            by = "pm_card_visa"  # such debits are in USD
        if by != "nothing":
            self.paying.pay_page(page, by)

    @rule(amount=st.sampled_from(["-60", "-5", "25"]))
    def the_balance_is_corrected_by_hand(self, amount: str) -> None:
        self.paying.store.adjust(amount, self._next("adjustment"), now=self.now)
        self.by_hand += micros(amount)

    @rule(nth=st.integers(0, 9), amount=PARTS | st.none())
    def an_administrator_refunds(self, nth: int, amount: str | None) -> None:
        paid = [each for each in self.paying.history if each.status == "Paid"]
        if paid:
            with suppress(BillingError, PaymentsUnavailable):
                chosen = paid[nth % len(paid)].transaction_id
                self.paying.refund(chosen, amount, key=self._next("refund"))

    # Banks, the Dashboard, card networks.

    @rule(is_customer=st.booleans())
    def the_merchant_deletes_the_customer_or_a_network_replaces_the_number(self, *, is_customer: bool) -> None:
        usable = [each for each in self.paying.cards if each.is_usable]
        if is_customer and self.paying.read("customers"):
            self.paying.delete_customer()
            self.paying.add_card(key=self._next("page"), now=self.now)
        elif usable:
            number = {"number": f"40000566555{self.number:05d}"}
            self.stripe.control(f"payment_methods/{usable[0].payment_method_id}", number)

    @rule(nth=st.integers(0, 9), succeed=st.booleans())
    def a_bank_answers_a_debit(self, nth: int, *, succeed: bool) -> None:
        self._at_one_of("payment_intents", nth, "settle", {"succeed": succeed}, status=["processing"])

    @rule(nth=st.integers(0, 9), cents=st.sampled_from([1, 700, 2000, 5000]))
    def the_dashboard_refunds(self, nth: int, cents: int) -> None:
        intents = self._payments()
        if intents:
            with suppress(StripeRefused):
                self.paying.gateway.refund(intents[nth % len(intents)]["id"], cents, self._next("dashboard"))

    @rule(nth=st.integers(0, 9))
    def a_bank_returns_a_refund(self, nth: int) -> None:
        self._at_one_of("refunds", nth, "fail")

    @rule(
        nth=st.integers(0, 9),
        amount=st.none() | st.sampled_from([1000, 700]),
        how=st.sampled_from([{}, {}, {"inquiry": True}, {"with_money": False}]),
    )
    def a_cardholder_disputes(self, nth: int, amount: int | None, how: dict[str, bool]) -> None:
        intents = self._payments()
        if intents:
            part = {} if amount is None else {"amount": amount}
            chosen = {"payment_intent": intents[nth % len(intents)]["id"]}
            with suppress(httpx.HTTPStatusError):
                self.stripe.control("disputes", {**chosen, **part, **how, "again": True})

    @rule(nth=st.integers(0, 9), step=st.sampled_from(["escalate", "withdraw"]))
    def a_dispute_goes_on(self, nth: int, step: str) -> None:
        self._at_one_of("disputes", nth, step)

    @rule(
        nth=st.integers(0, 9),
        status=st.sampled_from(["won", "lost", "lost", "warning_closed"]),
        reinstated=st.sampled_from([None, None, None, 0, 500, 6000]),
    )
    def a_dispute_is_decided(self, nth: int, status: str, reinstated: int | None) -> None:
        back = {} if reinstated is None or status == "warning_closed" else {"reinstated": reinstated}
        self._at_one_of("disputes", nth, "close", {"status": status, **back})

    @precondition(lambda self: self.currency == "EUR")
    @rule(rate=st.sampled_from(["1.08", "1.1", "0.97"]))
    def the_rate_of_the_euro_moves(self, rate: str) -> None:
        self._settle_at(rate)

    # What reaches us of it.

    @rule(reverse=st.booleans())
    def stripe_tells_of_all_that_is_new(self, *, reverse: bool) -> None:
        events = self.paying.events[::-1]
        self._tell(events[self.told :], reverse=reverse)
        self.told = len(events)

    @rule(skip=st.integers(0, 5))
    def stripe_tells_old_things_again(self, skip: int) -> None:
        self._tell(self.paying.events[skip::3], reverse=False)

    @rule(minutes=st.sampled_from([6, 70, 24 * 60]))
    def time_passes_and_reconciliation_runs(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self._set_clock()
        self.paying.reconcile(self.now)

    # At the end of a life.

    def teardown(self) -> None:
        if not hasattr(self, "paying"):
            return
        for reverse in (True, False):
            self._tell(self.paying.events[::-1], reverse=reverse)
        self.now += timedelta(hours=2)
        self._set_clock()
        self.paying.reconcile(self.now)
        assert_books_balance(self.paying.store)
        self._check_that_all_payments_ended_here_as_at_stripe()
        payments = self._money_by_payment()
        cleared = sum(
            posting.micros
            for entry in self.paying.store.entries()
            for posting in entry.postings
            if posting.account == CARD_CLEARING
        )
        assert -cleared == sum(paid - gone for paid, gone, _ in payments), "the ledger is not Stripe's balance"
        credit = sum(paid - borne for paid, _, borne in payments)
        assert self.paying.wallet.balance_micros == credit + self.by_hand, "the customer has another balance"

    def _check_that_all_payments_ended_here_as_at_stripe(self) -> None:
        paid = {each["metadata"]["talktime_transaction"]: each["amount"] for each in self._payments()}
        said = {each.transaction_id: each for each in self.paying.history}
        assert {name for name, each in said.items() if each.status == "Paid"} == set(paid)
        for name, amount in paid.items():
            assert said[name].amount_micros == amount * MICROS_OF_A_CENT
        bounced = {
            each["metadata"]["talktime_transaction"]
            for each in self.paying.read("payment_intents")
            if each["status"] == "requires_payment_method" and _is_bank_debit(each["last_payment_error"])
        }
        assert {said[name].status for name in bounced} <= {"Failed"}, "a bank debit that bounced is not Failed"

    def _money_by_payment(self) -> list[tuple[int, int, int]]:
        """Of each payment at Stripe, in micro-units: what arrived, what has gone, and what the account bears.

        That is at most the payment, and a dispute gives back at most what it took.
        """
        movements = {each["id"]: each for each in self.paying.read("balance_transactions")}
        charges = [each for each in self.paying.read("charges") if each["captured"] and each["paid"]]
        refunds, disputes = self.paying.read("refunds"), self.paying.read("disputes")
        known = {each["balance_transaction"] for each in charges}
        found = []
        for charge in charges:
            mine = [each for each in refunds if each["charge"] == charge["id"] and each["balance_transaction"]]
            returned = [each for each in mine if each.get("failure_balance_transaction")]
            known |= {each["balance_transaction"] for each in mine}
            known |= {each["failure_balance_transaction"] for each in returned}
            gone = borne = sum(each["amount"] for each in mine) - sum(each["amount"] for each in returned)
            for dispute in disputes:
                if dispute["charge"] == charge["id"]:
                    known |= {each["id"] for each in dispute["balance_transactions"]}
                    settled = movements[charge["balance_transaction"]]
                    taken = sum(_cents(dispute, each, charge, settled) for each in dispute["balance_transactions"])
                    gone, borne = gone + taken, borne + max(0, taken)
            paid = charge["amount_captured"]
            found.append((paid * MICROS_OF_A_CENT, gone * MICROS_OF_A_CENT, min(paid, borne) * MICROS_OF_A_CENT))
        assert known == set(movements), "money of Stripe's that this oracle does not know"
        if self.currency == "USD":
            total = sum(each["amount"] for each in movements.values()) * MICROS_OF_A_CENT
            assert total == sum(paid - gone for paid, gone, _ in found)
        return found

    # In short.

    def _payments(self) -> list[dict[str, Any]]:
        """Those whose money arrived, newest first."""
        return [each for each in self.paying.read("payment_intents") if each["status"] == "succeeded"]

    def _at_one_of(
        self, resource: str, nth: int, step: str, body: dict[str, Any] | None = None, status: Sequence[str] = ()
    ) -> None:
        """Something happens to one of Stripe's objects, if it can happen to that one."""
        objects = [each for each in self.paying.read(resource) if not status or each["status"] in status]
        if objects:
            with suppress(httpx.HTTPStatusError):
                self.stripe.control(f"{resource}/{objects[nth % len(objects)]['id']}/{step}", body)

    def _tell(self, events: list[dict[str, Any]], *, reverse: bool) -> None:
        for event in events[::-1] if reverse else events:
            self.paying.tell(event["type"], event["data"]["object"]["id"], now=self.now)

    def _settle_at(self, rate: str) -> None:
        rates = {} if self.currency == "USD" else {self.currency.lower(): rate}
        self.stripe.control("settlement", {"currency": "usd", "rates": rates})

    def _set_clock(self) -> None:
        self.stripe.control("clock", {"now": int(self.now.timestamp())})

    def _next(self, name: str) -> str:
        self.number += 1
        return f"{name}_{self.number}"


def _cents(dispute: dict[str, Any], movement: dict[str, Any], charge: dict[str, Any], settled: dict[str, Any]) -> int:
    """What a movement of a dispute took, in cents of the payment: below 0 it gave back.

    Of what is given back though nothing was withdrawn, the payment's own settlement is the measure.
    """
    if movement["currency"] == dispute["currency"]:
        return -int(movement["amount"])
    withdrawn = sum(-each["amount"] for each in dispute["balance_transactions"] if each["amount"] < 0)
    whole, of = (dispute["amount"], withdrawn) if withdrawn else (charge["amount"], settled["amount"])
    cents = math.floor(Fraction(whole * abs(movement["amount"]), of) + Fraction(1, 2))
    return cents if movement["amount"] < 0 else -cents


def _is_bank_debit(error: dict[str, Any] | None) -> bool:
    return error is not None and error["payment_method"]["type"] == "us_bank_account"


@pytest.fixture
def machine(fresh_database: Callable[[], Database], stripe_simulator: RunningSimulator) -> type[LifeAtStripe]:
    class OnThisStore(LifeAtStripe):
        pass

    OnThisStore.fresh_database = staticmethod(fresh_database)
    OnThisStore.stripe = stripe_simulator
    return OnThisStore


def test_at_the_end_of_each_life_the_books_are_stripes_to_the_cent(machine: type[LifeAtStripe]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=20))
