"""Months of a subscription's life in any order, on the real store and against the Stripe simulator.

After each step the books balance, no month is charged twice or skipped, what Stripe took is in the ledger, and what a
preview says is what the change then costs.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.domain.errors import BillingError, CardDeclined
from billing.domain.renewal_order import RenewalOrder
from billing.domain.renewal_payment import Wish
from billing.domain.subscription import PaymentWay, Subscription
from billing.domain.terms import Terms
from billing.domain.wallet import Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.services.cards import make_default
from billing.services.change_subscription import PaymentPending, Wanted
from billing.services.lock_account import lock_account, unlock_account
from billing.services.pay_renewal import pay_renewal
from billing.services.refund import refund_payment
from billing.services.renew_subscription import renew_now
from billing.store.database import Database
from infra.local.stripe_simulator import RunningSimulator
from tests.builders import MICROS, NOW, call, give_workspace
from tests.paying_account import RETURN_URL, Paying
from tests.platform_of_one import assert_books_balance
from tests.subscriber import FREE, PRO, STARTER, Subscriber

PLANS = {each.plan_id: each for each in (FREE, STARTER, PRO)}
FAULTS = ("timeout_after", "timeout_before", "500_before", "500_after")
BEHAVIORS = ("succeed", "insufficient_funds", "expired_card", "authentication_required")
WAYS: tuple[PaymentWay, ...] = ("card", "page", "credit")
A_SWEEP = timedelta(minutes=5)
A_KEY = timedelta(minutes=10)
"""How long a hold is asked for by one idempotency key."""
_MAX_ORDERS = 8
_MAX_DELIVERIES = 40


class LifeOfASubscription(RuleBasedStateMachine):
    fresh_database: Callable[[], Database]
    stripe: RunningSimulator

    @initialize()
    def subscribe(self) -> None:
        self.stripe.control("reset")
        self.stripe.control("clock", {"now": int(NOW.timestamp())})
        paying = Paying(self.fresh_database(), self.stripe)
        paying.open()
        give_workspace(paying.database)
        self.acme = Subscriber(paying).subscribed(phone_number=3)
        self.now: datetime = NOW
        self.used: dict[datetime, int] = {}
        self.included: dict[datetime, int] = {}
        self.number = 0
        self.subscribed_anew = False
        self.seen: Wallet = self.acme.wallet

    @rule(days=st.integers(min_value=0, max_value=40), seconds=st.integers(min_value=1, max_value=86_399))
    def time_passes_and_the_schedule_runs(self, days: int, seconds: int) -> None:
        """Each order is done twice: a sweep may run twice, and a message may come twice."""
        until = self.now + timedelta(days=days, seconds=seconds)
        for _ in range(_MAX_ORDERS):
            due = self.acme.subscription.due_at
            if due is None or due > until:
                break
            self.now = max(self.now, due) + A_SWEEP
            for order in [RenewalOrder("acme", due, self.now)] * 2:
                self.acme.renew(order)
                self.no_month_is_skipped()
        self.now = max(self.now, until)
        self.acme.at(self.now)

    @rule(behavior=st.sampled_from(BEHAVIORS), fault=st.none() | st.sampled_from(FAULTS))
    def a_month_passes(self, behavior: str, fault: str | None) -> None:
        self.the_default_card_behaves(behavior)
        if fault is not None:
            self.acme.paying.fault("/v1/payment_intents", fault)
        self.time_passes_and_the_schedule_runs(31, 1)

    @rule(days=st.integers(min_value=0, max_value=9), seconds=st.integers(min_value=1, max_value=86_399))
    def time_passes_and_the_schedule_stands_still(self, days: int, seconds: int) -> None:
        self.now += timedelta(days=days, seconds=seconds)
        self.acme.at(self.now)

    @rule()
    def the_very_second_of_the_renewal_comes(self) -> None:
        self.now = max(self.now, self.acme.period.end)
        self.acme.at(self.now)

    @rule(seconds=st.integers(min_value=1, max_value=900), hours_ago=st.integers(min_value=0, max_value=60))
    def a_call_ends(self, seconds: int, hours_ago: int) -> None:
        self.number += 1
        ended_at = max(NOW, self.now - timedelta(hours=hours_ago))
        event = call(f"e{self.number}", seconds=str(seconds), ended_at=ended_at, arrived_at=self.now)
        outcome = self.acme.paying.store.settle(event, now=self.now)
        assert outcome.failed == set()
        for usage in outcome.settled:
            self._note_what_was_included(sum(line.included_millionths for line in usage.lines))

    def _note_what_was_included(self, included_millionths: int) -> None:
        """No month gives more than its plan includes, the largest that it was on."""
        subscription = self.acme.subscription
        for period in (subscription.previous_period, subscription.period):
            if period is not None:
                used = period.used_of("call_minutes")
                drawn = used - self.used.get(period.start, 0)
                self.used[period.start] = used
                if drawn:
                    self.included[period.start] = self.included.get(period.start, 0) + included_millionths
        assert max(self.included.values(), default=0) <= 50 * 60 * MICROS, "more than any plan includes"
        if not self.included:
            assert included_millionths == 0, "included in no month"

    @rule(plan_id=st.sampled_from(sorted(PLANS)), numbers=st.none() | st.integers(min_value=1, max_value=4))
    def the_subscription_is_changed(self, plan_id: str, numbers: int | None) -> None:
        before, charges = self.acme.wallet, self.acme.charges
        wanted = Wanted(plan_id, None if numbers is None else {"phone_number": numbers})
        try:
            previewed = self.acme.ask_price(wanted, self.now)
        except BillingError:
            previewed = None
        try:
            quoted = self.acme.ask(wanted, self.now)
        except (CardDeclined, PaymentPending):
            if before.pending_change is None and before.subscription is not None:
                is_renewed = self.acme.period.start != before.subscription.period.start
                terms = before.subscription.coming_terms if is_renewed else before.subscription.terms
                assert self.acme.period.plan_id == terms.plan_id, "changed without being paid"
            return
        except BillingError:
            return
        self.subscribed_anew = quoted.change.starts_at is not None
        self._note_what_is_rented(before, wanted)
        if previewed is not None and before.pending_change is None:
            assert (quoted.charge, quoted.renewal_month, quoted.renewal_charge) == (
                previewed.charge,
                previewed.renewal_month,
                previewed.renewal_charge,
            ), "the preview lied"
            due = previewed.charge.card_micros
            assert sum(self.acme.charges) - sum(charges) == due // 10_000, "the card paid something else"
            assert _as_said(self.acme.wallet) == _as_said(previewed.after), (
                "the preview said that it would be otherwise"
            )

    @rule(numbers=st.integers(min_value=1, max_value=2))
    def an_upgrade_is_asked_for_with_fewer_numbers(self, numbers: int) -> None:
        self.the_subscription_is_changed("pro", numbers)

    def _note_what_is_rented(self, before: Wallet, wanted: Wanted) -> None:
        """Nothing is given back within a month, and without quantities not at its end either."""
        was, now = before.subscription, self.acme.subscription
        if self.subscribed_anew or was is None or was.period.start != now.period.start:
            return
        assert now.quantities["phone_number"] >= was.quantities["phone_number"], "given back at once"
        if wanted.quantities is None and before.pending_change is None:
            if was.coming_terms.plan_id == wanted.plan_id:
                assert now.coming_terms == was.coming_terms, "the plan alone changed what is to come"
            else:
                assert now.coming_terms.quantities == was.quantities, "given back by silence"

    @rule()
    def the_subscription_is_canceled(self) -> None:
        if self.acme.wallet.pending_change is None:
            self.acme.cancel(self.now)

    @rule(behavior=st.sampled_from(BEHAVIORS))
    def the_default_card_behaves(self, behavior: str) -> None:
        default = self.acme.wallet.default_card
        card = next(each for each in self.acme.paying.cards if default and each.fingerprint == default.fingerprint)
        self.acme.paying.behave(behavior, card)

    @precondition(lambda self: self.acme.wallet.is_past_due)
    @rule()
    def a_good_card_is_made_the_default(self) -> None:
        paying = self.acme.paying
        token = "pm_card_mastercard" if len(paying.cards) == 1 else "pm_card_visa"
        if len(paying.cards) == 1:
            self._until_taken(paying.enter_card(token, key=f"page-{self.now.timestamp()}", now=self.now))
        default = self.acme.wallet.default_card
        other = next(each for each in paying.cards if default and each.fingerprint != default.fingerprint)
        paying.behave("succeed", other)
        make_default(paying.store, "acme", other.payment_method_id, self.now)
        renew_now(paying.store, paying.gateway, "acme", self.now)

    @precondition(lambda self: self.acme.wallet.is_past_due)
    @rule(way=st.sampled_from(WAYS), has_credit=st.booleans(), pays_there=st.booleans())
    def the_customer_pays_the_renewal_by_hand(self, way: PaymentWay, *, has_credit: bool, pays_there: bool) -> None:
        """On a page they may pay or not, and nobody tells us of it yet."""
        paying = self.acme.paying
        if has_credit:
            self.number += 1
            paying.store.adjust("100", f"wire-{self.number}", now=self.now)
        try:
            paid = pay_renewal(paying.store, paying.gateway, "acme", Wish(way), return_url=RETURN_URL, now=self.now)
        except (BillingError, PaymentsUnavailable):
            return
        if pays_there and paid.status == "Checkout" and paid.url is not None:
            paying.pay_page(paid)

    def _until_taken(self, page: str) -> None:
        """The queue brings a card again until it is taken: an error of its own Stripe repeats to the same key."""
        for _ in range(_MAX_DELIVERIES):
            with suppress(PaymentsUnavailable):
                self.acme.paying.tell("checkout.session.completed", page, now=self.now)
                return
            self.now += A_KEY
            self.acme.at(self.now)
        raise AssertionError("the card was never verified")

    @rule(fault=st.sampled_from(FAULTS))
    def the_next_charge_meets_trouble(self, fault: str) -> None:
        self.acme.paying.fault("/v1/payment_intents", fault)

    @rule(reverse=st.booleans())
    def all_webhooks_come(self, *, reverse: bool) -> None:
        self.acme.paying.tell_all(reverse=reverse, now=self.now)

    @rule()
    def reconciliation_runs(self) -> None:
        self.now += A_SWEEP
        self.acme.at(self.now)
        self.acme.paying.reconcile(self.now)

    @rule(cents=st.integers(min_value=1, max_value=100))
    def a_payment_is_refunded(self, cents: int) -> None:
        paid = [each for each in self.acme.paying.history if each.status == "Paid"]
        if paid and paid[0].refunded_micros + cents * 10_000 <= paid[0].amount_micros:
            self.number += 1
            paying = self.acme.paying
            refund_payment(
                paying.store,
                paying.gateway,
                "acme",
                paid[0].transaction_id,
                micros=cents * 10_000,
                refund_key=f"r{self.number}",
                now=self.now,
            )

    @rule(locked=st.booleans())
    def an_administrator_locks_or_unlocks(self, *, locked: bool) -> None:
        if locked:
            lock_account(self.acme.paying.store, "acme", "asked for")
        else:
            unlock_account(self.acme.paying.store, "acme", self.now)

    @invariant()
    def the_books_balance(self) -> None:
        assert_books_balance(self.acme.paying.store)

    @invariant()
    def no_month_is_charged_twice(self) -> None:
        starts = [each.lines[0].period_start for each in self.acme.renewals if each.status == "Paid"]
        paid = [start for start in starts if start is not None]  # without a month it became credit
        assert len(paid) == len(set(paid)), "a month was charged twice"

    @invariant()
    def no_month_is_skipped(self) -> None:
        """A month follows the one before it, and is paid; only those that cost nothing or were locked are left out."""
        before, now = self.seen.subscription, self.acme.wallet.subscription
        self.seen = self.acme.wallet
        if now is None or before is None or now.period.start == before.period.start:
            return
        if before.canceled or self.subscribed_anew:
            self.subscribed_anew = False
            return
        if now.period.start != before.period.end:
            assert before.dunning is not None or _is_free(before), "a month was skipped"
        # What began as a free month may be on a dearer plan by the same step: that was paid as a change.
        if now.period.payment == "paid" and _price(before.coming_terms):
            cause = f"renewal:acme:{now.period.start.isoformat()}"
            assert cause in self.acme.paying.store.books.entries([cause]), "a month was not charged"

    @invariant()
    def what_stripe_took_for_the_subscription_is_in_the_ledger_once_nothing_is_open(self) -> None:
        history = self.acme.paying.history
        if any(each.status in {"Processing", "Checkout"} and each.check_at is not None for each in history):
            return  # on an open page somebody may have paid, and nobody told us
        paid = [each for each in history if each.status == "Paid"]
        assert sorted(each.amount_micros // 10_000 for each in paid) == sorted(self.acme.charges)
        cleared = -sum(
            posting.micros
            for entry in self.acme.paying.store.entries()
            for posting in entry.postings
            if posting.account == "asset:card_clearing"
        )
        assert cleared == sum(each.amount_micros - each.refunded_micros for each in paid)


def _as_said(wallet: Wallet) -> Wallet:
    """The wallet without what a preview does not speak of."""
    subscription = replace(wallet.require_subscription(), changed_at=None)
    return replace(wallet, version=0, sequence=0, posted_at=None, paid_micros=0, refill=None, subscription=subscription)


def _is_free(subscription: Subscription) -> bool:
    """Whether a month of it may cost nothing: as it is, or as it is to be."""
    return not all(_price(terms) for terms in (subscription.terms, subscription.coming_terms))


def _price(terms: Terms) -> int:
    return PLANS[terms.plan_id].monthly_price_micros(terms.quantities)


@pytest.fixture
def machine(fresh_database: Callable[[], Database], stripe_simulator: RunningSimulator) -> type[LifeOfASubscription]:
    class OnThisStore(LifeOfASubscription):
        pass

    OnThisStore.fresh_database = staticmethod(fresh_database)
    OnThisStore.stripe = stripe_simulator
    return OnThisStore


def test_whatever_happens_in_months_of_a_subscription_it_is_charged_right(machine: Any) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
        ),
    )
