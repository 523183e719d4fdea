"""Calls that race for slots while time passes and the limit changes: never one too many, never one lost."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from billing.domain import lease
from billing.domain.lease import Held, LeaseKey, LeasePage, extend, give_back, in_use, lease_key, take
from tests.builders import NOW

CALLS = st.sampled_from([lease_key("42", f"call-{n}") for n in range(12)])
TTLS = st.integers(min_value=10, max_value=60)


@dataclass
class Decided:
    """What a worker read and decided, and has not written yet."""

    key: LeaseKey
    new: bool
    held: Held


class Slots(RuleBasedStateMachine):
    """Workers read at one step and write at a later one, as the table allows: where no page has moved."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[int, LeasePage] = {}
        self.now: datetime = NOW
        self.limit = 5
        self.deciding: list[Decided] = []
        self.expiries: dict[LeaseKey, datetime] = {}

    @property
    def pages(self) -> list[LeasePage]:
        return list(self.table.values())

    def live(self) -> set[LeaseKey]:
        return {key for key, expires_at in self.expiries.items() if expires_at > self.now}

    def write(self, *pages: LeasePage) -> bool:
        if any(page.version != self.table.get(page.number, LeasePage(page.number)).version for page in pages):
            return False
        self.table |= {page.number: replace(page, version=page.version + 1) for page in pages}
        return True

    @rule(key=CALLS, ttl_seconds=TTLS)
    def a_worker_reads_and_decides(self, key: LeaseKey, ttl_seconds: int) -> None:
        held = extended = extend(self.pages, key, ttl_seconds=ttl_seconds, now=self.now)
        assert (extended is not None) == (key in self.live())
        if held is None:
            if in_use(self.pages, self.now) >= self.limit:
                return
            held = take(self.pages, key, limit=self.limit, ttl_seconds=ttl_seconds, now=self.now)
        self.deciding.append(Decided(key, extended is None, held))

    @precondition(lambda self: self.deciding)
    @rule(position=st.integers(min_value=0, max_value=5))
    def a_worker_writes(self, position: int) -> None:
        decided = self.deciding.pop(position % len(self.deciding))
        before = self.live()
        if self.write(*decided.held.pages):
            assert (decided.key not in before) == decided.new, "a lease was taken twice, or extended when gone"
            self.expiries[decided.key] = decided.held.expires_at
            if decided.new:
                assert len(self.live()) <= self.limit, "one too many"

    @rule(keys=st.lists(CALLS, min_size=2, max_size=5), ttl_seconds=TTLS)
    def calls_start_at_once(self, keys: list[LeaseKey], ttl_seconds: int) -> None:
        for key in keys:
            self.a_worker_reads_and_decides(key, ttl_seconds)
        while self.deciding:
            self.a_worker_writes(0)

    @rule(keys=st.sets(CALLS, min_size=1, max_size=4))
    def leases_are_given_back(self, keys: set[LeaseKey]) -> None:
        for page in give_back(self.pages, keys, self.now):
            assert self.write(page)
        for key in keys:
            self.expiries.pop(key, None)

    @rule(key=CALLS, given_back=st.sets(CALLS, min_size=1, max_size=4), ttl_seconds=TTLS)
    def a_request_is_repeated_before_it_was_answered(
        self, key: LeaseKey, given_back: set[LeaseKey], ttl_seconds: int
    ) -> None:
        self.a_worker_reads_and_decides(key, ttl_seconds)
        self.leases_are_given_back(given_back - {key})
        self.a_worker_reads_and_decides(key, ttl_seconds)
        while self.deciding:
            self.a_worker_writes(0)

    @rule(seconds=st.integers(min_value=1, max_value=20))
    def time_passes(self, seconds: int) -> None:
        self.deciding.clear()
        self.now += timedelta(seconds=seconds)

    @rule(limit=st.integers(min_value=1, max_value=9))
    def the_account_rents_more_or_fewer_slots(self, limit: int) -> None:
        self.deciding.clear()
        self.limit = limit

    @invariant()
    def the_table_holds_exactly_the_live_leases_each_once(self) -> None:
        held = [key for page in self.pages for key in page.live(self.now)]
        assert sorted(held) == sorted(self.live())

    @invariant()
    def page_0_knows_of_every_other(self) -> None:
        assert all(number < self.table[0].pages for number in self.table if number > 0)


def test_whatever_races_happen_live_leases_are_exactly_those_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "PAGE_SLOTS", 2)
    run_state_machine_as_test(Slots, settings=settings(max_examples=300, stateful_step_count=40))
