"""No storm of charges, ever: an account with auto-refill, decided on values, whatever happens to it and in what order.

Calls, refunds, disputes, adjustments, expiring credit, replaced cards, declines, answers that are lost or late, and
clocks that disagree. Each refill that starts is held to the rules by what this test has seen, not by what the wallet
says of itself. `make explore` takes a hundred thousand steps.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from billing.domain.auto_refill import with_refill
from billing.domain.card_changes import make_default, record_entered_date, record_network_date
from billing.domain.change import Change
from billing.domain.credit_by_hand import adjust_by_hand, give_credit
from billing.domain.declines import NO_LONGER_WANTED, Failure
from billing.domain.dispute_hold import lift_by_hand
from billing.domain.errors import BillingError
from billing.domain.intention import is_fresh, is_wanted, report_nothing, unless_wanted
from billing.domain.money import Money
from billing.domain.payment import record_refund
from billing.domain.payment_report import apply_report
from billing.domain.refill_settings import switch_off
from billing.domain.renewal import unlock
from billing.domain.settlement import settle
from billing.domain.subscription_life import cancel, change_terms
from billing.domain.terms import Terms
from billing.domain.transaction import DisputeStatus, PaymentReport, Refund, Transaction, new_charge
from billing.domain.wallet import Posted, expire_grants
from tests.builders import MICROS, NOW, call, micros
from tests.refill_rules import A_DAY, A_MINUTE, PLAN, PLANS, RefillRules

DECLINES = ("insufficient_funds", "do_not_honor", "expired_card", "lost_card", "authentication_required")
IS_EXPLORING = settings.get_current_profile_name() == "explore"


class LifeOfAnAutoRefill(RefillRules, RuleBasedStateMachine):
    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        RefillRules.__init__(self)

    # What the customer, the platform and the administrator do.

    @rule(minutes=st.integers(min_value=1, max_value=30) | st.sampled_from([1, 10, 20, 30, 400, 200_000]))
    def a_call_is_settled(self, minutes: int) -> None:
        self.number += 1
        event = call(f"e{self.number}", seconds=str(minutes * 60), ended_at=self.now)
        settlement = settle(self.wallet, [event], PLANS, self.now)
        self.write(Change(settlement.posted, None), may_start=True)

    @rule(to=st.sampled_from(["15", "15", "25", "0", "-5", "-120", "500"]))
    def an_administrator_corrects_the_balance(self, to: str) -> None:
        self.number += 1
        self.write(
            adjust_by_hand(
                self.wallet,
                micros(to) - self.wallet.balance_micros,
                adjustment_id=f"a{self.number}",
                reason="تصحيح",
                by="ops",
                now=self.now,
                fingerprint="f",
            )
        )

    @rule(days=st.integers(min_value=1, max_value=3), amount=st.sampled_from(["5", "70"]))
    def credit_is_granted(self, days: int, amount: str) -> None:
        self.number += 1
        expires = self.now + days * A_DAY
        try:
            granted = give_credit(
                self.wallet,
                micros(amount),
                grant_id=f"g{self.number}",
                expires_at=expires,
                reason="欢迎",
                now=self.now,
                fingerprint="f",
            )
        except BillingError:
            return  # eight are there already
        self.write(granted)

    @rule(
        threshold=st.sampled_from(["20", "20", "0.01", "150", "9000"]),
        amount=st.sampled_from(["100", "100", "5", "300"]),
        limit=st.none() | st.none() | st.sampled_from(["300", "1000"]),
        enabled=st.booleans() | st.just(value=True),
    )
    def the_settings_are_saved(self, threshold: str, amount: str, limit: str | None, *, enabled: bool) -> None:
        self._save(threshold, amount, limit, enabled=enabled)

    @precondition(lambda self: self.number % 3 == 0)
    @rule()
    def it_is_switched_off(self) -> None:
        self.write(Change(Posted(switch_off(self.wallet)), None))

    @rule(locked=st.sampled_from([False, False, False, True]))
    def the_account_is_locked_or_unlocked(self, *, locked: bool) -> None:
        if locked:
            self.write(Change(Posted(replace(self.wallet, lock_reason="مراجعة")), None))
        else:
            self.write(Change(with_refill(Posted(unlock(self.wallet, self.now)), self.now), None), may_start=True)

    @rule(undone=st.sampled_from([True, True, True, False]))
    def the_subscription_is_canceled_or_that_is_undone(self, *, undone: bool) -> None:
        after = change_terms(self.wallet, Terms(*PLAN.key, {})) if undone else cancel(self.wallet)
        self.write(Change(Posted(after), None))

    @rule(amount=st.sampled_from(["5", "5", "50"]))
    def the_customer_pays_by_hand(self, amount: str) -> None:
        self.number += 1
        paid = new_charge(
            f"tx_hand_{self.number}", "acme", "top_up", Money(micros(amount), "USD"), self.cards[0], now=self.now
        )
        self.transactions[paid.transaction_id] = paid
        self.stops, self.declined = {}, []
        self.write(apply_report(self.wallet, paid, self._succeeded(paid), self.now))

    @rule(index=st.integers(min_value=0, max_value=1))
    def a_card_is_made_the_default(self, index: int) -> None:
        card = self.cards[index]
        is_another = card.fingerprint != self._default().fingerprint
        if is_another:
            self.stops, self.declined = {}, []
        self.write(make_default(self.wallet, card, self.now), may_start=is_another)

    @rule()
    def the_network_replaces_the_default_card_s_number(self) -> None:
        self.number += 1
        self.number_now[self._default().payment_method_id] = f"another number {self.number}"
        seen = replace(self._default(), last4=f"{self.number:04d}")
        self.write(record_network_date(self.wallet, self._default(), seen, self.now))

    @rule(entered=st.booleans())
    def the_default_card_gets_another_date(self, *, entered: bool) -> None:
        self.number += 1
        card = self._default()
        renewed = replace(card, exp_year=card.exp_year + 1, payment_method_id=f"pm_new_{self.number}")
        if self.declined and self.declined[-1][1] == "expired_card":
            self.declined = []
        if entered:
            decision: Change[Any] = record_entered_date(
                self.wallet, card, renewed, current=card, why=None, now=self.now
            )
        else:
            renewed = replace(renewed, payment_method_id=card.payment_method_id)
            decision = record_network_date(self.wallet, card, renewed, self.now)
        self.write(decision, may_start=entered)

    # What banks and Stripe do.

    @rule(answer=st.sampled_from(["paid", "paid", *DECLINES]), heard=st.sampled_from([True, True, False]))
    def the_pending_refill_is_charged(self, answer: str, *, heard: bool) -> None:
        pending = self._pending()
        if pending is None:
            return
        if pending.transaction_id not in self.answers and not self._goes_on_with(pending):
            return
        if pending.transaction_id not in self.answers:
            self.answers[pending.transaction_id] = self._answer(pending, answer)
        if heard:
            self._hear(pending)

    @rule()
    def the_request_never_reaches_stripe(self) -> None:
        pending = self._pending()
        if pending is not None and pending.transaction_id not in self.answers:
            self._goes_on_with(pending)

    @rule()
    def all_answers_are_heard(self) -> None:
        for transaction_id in self.answers:
            self._hear(self.transactions[transaction_id])

    @rule(code=st.sampled_from(["canceled", "not_completed"]))
    def the_pending_refill_comes_to_nothing_for_no_fault_of_the_card(self, code: str) -> None:
        pending = self._pending()
        if pending is not None and pending.transaction_id not in self.answers:
            self.write(apply_report(self.wallet, pending, report_nothing(pending, Failure(code)), self.now))

    def _pending(self) -> Transaction | None:
        return None if self.refill.pending is None else self.transactions[self.refill.pending]

    def _goes_on_with(self, pending: Transaction) -> bool:
        """What `charge_card` does before a card is asked. Whether it is asked."""
        if is_fresh(pending, self.now):
            return True
        if is_wanted(self.wallet, pending, self.now):
            self._check_wanted(pending)
            self.transactions[pending.transaction_id] = replace(pending, asked_at=self.now, version=pending.version + 1)
            return True
        report = report_nothing(pending, Failure(NO_LONGER_WANTED))
        self.write(unless_wanted(self.wallet, pending, report, self.now))
        return False

    def _answer(self, pending: Transaction, answer: str) -> PaymentReport:
        return self._succeeded(pending) if answer == "paid" else self._refused(pending, Failure(answer))

    def _succeeded(self, transaction: Transaction) -> PaymentReport:
        number = self.number_now.get(transaction.payment_method_id or "", transaction.card_fingerprint)
        intent = f"pi_{transaction.transaction_id}"
        return PaymentReport(
            transaction.transaction_id,
            "acme",
            intent,
            "succeeded",
            transaction.amount_micros,
            "USD",
            card_fingerprint=number,
        )

    def _refused(self, transaction: Transaction, why: Failure) -> PaymentReport:
        return replace(self._succeeded(transaction), outcome="declined", received_micros=0, failure=why)

    def _hear(self, transaction: Transaction) -> None:
        """An answer, for the first time or again, of a refill under way or of one that was given up."""
        report = self.answers[transaction.transaction_id]
        is_news = transaction.status == "Processing"
        if (
            is_news
            and report.failure is not None
            and transaction.payment_method_id == self._default().payment_method_id
        ):
            self.declined.append((self.now, report.failure.code))
        is_by_default = transaction.payment_method_id == self._default().payment_method_id
        has_refilled = report.outcome == "succeeded" and transaction.status != "Paid" and is_by_default
        if has_refilled and self.refill.suspended is None:
            self.declined = []
        self.write(apply_report(self.wallet, transaction, report, self.now))

    @rule(share=st.sampled_from([1, 2]), by_bank=st.booleans())
    def a_payment_is_refunded(self, share: int, *, by_bank: bool) -> None:
        paid = self._some_paid()
        if paid is None:
            return
        self.number += 1
        left = paid.amount_micros - paid.refunded_micros
        refund = Refund(f"re_{self.number}", left // share, self.now)
        if left == 0:
            return
        if paid.kind == "auto_refill":
            self.stops["refunded"] = paid.card_fingerprint or ""
        self.write(record_refund(self.wallet, paid, refund, self.now))
        if by_bank:
            again = self.transactions[paid.transaction_id]
            self.write(record_refund(self.wallet, again, replace(refund, returned=True), self.now))

    @rule(decided=st.sampled_from([None, None, "won", "lost"]))
    def a_payment_is_disputed(self, *, decided: DisputeStatus | None) -> None:
        paid = self._some_paid()
        if paid is not None and not paid.disputes:
            self.stops[f"dp_{paid.transaction_id}"] = paid.card_fingerprint or ""
            self._dispute(paid, "opened")
            if decided is not None:
                self._decide(self.transactions[paid.transaction_id], decided)

    @rule(decided=st.sampled_from(["won", "lost"]))
    def a_dispute_is_decided(self, decided: DisputeStatus) -> None:
        paid = self._some_paid()
        if paid is not None and paid.dispute_status == "opened":
            self._decide(paid, decided)

    @rule()
    def an_administrator_lifts_what_disputes_hold(self) -> None:
        if self.number % 4 == 0:
            self._no_dispute_stops()
            self.write(lift_by_hand(self.wallet, reason="撤回", by="ops", now=self.now))

    def _some_paid(self) -> Transaction | None:
        paid = [each for each in self.transactions.values() if each.status == "Paid" and each.is_payment]
        return paid[self.number % len(paid)] if paid else None

    # What clocks do.

    @rule(
        passed=st.sampled_from(
            [timedelta(seconds=20), A_MINUTE, 5 * A_MINUTE, 11 * A_MINUTE, timedelta(hours=1), A_DAY, 9 * A_DAY]
        )
    )
    def time_passes(self, passed: timedelta) -> None:
        self.now = min(self.now + passed, NOW + 380 * A_DAY)

    @rule(behind=st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=30)]))
    def the_clock_looks(self, behind: timedelta) -> None:
        """As reconciliation does, on a machine whose clock may be behind the others'."""
        moment = self.now - behind
        due = self.wallet.waits_until
        if due is not None and due <= moment:
            posted = with_refill(expire_grants(self.wallet, moment), moment)
            self.write(Change(posted, None), may_start=True, now=moment)

    @rule(times=st.integers(min_value=2, max_value=25), seconds=st.sampled_from([1, 20, 61, 70]))
    def calls_come_one_after_the_other_and_each_refill_is_paid(self, times: int, seconds: int) -> None:
        for _ in range(times):
            self.a_call_is_settled(20)
            self._settle_pending()
            self.now += timedelta(seconds=seconds)

    @rule(
        code=st.sampled_from(DECLINES),
        rounds=st.integers(min_value=2, max_value=12),
        passed=st.sampled_from([5 * A_MINUTE, timedelta(hours=1), timedelta(hours=25)]),
        replaced=st.booleans(),
    )
    def calls_go_on_while_the_card_declines(self, code: str, rounds: int, passed: timedelta, *, replaced: bool) -> None:
        if replaced:
            self.the_network_replaces_the_default_card_s_number()
        for _ in range(rounds):
            self.a_call_is_settled(5)
            self._settle_pending(code)
            self.now += passed
            self.the_clock_looks(timedelta(0))

    @rule(disputed=st.booleans())
    def credit_goes_back_while_a_refill_is_under_way(self, *, disputed: bool) -> None:
        self.a_call_is_settled(30)
        if disputed:
            self.a_payment_is_disputed(decided=None)
        else:
            self.a_payment_is_refunded(share=1, by_bank=False)
        self._settle_pending()
        self.now += A_MINUTE
        self.a_call_is_settled(30)

    @rule(sweeps=st.integers(min_value=1, max_value=5))
    def stripe_is_silent_while_reconciliation_runs(self, sweeps: int) -> None:
        for _ in range(sweeps):
            self.now += 5 * A_MINUTE
            self.the_request_never_reaches_stripe()

    @precondition(lambda self: self.number % 7 == 0)
    @rule()
    def all_is_well_for_some_days_and_the_account_does_not_stay_paused(self) -> None:
        """Nobody has to do anything: what waits is looked at by the clock alone."""
        self.number += 1
        self.write(Change(Posted(change_terms(replace(self.wallet, lock_reason=None), Terms(*PLAN.key, {}))), None))
        self.all_answers_are_heard()
        self.a_card_is_made_the_default(1)
        self.a_card_is_made_the_default(0)
        if self.refill.pending is not None:
            self._settle_pending()
        self._save("20", "100", None, enabled=True)
        for _ in range(2):
            self.a_call_is_settled(60)  # the second one while the first one's refill is under way
        for _ in range(40):
            self._settle_pending()
            self.now += timedelta(hours=1)
            self.the_clock_looks(timedelta(0))
        self._settle_pending()
        deficit = micros("20") - self.wallet.balance_micros
        assert deficit <= 0 or self.refill.suspended == "deficit_too_large", "left below its threshold for ever"
        assert self.wallet.status == "active" or self.refill.suspended == "deficit_too_large", "paid, and paused"

    def _settle_pending(self, answer: str = "paid") -> None:
        pending = self._pending()
        if pending is None:
            return
        if pending.transaction_id not in self.answers and self._goes_on_with(pending):
            self.answers[pending.transaction_id] = self._answer(pending, answer)
        if pending.transaction_id in self.answers:
            self._hear(self.transactions[pending.transaction_id])

    @invariant()
    def the_balance_is_the_sum_of_its_entries(self) -> None:
        assert self.wallet.balance_micros == 100 * MICROS + sum(entry.amount_micros for entry in self.entries)

    @invariant()
    def no_card_is_blamed_for_what_no_bank_said(self) -> None:
        assert self.refill.suspended not in {"canceled", "not_completed", NO_LONGER_WANTED}

    @invariant()
    def what_the_month_counts_is_what_refills_of_it_charged(self) -> None:
        month = self.refill.month
        counted = sum(
            each.amount_micros - each.refunded_micros
            for each in self.transactions.values()
            if each.kind == "auto_refill" and each.status != "Failed" and each.created_at.strftime("%Y-%m") == month
        )
        assert self.refill.charged_micros == counted

    @invariant()
    def a_pending_refill_is_under_way_and_no_other_is(self) -> None:
        under_way = [
            each.transaction_id
            for each in self.transactions.values()
            if each.kind == "auto_refill" and each.status == "Processing"
        ]
        assert under_way == ([] if self.refill.pending is None else [self.refill.pending])


def test_whatever_happens_an_account_is_refilled_as_its_customer_wants_and_not_once_more() -> None:
    run_state_machine_as_test(
        LifeOfAnAutoRefill, settings=settings(max_examples=2000 if IS_EXPLORING else 60, stateful_step_count=50)
    )
