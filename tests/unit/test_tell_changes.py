"""What changes make known is told once, and comes again from the first change that is not told."""

from collections.abc import Sequence

from billing.contracts.bus_events import BusEvent
from billing.services.tell_changes import News, Put, Told, tell


def event(event_id: str, payload: str = "") -> BusEvent:
    return BusEvent(event_id, "account.paused", "acme", payload)


def bus(*refused: str) -> tuple[list[BusEvent], Put]:
    """What a bus is given, and the bus: it does not take the events of these ids."""
    given: list[BusEvent] = []

    def put(events: Sequence[BusEvent]) -> set[int]:
        given.extend(events)
        return {index for index, each in enumerate(events) if each.event_id in refused}

    return given, put


def test_all_that_is_taken_is_told() -> None:
    given, put = bus()
    assert tell([News("1", [event("a"), event("b")]), News("2", [event("c")])], put) == Told(told=3, untold=0)
    assert [each.event_id for each in given] == ["a", "b", "c"]


def test_an_event_that_several_changes_make_is_told_once_as_the_first_made_it() -> None:
    given, put = bus()
    news = [News("1", [event("a", "first")]), News("2", [event("a", "second"), event("b")])]
    assert tell(news, put) == Told(told=2, untold=0)
    assert given == [event("a", "first"), event("b")]


def test_from_the_first_change_that_is_not_told_the_stream_comes_again() -> None:
    news = [News("1", [event("a")]), News("2", [event("b")]), News("3"), News("4", [event("d")])]
    assert tell(news, bus("d", "b")[1]) == Told(told=1, untold=2, again="2")


def test_an_event_that_is_not_told_comes_again_with_the_first_change_that_made_it() -> None:
    news = [News("1"), News("2", [event("a")]), News("3", [event("a"), event("b")])]
    assert tell(news, bus("a")[1]).again == "2"


def test_a_decline_is_counted_when_its_change_is_told() -> None:
    news = [
        News("1", [event("a")], declined=True),
        News("2"),
        News("3", declined=False),
        News("4", [event("d")], declined=True),
        News("5", declined=True),
    ]
    assert tell(news, bus("d")[1]).declines == (True, False)
    assert tell(news, bus()[1]).declines == (True, False, True, True)


def test_no_news_are_told_at_once() -> None:
    assert tell([], bus()[1]) == Told(told=0, untold=0)
