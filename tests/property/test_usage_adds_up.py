"""Whatever happens, the usage of any range is what its records say: late calls, moves, voids, months summed before."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from billing.domain.ledger import RatedLine
from billing.domain.usage_report import OTHERS, Days, GroupBy, Interval, UsageQuestion, UsageReport
from billing.domain.usage_sum import UsageSum
from billing.services.usage_report import UsageReporter
from billing.services.void_usage import void_usage
from billing.services.workspaces import assign_workspace
from billing.store.database import Database
from billing.store.usage_records import UsageFilter
from billing.store.workspaces import Workspaces
from tests.builders import NOW, call, calls_feature, detection_feature, micros, plan, received
from tests.platform_of_one import World

PLAN = plan(
    replace(
        calls_feature(included_minutes=5, price_per_minute="0.123457", increment_seconds="6"),
        unit_cost_micros=micros("0.0333"),
    ),
    detection_feature(price="0.0000015"),
)
ACCOUNTS = ("acme", "globex")
WORKSPACES = ("42", "43", "44")
MOST_DAYS_AGO = 100


class LifeOfUsage(RuleBasedStateMachine):
    fresh_database: Callable[[], Database]

    @initialize()
    def open(self) -> None:
        self.store = World(self.fresh_database())
        vars(self.store)["workspaces"] = Workspaces(self.store.database, self._seconds)
        self.store.open_account(PLAN, workspaces=WORKSPACES)
        self.store.open_account(PLAN, account_id="globex", workspaces=())
        self.now = NOW
        self.number = 0
        self.voided: set[str] = set()

    def _seconds(self) -> float:
        return self.now.timestamp()

    @rule(
        days_ago=st.lists(st.integers(0, MOST_DAYS_AGO), min_size=1, max_size=4),
        minutes=st.integers(0, 1439),
        seconds=st.decimals(min_value=0, max_value=900, places=3).map(lambda each: format(each, "f")),
        detections=st.integers(0, 3),
        workspace_id=st.sampled_from(WORKSPACES),
    )
    def calls_end_and_come_at_once_or_months_late(
        self, days_ago: list[int], minutes: int, seconds: str, detections: int, workspace_id: str
    ) -> None:
        events = []
        for days in days_ago:
            self.number += 1
            ended_at = self.now - timedelta(days=days, minutes=minutes)
            events.append(
                call(
                    f"e{self.number}",
                    seconds=seconds,
                    detections=detections,
                    workspace_id=workspace_id,
                    ended_at=ended_at,
                    arrived_at=self.now,
                )
            )
        outcome = self.store.settle(*events, now=self.now)
        assert outcome.failed == set()

    @rule(which=st.integers(0, 1000))
    def a_charge_is_voided(self, which: int) -> None:
        charges = [
            (account_id, entry)
            for account_id in ACCOUNTS
            for entry in self.store.entries(account_id)
            if entry.kind == "usage" and entry.cause not in self.voided
        ]
        if charges:
            account_id, entry = charges[which % len(charges)]
            void_usage(self.store, account_id, entry.entry_id, reason="خطأ", by="ops", key="k", now=self.now)
            self.voided.add(entry.cause)

    @rule(workspace_id=st.sampled_from(WORKSPACES), account_id=st.sampled_from(ACCOUNTS))
    def a_workspace_moves(self, workspace_id: str, account_id: str) -> None:
        assign_workspace(self.store, workspace_id, account_id, None, self.now)

    @rule(days=st.integers(0, 40), seconds=st.integers(1, 90))
    def time_passes(self, days: int, seconds: int) -> None:
        self.now += timedelta(days=days, seconds=seconds)

    @rule(
        first=st.integers(0, MOST_DAYS_AGO + 40),
        length=st.integers(1, 92),
        interval=st.sampled_from(("day", "month")),
        by=st.sampled_from(("feature", "workspace")),
        workspaces=st.sampled_from(((), (), ("42",), ("43", "44"))),
    )
    def usage_is_asked_for(
        self, first: int, length: int, interval: Interval, by: GroupBy, workspaces: tuple[str, ...]
    ) -> None:
        start = (self.now - timedelta(days=first)).date()
        days = Days(start, start + timedelta(days=length - 1))
        question = UsageQuestion(days, interval, by, workspaces, compare=True)
        for account_id in ACCOUNTS:
            report = UsageReporter(self.store).report(account_id, question, self.now)
            self._holds(report, account_id)

    @rule(months_ago=st.integers(1, 5), months=st.integers(1, 5))
    def whole_months_are_asked_for(self, months_ago: int, months: int) -> None:
        """Of which those that are over are summed once, and kept."""
        first = self.now.date().replace(day=1)
        for _ in range(months_ago):
            first = (first - timedelta(days=1)).replace(day=1)
        last = first
        for _ in range(months):
            last = (last + timedelta(days=31)).replace(day=1)
        question = UsageQuestion(Days(first, last - timedelta(days=1)), "month", "workspace", compare=True)
        for account_id in ACCOUNTS:
            for _ in range(2):
                self._holds(UsageReporter(self.store).report(account_id, question, self.now), account_id)

    def _holds(self, report: UsageReport, account_id: str) -> None:
        question = report.question
        said = self._records(account_id, question.days, question.workspaces)
        assert _figures(report.total) == said
        assert report.previous is not None
        assert _figures(report.previous) == self._records(account_id, question.before, question.workspaces)
        summed: Counter[str] = Counter()
        for bucket, part in zip(report.buckets, question.parts, strict=True):
            figures = _figures(bucket.sum)
            assert figures == self._records(account_id, part, question.workspaces)
            summed.update(figures)
            uses = bucket.uses(question.group_by, list(report.groups))
            assert sum(use.amount_micros for use in uses.values()) == bucket.sum.amount_micros
            assert OTHERS not in uses
        assert summed == said
        assert sum(use.amount_micros for use in report.groups.values()) == report.total.amount_micros

    def _records(self, account_id: str, days: Days, workspaces: tuple[str, ...]) -> Counter[str]:
        """What the records of these days add up to, line by line."""
        found: Counter[str] = Counter()
        start, end = _start(days.first), _start(days.last + timedelta(days=1))
        page = self.store.usage_records.page(account_id, 1000, None, UsageFilter(start, end, workspaces))
        assert page.next_cursor is None
        for entry in page.items:
            assert entry.usage is not None
            for line in entry.usage.lines:
                found[f"{line.feature} lines"] += 1
            if entry.cause in self.voided:
                continue
            found["calls"] += 1
            found["paid"] -= entry.amount_micros
            for line in entry.usage.lines:
                found.update({f"{line.feature} {name}": value for name, value in _parts(line).items()})
        return +found


def _parts(line: RatedLine) -> dict[str, int]:
    return {
        "quantity": line.quantity_millionths,
        "billed": line.billed_millionths,
        "included": line.included_millionths,
        "overage": line.overage_millionths,
        "pay as you go": line.pay_as_you_go_millionths,
        "cost": line.cost_micros or 0,
    }


def _figures(total: UsageSum) -> Counter[str]:
    found = Counter({"calls": total.calls, "paid": total.amount_micros})
    for key, use in total.features().items():
        parts = {
            "lines": use.lines,
            "quantity": use.quantity_millionths,
            "billed": use.billed_millionths,
            "included": use.included_millionths,
            "overage": use.overage_millionths,
            "pay as you go": use.pay_as_you_go_millionths,
            "cost": use.cost_micros or 0,
        }
        found.update({f"{key} {name}": value for name, value in parts.items()})
    return +found


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@pytest.fixture
def machine(fresh_database: Callable[[], Database]) -> type[LifeOfUsage]:
    class OnThisStore(LifeOfUsage):
        pass

    OnThisStore.fresh_database = staticmethod(fresh_database)
    return OnThisStore


def test_the_usage_of_any_range_is_the_sum_of_its_records_whatever_happens(machine: type[LifeOfUsage]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=20))


def test_an_event_that_is_told_again_counts_once(fresh_database: Callable[[], Database]) -> None:
    store = World(fresh_database())
    store.open_account(PLAN)
    event = call("e1")
    assert received(event).event == event
    store.settle(event)
    store.settle(event)
    report = UsageReporter(store).report("acme", UsageQuestion(Days(NOW.date(), NOW.date())), NOW)
    assert (report.total.calls, report.total.events) == (1, 1)
