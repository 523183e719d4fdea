"""Random lives of two accounts on the real store: after each step the books balance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from billing.domain.plan import Plan
from billing.domain.subscription_life import change_terms
from billing.domain.terms import Terms
from billing.domain.usage import UsageEvent, call_cause
from billing.domain.wallet import Posted, Wallet, grant_credit
from billing.services.settle_usage import UsageSettlement
from billing.services.void_usage import void_usage
from billing.services.workspaces import assign_workspace
from billing.store.database import Database
from billing.store.workspaces import Workspaces
from tests.builders import NOW, PERIOD_START, call, calls_feature, detection_feature, micros, plan, received
from tests.platform_of_one import World, assert_books_balance


def including(minutes: int) -> Plan:
    return plan(
        calls_feature(
            included_minutes=minutes, price_per_minute="0.123457", increment_seconds="6", discounts={7: 10, 12: 25}
        ),
        detection_feature(price="0.0000015"),
        plan_id=f"including-{minutes}",
    )


PLAN = including(5)
PLANS = {each.plan_id: each for each in (including(0), including(2), PLAN, including(8))}
SECONDS = st.decimals(min_value=0, max_value=900, places=3).map(lambda seconds: format(seconds, "f"))
CENTS = st.integers(min_value=-300, max_value=300).filter(bool)


ACCOUNTS = ("acme", "globex")


class LifeOfAnAccount(RuleBasedStateMachine):
    """Calls, duplicates under old and new ids, reorderings, conflicts, adjustments, other plans, credit that expires,
    and workspaces that move between a call's end and its event, in any order.
    """

    fresh_database: Callable[[], Database]

    sent = Bundle("sent")
    adjusted = Bundle("adjusted")

    @initialize()
    def open(self) -> None:
        self.store = World(self.fresh_database())
        # What settling keeps of a workspace grows old by the clock of this life.
        vars(self.store)["workspaces"] = Workspaces(self.store.database, self._seconds)
        self.store.open_account(PLAN, workspaces=("42", "43"))
        self.store.open_account(PLAN, account_id="globex", workspaces=())
        self.settlement = UsageSettlement(self.store)
        self.now = NOW
        self.number = 0
        self.charged: dict[str, str] = {}
        """The account that was charged, by cause."""
        self.voided: set[str] = set()
        self.owners: dict[str, list[tuple[datetime, str]]] = {each: [(PERIOD_START, "acme")] for each in ("42", "43")}

    @rule(
        target=sent,
        seconds=SECONDS,
        detections=st.integers(min_value=0, max_value=3),
        workspace_id=st.sampled_from(["42", "43"]),
        minutes_ago=st.integers(min_value=0, max_value=600),
    )
    def a_call_ends(self, seconds: str, detections: int, workspace_id: str, minutes_ago: int) -> UsageEvent:
        ended_at = self.now - timedelta(minutes=minutes_ago)
        return self._new_call(seconds, detections=detections, workspace_id=workspace_id, ended_at=ended_at)

    @rule(target=sent, seconds=SECONDS)
    def a_call_ends_and_arrives_at_once(self, seconds: str) -> UsageEvent:
        event = self._new_call(seconds, ended_at=self.now)
        self._settle([event], redelivered=False)
        return event

    @rule(events=st.lists(sent, min_size=1, max_size=8), redelivered=st.booleans())
    def events_arrive_in_any_order_and_number(self, events: list[UsageEvent], redelivered: bool) -> None:
        self._settle(events, redelivered=redelivered)

    @rule(events=st.lists(sent, min_size=1, max_size=4), redelivered=st.booleans(), also_the_old_ones=st.booleans())
    def calls_are_told_again_under_new_event_ids(
        self, events: list[UsageEvent], redelivered: bool, also_the_old_ones: bool
    ) -> None:
        self.number += 1
        # One id for all of them: an event id says nothing of a call.
        anew = [replace(event, event_id=f"again-{self.number}", source="/voice/eu-2") for event in events]
        self._settle([*anew, *(events if also_the_old_ones else ())], redelivered=redelivered)

    @rule(workspace_id=st.sampled_from(["42", "43"]), account_id=st.sampled_from(ACCOUNTS))
    def a_workspace_is_to_move(self, workspace_id: str, account_id: str) -> None:
        moved = assign_workspace(self.store, workspace_id, account_id, None, self.now)
        owners = self.owners[workspace_id]
        if owners[-1][1] != account_id:
            owners[:] = [each for each in owners if each[0] <= self.now]
            if owners[-1][1] != account_id:
                owners.append((self.now + timedelta(seconds=60), account_id))
        assert moved.account_id == account_id

    def _seconds(self) -> float:
        return self.now.timestamp()

    def _owner(self, event: UsageEvent) -> str:
        """Of the workspace, when the call ended. Ten moves are kept: a life has fewer in which a call is awaited."""
        owners = self.owners[event.workspace_id][-11:]
        return next((account for since, account in reversed(owners) if since <= event.occurred_at), owners[0][1])

    def _new_call(
        self, seconds: str, *, ended_at: datetime, detections: int = 0, workspace_id: str = "42"
    ) -> UsageEvent:
        self.number += 1
        return call(
            f"e{self.number}", seconds=seconds, detections=detections, workspace_id=workspace_id, ended_at=ended_at
        )

    def _settle(self, events: list[UsageEvent], *, redelivered: bool) -> None:
        batch = [received(event, f"m{position}", redelivered=redelivered) for position, event in enumerate(events)]
        outcome = self.settlement.settle_batch(batch, self.now)
        assert outcome.failed == set()
        owners = {event.cause: self._owner(event) for event in events}
        for usage in outcome.settled:
            cause = call_cause(usage.workspace_id, usage.call_id or "")
            assert cause not in self.charged, "charged twice"
            self.charged[cause] = owners[cause]
        assert {event.cause for event in events} <= self.charged.keys()

    @rule(event=sent)
    def the_same_id_comes_with_other_content(self, event: UsageEvent) -> None:
        if event.cause in self.charged:
            line = event.lines[0]
            other = replace(event, lines=(replace(line, quantity=line.quantity + Decimal(1)), *event.lines[1:]))
            outcome = self.settlement.settle_batch([received(other)], self.now)
            assert (outcome.settled, outcome.rejected) == ([], 1)

    @rule(which=st.integers(0, 1000), account_id=st.sampled_from(ACCOUNTS))
    def a_charge_is_voided(self, which: int, account_id: str) -> None:
        charges = [entry for entry in self.store.entries(account_id) if entry.kind == "usage"]
        charges = [entry for entry in charges if entry.cause not in self.voided]
        if charges:
            charge, before = charges[which % len(charges)], self.store.wallet(account_id)
            void_usage(self.store, account_id, charge.entry_id, reason="خطأ", by="ops", key="k", now=self.now)
            self.voided.add(charge.cause)
            after = self.store.wallet(account_id)
            gone = sum(each.micros for each in charge.drawn if each.expires_at <= self.now)
            expired = sum(each.remaining_micros for each in before.grants if each.expires_at <= self.now)
            assert after.balance_micros == before.balance_micros - charge.amount_micros - gone - expired

    @rule(target=adjusted, cents=CENTS)
    def an_administrator_adjusts_the_balance(self, cents: int) -> tuple[str, str]:
        self.number += 1
        amount, adjustment_id = str(Decimal(cents) / 100), f"a{self.number}"
        self.store.adjust(amount, adjustment_id, now=self.now)
        return amount, adjustment_id

    @rule(adjustment=adjusted)
    def an_adjustment_is_sent_again(self, adjustment: tuple[str, str]) -> None:
        before = self.store.wallet()
        self.store.adjust(*adjustment, now=self.now)
        assert self.store.wallet() == before, "the same adjustment counted twice"

    @rule(cents=st.integers(min_value=1, max_value=200), days=st.integers(min_value=1, max_value=10))
    def promotional_credit_is_granted(self, cents: int, days: int) -> None:
        self.number += 1
        before = self.store.wallet()
        if len(before.grants) < 4:
            posted = grant_credit(
                before,
                cents * 10_000,
                grant_id=f"g{self.number}",
                expires_at=self.now + timedelta(days=days),
                reason="welcome",
                now=self.now,
                fingerprint="f",
            )
            assert isinstance(self.store.books.commit(before, posted), Wallet)

    @rule(plan_id=st.sampled_from(sorted(PLANS)))
    def another_plan_takes_effect_at_once(self, plan_id: str) -> None:
        on, before = self.store.current_version(PLANS[plan_id]), self.store.wallet()
        moved = change_terms(before, Terms(on.plan_id, on.version, {}))
        assert isinstance(self.store.books.commit(before, Posted(moved)), Wallet)

    @rule(hours=st.integers(min_value=1, max_value=96))
    def time_passes(self, hours: int) -> None:
        # Stays within the month: the invariant adds up the two periods that a wallet knows.
        self.now = min(self.now + timedelta(hours=hours), NOW + timedelta(days=7))

    @rule(seconds=st.integers(min_value=1, max_value=90))
    def seconds_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def the_books_balance(self) -> None:
        for account_id in ACCOUNTS:
            assert_books_balance(self.store, account_id)

    @invariant()
    def each_call_draws_what_is_left_of_its_plan_s_allowance_and_buys_the_rest(self) -> None:
        """All in one month: what was drawn under one plan counts against the next one's quota, what was bought not."""
        for account_id in ACCOUNTS:
            drawn = 0
            for entry in self.store.entries(account_id):
                if entry.usage is not None:
                    quota = PLANS[entry.usage.plan_id].usage_features["call_minutes"].included_metered_millionths
                    (line,) = (each for each in entry.usage.lines if each.feature == "call_minutes")
                    if entry.kind == "void":
                        drawn += line.included_millionths
                        continue
                    assert line.included_millionths == min(line.billed_millionths, max(0, quota - drawn))
                    drawn += line.included_millionths

    @invariant()
    def a_negative_balance_is_paused_and_a_positive_one_is_not(self) -> None:
        for wallet in map(self.store.wallet, ACCOUNTS):
            assert not wallet.balance_micros or wallet.paused == (wallet.balance_micros < 0)

    @invariant()
    def every_call_has_one_entry_in_the_account_that_had_its_workspace_when_it_ended(self) -> None:
        for account_id in ACCOUNTS:
            causes = [entry.cause for entry in self.store.entries(account_id) if entry.kind == "usage"]
            assert sorted(causes) == sorted(cause for cause, charged in self.charged.items() if charged == account_id)


@pytest.fixture
def machine(fresh_database: Callable[[], Database]) -> type[LifeOfAnAccount]:
    class OnThisStore(LifeOfAnAccount):
        pass

    OnThisStore.fresh_database = staticmethod(fresh_database)
    return OnThisStore


def test_whatever_happens_to_an_account_its_books_balance_after_each_step(machine: type[LifeOfAnAccount]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
        ),
    )


def test_the_charge_of_a_plan_is_exact_to_the_micro_unit_on_the_real_store(machine: type[LifeOfAnAccount]) -> None:
    store = World(machine.fresh_database())
    store.open_account(PLAN, paid="10")
    store.settle(call("a", seconds="301"))
    assert store.wallet().balance_micros == micros("10") - 12_346
