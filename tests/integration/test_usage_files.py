"""Files of usage lines, of the ledger and of the billing history."""

from datetime import timedelta
from typing import Any

import pytest

from billing.api import routes_history, routes_payments
from billing.domain.errors import InvalidValue
from billing.services.file_parts import Part, TooManyLines
from billing.services.ledger_file import LedgerFiles
from billing.services.usage_file import READ_SECONDS, UsageFiles
from billing.store.database import Database
from billing.store.usage_records import UsageFilter
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import ADMINISTRATOR, NOW, WIRE, call, plan
from tests.platform_of_one import World

RECORDS = "/v1/accounts/acme/usage/records"


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(plan(), workspaces=("42", "43"))
    return store


@pytest.fixture
def client(database: Database) -> Client:
    return client_over(database, Line())


def settle_days(store: World, *days: int, calls: int = 2) -> None:
    """Calls of two lines each, of the days, the last ones of workspace 43; each settled on its day."""
    for day in days:
        ended_at = NOW.replace(day=day)
        events = [
            call(f"{day}-{n}", workspace_id="43" if n == calls - 1 else "42", detections=1, ended_at=ended_at)
            for n in range(calls)
        ]
        store.settle(*events, now=ended_at)


def events_of(entries: Any) -> list[str]:
    return [entry.usage.event_id for entry in entries]


def whole(store: World, wanted: UsageFilter, most: int) -> list[str]:
    """The events of all files of a range, one after the other."""
    files, cursor, found = UsageFiles(store, most), None, list[str]()
    while True:
        file = files.file("acme", wanted, cursor, NOW)
        found += events_of(file.entries)
        cursor = file.next_cursor
        if cursor is None:
            return found


def test_a_file_has_the_lines_of_the_range_the_first_settled_first(store: World) -> None:
    settle_days(store, 20, 21, 22)
    span = UsageFilter(NOW.replace(day=21, hour=0), NOW.replace(day=23, hour=0))
    file = UsageFiles(store, 8).file("acme", span, None, NOW)
    assert events_of(file.entries) == ["21-0", "21-1", "22-0", "22-1"]
    assert file.next_cursor is None


def test_a_range_with_more_lines_than_a_file_holds_is_offered_in_parts_with_exact_counts(store: World) -> None:
    settle_days(store, 10, 20, 21, 22)
    with pytest.raises(TooManyLines) as refused:
        UsageFiles(store, 9).file("acme", UsageFilter(), None, NOW)
    day = NOW.date().replace
    assert refused.value.parts == [Part(day(day=10), day(day=20), 8), Part(day(day=21), day(day=22), 8)]
    assert refused.value.lines == 16
    with pytest.raises(TooManyLines) as refused:
        UsageFiles(store, 2).file("acme", UsageFilter(feature="call_minutes", workspaces=("43",)), None, NOW)
    assert [part.lines for part in refused.value.parts] == [2, 2]


def test_a_day_with_more_lines_makes_several_files_and_none_is_lost_or_twice(store: World) -> None:
    settle_days(store, 20, calls=7)
    settle_days(store, 21)
    span = UsageFilter(NOW.replace(day=20, hour=0), NOW.replace(day=21, hour=0))
    for most in (2, 4, 5, 13):
        assert sorted(whole(store, span, most)) == [f"20-{n}" for n in range(7)]
    first = UsageFiles(store, 4).file("acme", span, None, NOW)
    with pytest.raises(InvalidValue) as refused:
        UsageFiles(store, 4).file("acme", UsageFilter(), first.next_cursor, NOW)
    assert refused.value.field == "cursor"


def test_a_file_of_a_part_of_a_day_and_of_one_dimension_has_these_alone(store: World) -> None:
    store.settle(*(call(f"e{n}", ended_at=NOW - timedelta(hours=n)) for n in range(5)))
    span = UsageFilter(NOW - timedelta(hours=3), NOW - timedelta(hours=1))
    assert sorted(whole(store, span, 3)) == ["e2", "e3"]
    assert whole(store, UsageFilter(dimension=("agent", "a-7")), 100) == []


def test_a_late_call_is_in_the_file_of_the_day_on_which_it_ended(store: World) -> None:
    settle_days(store, 20, 21, 22)
    store.settle(call("late", ended_at=NOW.replace(day=20)), now=NOW)
    span = UsageFilter(NOW.replace(day=20, hour=0), NOW.replace(day=21, hour=0))
    assert whole(store, span, 100) == ["20-0", "20-1", "late"]


def test_reading_stops_with_the_last_line_of_the_range(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_days(store, 20, 21, 22)
    read: list[str] = []
    pages = store.usage_records.oldest_first

    def one_at_a_time(*about: Any, **after: Any) -> Any:
        for page, reached in pages(*about, **after):
            for position, entry in page:
                read.extend(events_of([entry]))
                yield [(position, entry)], reached or position

    monkeypatch.setattr(store.usage_records, "oldest_first", one_at_a_time)
    span = UsageFilter(NOW.replace(day=20, hour=0), NOW.replace(day=21, hour=0))
    UsageFiles(store, 100).file("acme", span, None, NOW)
    assert read == ["20-0", "20-1"]


def test_a_file_that_takes_too_long_says_where_the_rest_is_also_where_nothing_was_found_yet(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two entries a page, of which a filter leaves nothing but of the last ones; each request has time for one page."""
    settle_days(store, 20, 21, calls=4)
    places = store.database.places

    def short(*about: Any, **arguments: Any) -> Any:
        return places(*about, **{**arguments, "limit": 2})

    monkeypatch.setattr(store.database, "places", short)
    wanted, cursor, found, files = UsageFilter(workspaces=("43",)), None, list[list[str]](), 0
    while files == 0 or cursor is not None:
        late = iter([0.0, *[READ_SECONDS * 2] * 9])
        file = UsageFiles(store, 100, clock=late.__next__).file("acme", wanted, cursor, NOW)
        found.append(events_of(file.entries))
        cursor, files = file.next_cursor, files + 1
    assert found == [[], ["20-3"], [], ["21-3"]]


def test_an_empty_range_makes_an_empty_file(store: World) -> None:
    settle_days(store, 20)
    assert whole(store, UsageFilter(NOW, NOW), 10) == []
    assert whole(store, UsageFilter(NOW.replace(day=1), NOW.replace(day=2)), 10) == []


def test_the_ledger_is_a_file_or_parts_with_exact_counts(store: World) -> None:
    settle_days(store, 20, 21, 22)
    whole_ledger = LedgerFiles(store, 6).file("acme", None, None, None)
    assert [entry.sequence for entry in whole_ledger.entries] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(TooManyLines) as refused:
        LedgerFiles(store, 4).file("acme", None, None, None)
    day = NOW.date().replace
    assert refused.value.parts == [Part(day(day=20), day(day=21), 4), Part(day(day=22), day(day=22), 2)]
    with pytest.raises(TooManyLines) as refused:
        LedgerFiles(store, 2).file("acme", NOW.replace(day=21), NOW, None)
    assert refused.value.parts == [Part(day(day=21), day(day=21), 2), Part(day(day=22), day(day=22), 2)]


def test_a_day_of_the_ledger_with_more_entries_makes_several_files(store: World) -> None:
    settle_days(store, 20, calls=7)
    files, cursor, found = LedgerFiles(store, 3), None, list[int]()
    while True:
        file = files.file("acme", NOW.replace(day=20, hour=0), None, cursor)
        found += [entry.sequence for entry in file.entries]
        cursor = file.next_cursor
        if cursor is None:
            break
    assert found == [1, 2, 3, 4, 5, 6, 7]


def test_files_of_the_api_have_the_rows_of_the_pages(client: Client, database: Database) -> None:
    with_acme(client)
    World(database).settle(*(call(f"e{n}", detections=1) for n in range(3)))
    client.post(
        "/v1/accounts/acme/adjustments", {"amount": "-5", "reason": WIRE, "by": ADMINISTRATOR}, idempotency_key="key-1"
    )
    lines = client.get(RECORDS, accept="text/csv", accept_encoding="gzip")
    assert lines.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines.headers["content-disposition"] == 'attachment; filename="usage-lines-2026-11-23.csv"'
    told = [(each["event_id"], line["feature"]) for each in client.get(RECORDS).json["items"] for line in each["lines"]]
    assert sorted((row["event_id"], row["feature"]) for row in lines.rows) == sorted(told)
    ledger = client.get("/v1/accounts/acme/ledger", accept="text/csv").rows
    assert [row["sequence"] for row in ledger] == ["1", "2", "3", "4"]
    assert (ledger[-1]["amount"], ledger[-1]["liability:paid_credit"]) == ("-5.000000", "-5.000000")
    assert (ledger[-1]["asset:receivable"], ledger[-1]["description"]) == ("5.000000", WIRE)
    history = client.get("/v1/accounts/acme/transactions", accept="text/csv").rows
    assert [(row["kind"], row["status"], row["amount"]) for row in history] == [("adjustment", "Paid", "-5.000000")]


def test_a_range_that_is_too_long_for_a_file_is_refused_with_its_parts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_history, "MOST_LINES", 4)
    client = with_acme(client_over(database, Line()))
    for day in (20, 21):
        events = (call(f"{day}-{n}", detections=1, ended_at=NOW.replace(day=day)) for n in range(2))
        World(database).settle(*events)
    refused = client.get(RECORDS, accept="text/csv")
    assert (refused.status, refused.code, refused.fields) == (422, "too_many_lines", ["to"])
    assert refused.json["lines"] == 8
    assert refused.json["parts"] == [
        {"from": "2026-11-20", "to": "2026-11-20", "lines": 4},
        {"from": "2026-11-21", "to": "2026-11-21", "lines": 4},
    ]
    for part in refused.json["parts"]:
        rows = client.get(f"{RECORDS}?from={part['from']}&to={part['to']}", accept="text/csv").rows
        assert len(rows) == part["lines"]


def test_the_link_of_a_long_day_leads_to_the_rest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_history, "MOST_LINES", 4)
    client = with_acme(client_over(database, Line()))
    World(database).settle(*(call(f"e{n}", detections=1) for n in range(5)))
    path, found = f"{RECORDS}?from=2026-11-23&to=2026-11-23&workspace_id=42", list[str]()
    for _ in range(3):
        answer = client.get(path, accept="text/csv")
        found += [row["event_id"] for row in answer.rows if row["feature"] == "call_minutes"]
        path = RECORDS + answer.headers.get("link", "")[1:].partition(">")[0]
    assert sorted(found) == [f"e{n}" for n in range(5)]
    assert path == RECORDS


def test_a_history_with_more_transactions_than_a_file_holds_is_offered_in_parts(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_acme(client)
    store = World(database)
    monkeypatch.setattr(routes_payments, "MOST_LINES", 2)
    for number, day in enumerate((20, 21, 21, 22)):
        store.adjust("1", f"wire-{number}", now=NOW.replace(day=day))
    path = "/v1/accounts/acme/transactions"
    refused = client.get(path, accept="text/csv")
    assert (refused.status, refused.code, refused.json["lines"]) == (422, "too_many_lines", 4)
    assert [(part["from"], part["to"], part["lines"]) for part in refused.json["parts"]] == [
        ("2026-11-20", "2026-11-20", 1),
        ("2026-11-21", "2026-11-21", 2),
        ("2026-11-22", "2026-11-22", 1),
    ]
    for part in refused.json["parts"]:
        rows = client.get(f"{path}?from={part['from']}&to={part['to']}&kind=adjustment", accept="text/csv").rows
        assert len(rows) == part["lines"]
    for number in (5, 6):
        store.adjust("1", f"wire-{number}", now=NOW.replace(day=22))
    first = client.get(f"{path}?from=2026-11-22&to=2026-11-22", accept="text/csv")
    second = client.get(path + first.headers["link"][1:].partition(">")[0], accept="text/csv")
    assert (len(first.rows), len(second.rows), "link" in second.headers) == (2, 1, False)
