"""A rejected event stays where an operator sees it until it is charged, whatever happens in between."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from billing.contracts.json_text import JsonValue, compact
from billing.contracts.usage_queue import receive
from billing.domain.errors import Conflict
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent, reject_queued
from billing.services.rejected_events import replay
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from tests.builders import NOW, cloud_event

EVENT, ANOTHER = cloud_event("a", seconds="60"), cloud_event("b", seconds="60")
QUEUED = receive(JsonValue(EVENT, compact(EVENT)), now=NOW)
assert isinstance(QUEUED, QueuedEvent)
REJECTED = reject_queued(QUEUED, "unknown_workspace", "there is no such workspace", rejected_at=NOW)

WITHOUT_ID = replace(REJECTED, event_id=None, cause=None, content=None)
"""Its id could not be read."""


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


class Refusing:
    """Is not to be asked."""

    def send(self, events: Sequence[QueuedEvent]) -> list[int]:
        raise AssertionError([event.event.event_id for event in events])


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
    assert open_events(rejected_events) == [replace(again, replay_event_id="a")]


def test_of_two_replays_at_once_under_different_ids_one_goes_to_the_queue(
    rejected_events: RejectedEvents, database: Database
) -> None:
    """Both have read the rejection before either fixes an id."""
    rejected_events.keep(WITHOUT_ID)

    looked_up: list[str] = []

    def let_another_go_first(**_: object) -> None:
        looked_up.append("the event's entry, after the rejection was read")
        if len(looked_up) == 1:
            replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, ANOTHER, NOW)

    database.client.meta.events.register("before-call.dynamodb.BatchGetItem", let_another_go_first)
    with pytest.raises(Conflict) as refusal:
        replay(Store(database), Refusing(), REJECTED.rejection_id, EVENT, NOW)
    assert refusal.value.code == "replayed_under_another_id"
    (replayed,) = rejected_events.page("replayed", 10, None).items
    assert replayed.replay_event_id == "b"


def test_an_event_whose_replay_died_before_the_queue_had_it_is_open_and_its_id_is_fixed(
    rejected_events: RejectedEvents, database: Database
) -> None:
    rejected_events.keep(REJECTED)
    with pytest.raises(Died):
        replay(Store(database), Dying(), REJECTED.rejection_id, EVENT, NOW)
    assert [event.replay_event_id for event in open_events(rejected_events)] == ["a"]
    with pytest.raises(Conflict):
        replay(Store(database), Refusing(), REJECTED.rejection_id, ANOTHER, NOW)
    replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, EVENT, NOW)
    assert open_events(rejected_events) == []


def test_an_event_that_is_rejected_again_after_its_replay_is_open_again(
    rejected_events: RejectedEvents, database: Database
) -> None:
    rejected_events.keep(REJECTED)
    replay(Store(database), Queue(rejected_events), REJECTED.rejection_id, EVENT, NOW)
    again = replace(REJECTED, rejected_at=NOW + timedelta(seconds=5))
    rejected_events.keep(again)
    assert open_events(rejected_events) == [replace(again, replay_event_id="a")]
