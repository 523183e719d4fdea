"""A rejected event stays where an operator sees it until it is charged, whatever happens in between."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.contracts.json_text import JsonValue, compact
from billing.contracts.usage_queue import receive
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent, reject_queued
from billing.domain.usage import Replay
from billing.services.rejected_events import replay
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from tests.builders import NOW, cloud_event

EVENT, ANOTHER = cloud_event("a", seconds="60"), cloud_event("b", seconds="60")
QUEUED = receive(JsonValue(EVENT, compact(EVENT)), now=NOW)
assert isinstance(QUEUED, QueuedEvent)
REJECTED = reject_queued(QUEUED, "unknown_workspace", "there is no such workspace", rejected_at=NOW)


@pytest.fixture
def rejected_events(database: Database) -> RejectedEvents:
    return RejectedEvents(database)


class Queue:
    """Takes every event; `meanwhile` is rejected before the sender goes on."""

    def __init__(self, rejected_events: RejectedEvents, meanwhile: RejectedEvent | None = None) -> None:
        self._rejected_events = rejected_events
        self._meanwhile = meanwhile

    def send(self, events: Sequence[QueuedEvent]) -> list[int]:
        assert len(events) == 1
        if self._meanwhile is not None:
            self._rejected_events.keep(self._meanwhile)
        return []


class Died(Exception):
    """The process ended here."""


class Dying:
    def send(self, events: Sequence[QueuedEvent]) -> list[int]:
        raise Died(events)


def open_events(rejected_events: RejectedEvents) -> list[RejectedEvent]:
    return rejected_events.page("open", 10, None).items


def test_the_same_event_rejected_twice_is_one_with_its_latest_reason_and_its_first_arrival(
    rejected_events: RejectedEvents,
) -> None:
    later = NOW + timedelta(hours=1)
    rejected_events.keep(REJECTED)
    rejected_events.keep(replace(REJECTED, code="no_plan", field=None, rejected_at=later, arrived_at=later))
    (kept,) = open_events(rejected_events)
    assert (kept.code, kept.rejected_at, kept.arrived_at) == ("no_plan", later, REJECTED.arrived_at)


def test_a_replayed_event_is_no_longer_open(rejected_events: RejectedEvents, database: Database) -> None:
    rejected_events.keep(REJECTED)
    replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, EVENT, NOW)
    assert open_events(rejected_events) == []
    assert [event.event_id for event in rejected_events.page("replayed", 10, None).items] == ["a"]


def test_an_event_that_is_rejected_again_before_its_replay_is_noted_stays_open(
    rejected_events: RejectedEvents, database: Database
) -> None:
    rejected_events.keep(REJECTED)
    again = replace(REJECTED, rejected_at=NOW + timedelta(milliseconds=5))
    replay(Store(database), Queue(rejected_events, meanwhile=again), REJECTED.rejection_id, EVENT, NOW)
    assert open_events(rejected_events) == [again]


def test_an_event_whose_replay_died_before_the_queue_had_it_is_open_and_can_be_replayed_otherwise(
    rejected_events: RejectedEvents, database: Database
) -> None:
    rejected_events.keep(REJECTED)
    with pytest.raises(Died):
        replay(Store(database), Dying(), REJECTED.rejection_id, EVENT, NOW)
    assert open_events(rejected_events) == [REJECTED]
    replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, ANOTHER, NOW)
    assert open_events(rejected_events) == []


def test_a_replay_carries_what_the_event_was_known_by_when_it_first_came(
    rejected_events: RejectedEvents, database: Database
) -> None:
    """However often it was corrected and rejected again since."""
    rejected_events.keep(REJECTED)
    corrected = replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, ANOTHER, NOW)
    later = NOW + timedelta(seconds=5)
    rejected_events.keep(reject_queued(corrected, "unknown_feature", "is not in the plan", rejected_at=later))
    again = replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, None, NOW)
    assert isinstance(QUEUED, QueuedEvent)
    assert again.event.replay == Replay(REJECTED.rejection_id, QUEUED.event.cause, QUEUED.event.fingerprint)
    assert again.event.cause == "call:42:call-of-b"


def test_an_event_that_is_rejected_again_after_its_replay_is_open_again(
    rejected_events: RejectedEvents, database: Database
) -> None:
    rejected_events.keep(REJECTED)
    replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, EVENT, NOW)
    again = replace(REJECTED, rejected_at=NOW + timedelta(seconds=5))
    rejected_events.keep(again)
    assert open_events(rejected_events) == [replace(again, replay_event_id="a")]
