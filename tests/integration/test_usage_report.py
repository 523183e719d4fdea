"""What was used and paid over time: exact at each moment, whatever is kept of months that are over."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.domain.usage_report import OTHERS, Days, RangeTooLong, UsageQuestion
from billing.domain.usage_sum import Use
from billing.domain.wallet import Posted, Wallet
from billing.services import usage_report
from billing.services.usage_report import READ_SECONDS, UsageInProgress, UsageReporter
from billing.services.workspaces import assign_workspace
from billing.store.daily_usage import DailyUsage, UsageMonthItem
from billing.store.database import Database
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import CALL_MINUTES, NOW, call, calls_feature, detection_feature, micros, plan
from tests.platform_of_one import World

COSTED = plan(
    replace(calls_feature(included_minutes=2, increment_seconds="60"), unit_cost_micros=micros("0.05")),
    detection_feature(),
)
LATER = NOW + timedelta(days=30)
NOVEMBER = Days(date(2026, 11, 1), date(2026, 11, 30))
_NUMBERS = itertools.count()
AUTUMN = UsageQuestion(Days(date(2026, 9, 1), date(2026, 11, 30)), "month", compare=True)


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(COSTED, workspaces=("42", "43"), paid="10")
    return store


def on(day: int, month: int = 11) -> datetime:
    return NOW.replace(month=month, day=day)


def settle(store: World, *ends: datetime, workspace_id: str = "42", now: datetime | None = None) -> None:
    """A call of 90 seconds, billed as two minutes, and a detection, at each of the moments; settled then or `now`."""
    for ended_at in ends:
        event = call(
            f"event-{next(_NUMBERS)}", seconds="90", detections=1, workspace_id=workspace_id, ended_at=ended_at
        )
        store.settle(event, now=now or ended_at)


def asked(store: World, question: UsageQuestion, now: datetime = NOW) -> Any:
    return UsageReporter(store).report("acme", question, now)


def test_a_range_by_day_has_a_bucket_for_each_day_and_says_what_was_included_and_bought(store: World) -> None:
    settle(store, on(20), on(22), on(22))
    report = asked(store, UsageQuestion(Days(date(2026, 11, 19), date(2026, 11, 23))))
    paid = [bucket.sum.amount_micros for bucket in report.buckets]
    assert paid == [0, micros("0.01"), 0, micros("0.26") + micros("0.24"), 0]
    minutes = report.total.features()["call_minutes"]
    seconds = micros("60")
    assert (minutes.quantity_millionths, minutes.billed_millionths) == (270 * micros("1"), 6 * seconds)
    assert (minutes.included_millionths, minutes.overage_millionths) == (2 * seconds, 4 * seconds)
    assert (minutes.lines, report.total.calls, report.total.events) == (3, 3, 3)
    assert minutes.cost_micros == 3 * micros("0.075"), "the platform pays for the seconds that were used"
    assert report.total.features()["voicemail_detection"].cost_micros is None
    assert report.feature("call_minutes").priced(minutes.billed_millionths) == 6 * micros("1")
    assert (report.feature("call_minutes").name, report.feature("call_minutes").unit) == (CALL_MINUTES, "minute")


def test_groups_are_those_that_cost_most_first_and_add_up_in_each_bucket(store: World) -> None:
    settle(store, on(20), on(21), workspace_id="43")
    settle(store, on(22))
    report = asked(store, UsageQuestion(NOVEMBER, group_by="workspace"))
    assert list(report.groups) == ["43", "42"]
    assert {key: use.calls for key, use in report.groups.items()} == {"43": 2, "42": 1}
    for bucket in report.buckets:
        uses = bucket.uses("workspace", list(report.groups))
        assert sum(use.amount_micros for use in uses.values()) == bucket.sum.amount_micros
    by_feature = asked(store, UsageQuestion(NOVEMBER))
    assert set(by_feature.groups) == {"call_minutes", "voicemail_detection"}
    assert sum(use.amount_micros for use in by_feature.groups.values()) == report.total.amount_micros


def test_of_more_workspaces_than_are_told_the_others_are_one_group(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.domain.usage_sum.MOST_WORKSPACES", 1)
    settle(store, on(20), on(21), workspace_id="43")
    settle(store, on(20))
    first, second = (asked(store, UsageQuestion(NOVEMBER, "month", "workspace"), LATER) for _ in range(2))
    assert first == second
    for now in (NOW, LATER):  # also as read of what is kept
        report = asked(store, UsageQuestion(NOVEMBER, "month", "workspace"), now)
        assert list(report.groups) == ["43", OTHERS]
        (bucket,) = report.buckets
        assert set(bucket.uses("workspace", list(report.groups))) == {"43", OTHERS}
        assert sum(use.amount_micros for use in report.groups.values()) == report.total.amount_micros


def test_named_workspaces_are_told_alone(store: World) -> None:
    settle(store, on(20), on(21), workspace_id="43")
    settle(store, on(20))
    for interval in ("day", "month"):
        question = UsageQuestion(NOVEMBER, interval, "workspace", ("42", "44"))
        report = asked(store, question, LATER)
        assert (list(report.groups), report.total.calls) == (["42"], 1)


def test_the_range_before_has_the_same_length(store: World) -> None:
    settle(store, on(5, 10), on(20), on(21), now=NOW)
    by_day = asked(store, UsageQuestion(Days(date(2026, 11, 20), date(2026, 11, 20)), compare=True))
    assert (by_day.total.calls, by_day.previous.calls) == (1, 0)
    by_month = asked(store, UsageQuestion(NOVEMBER, "month", compare=True))
    assert (by_month.total.calls, by_month.previous.calls) == (2, 1)
    assert by_month.question.before == Days(date(2026, 10, 1), date(2026, 10, 31))
    in_part = UsageQuestion(Days(date(2026, 9, 5), date(2026, 11, 10)), "month")
    assert in_part.before == Days(date(2026, 6, 30), date(2026, 9, 4))
    assert [part.first for part in in_part.parts] == [date(2026, 9, 5), date(2026, 10, 1), date(2026, 11, 1)]


def test_a_month_that_is_over_is_summed_once(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(store, on(20, 10), on(20), now=NOW)
    first = asked(store, AUTUMN, LATER)
    read: list[Any] = []

    def nothing(*about: Any) -> Iterator[Any]:
        read.append(about)
        return iter(())

    monkeypatch.setattr(DailyUsage, "between", nothing)
    again = asked(store, AUTUMN, LATER)
    assert (again.total, again.previous, again.buckets) == (first.total, first.previous, first.buckets)
    assert [about[2:] for about in read] == [(date(2026, 12, 16), date(2026, 12, 22))], "only the days of the runway"


def test_a_month_is_not_kept_before_a_week_has_passed(store: World) -> None:
    settle(store, on(20))
    asked(store, AUTUMN, datetime(2026, 12, 7, 23, 59, tzinfo=UTC))
    kept = store.daily_usage.months("acme", AUTUMN.days.months)
    assert [month.sums is not None for month in kept.values()] == [True, True, False]


def test_a_late_call_changes_the_month_that_was_summed(store: World) -> None:
    settle(store, on(20))
    before = asked(store, AUTUMN, LATER)
    settle(store, on(21), now=LATER)
    after = asked(store, AUTUMN, LATER)
    assert (before.total.calls, after.total.calls) == (1, 2)
    assert asked(store, AUTUMN, LATER).total == after.total


def test_a_call_that_comes_while_a_month_is_summed_is_not_lost(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(store, on(20))
    between = DailyUsage.between

    def and_then_a_call_comes(self: DailyUsage, account_id: str, first: date, last: date) -> Iterator[Any]:
        yield from between(self, account_id, first, last)
        if first == NOVEMBER.first:
            monkeypatch.setattr(DailyUsage, "between", between)
            settle(store, on(21), now=LATER)

    monkeypatch.setattr(DailyUsage, "between", and_then_a_call_comes)
    november = UsageQuestion(NOVEMBER, "month")
    assert asked(store, november, LATER).total.calls == 1
    assert asked(store, november, LATER).total.calls == 2
    assert asked(store, november, LATER).total.calls == 2


def test_a_call_in_time_writes_no_more_than_its_wallet_its_entry_and_its_day(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.open_account(COSTED, account_id="globex", workspaces=("77",))
    written: list[list[str]] = []
    transact = store.database.transact

    def seen(items: Any) -> Any:
        written.append([next(iter(item.values()))["TableName"] for item in items])
        return transact(items)

    monkeypatch.setattr(store.database, "transact", seen)
    in_time, late = datetime(2026, 11, 6, 23, 59, tzinfo=UTC), datetime(2026, 11, 7, 0, 1, tzinfo=UTC)
    settle(store, on(31, 10), workspace_id="77", now=in_time)
    settle(store, on(31, 10), workspace_id="77", now=late)
    settle(store, on(7), workspace_id="77", now=late)
    usual = ["wallets", "ledger_entries", "daily_usage"]
    assert written == [usual, [*usual, "usage_months"], usual]


def test_many_late_calls_of_many_months_are_settled_in_transactions_that_hold_them(store: World) -> None:
    events = [
        call(f"e{n}", ended_at=NOW - timedelta(days=20 * n), arrived_at=NOW, workspace_id="42" if n % 2 else "43")
        for n in range(60)
    ]
    outcome = store.settle(*events, now=NOW)
    assert (len(outcome.settled), outcome.failed) == (60, set())
    rows = store.database.client.scan(TableName=store.database.table(UsageMonthItem))["Items"]
    months = {event.occurred_at.isoformat()[:7] for event in events} - {"2026-11"}
    assert {row["month"]["S"] for row in rows} == months


def test_a_workspace_that_moved_is_named_to_the_account_that_has_it(store: World) -> None:
    store.open_account(COSTED, account_id="globex", workspaces=())
    assign_workspace(store, "42", "acme", "عيادة", NOW)
    settle(store, on(20))
    by_workspace = UsageQuestion(NOVEMBER, group_by="workspace")
    assert asked(store, by_workspace).name_of("42") == "عيادة"
    assign_workspace(store, "42", "globex", "secret", NOW)
    moved = NOW + timedelta(minutes=2)
    report = asked(store, by_workspace, moved)
    assert (report.groups["42"], report.name_of("42")) == (Use(micros("0.01"), 1, micros("0.075")), None)


def test_the_runway_is_the_balance_at_the_rate_of_the_last_seven_whole_days(store: World) -> None:
    settle(store, on(16), on(17), on(18), on(18), on(23), on(23), now=NOW)
    paid = asked(store, UsageQuestion(Days(date(2026, 11, 16), date(2026, 11, 22)))).total.amount_micros
    balance = store.wallet().balance_micros
    for question in (UsageQuestion(NOVEMBER), UsageQuestion(Days(date(2026, 11, 23), date(2026, 11, 23)))):
        runway = asked(store, question).runway
        assert (runway.per_day_micros, runway.days) == (round(paid / 7), balance * 7 // paid)
    assert asked(store, UsageQuestion(NOVEMBER, workspaces=("43",))).runway is None, "it is the account's"


def test_there_is_no_runway_without_three_days_of_usage_or_without_a_balance(store: World) -> None:
    settle(store, on(20), on(21), on(21))
    assert asked(store, UsageQuestion(NOVEMBER)).runway is None
    settle(store, on(22), now=NOW)
    assert asked(store, UsageQuestion(NOVEMBER)).runway is not None
    store.adjust("-20", "took")
    assert asked(store, UsageQuestion(NOVEMBER)).runway is None


def test_what_a_plan_that_is_left_counted_keeps_its_name_and_times_add_up_whatever_unit_meters_them(
    store: World,
) -> None:
    settle(store, on(20))
    by_minutes = replace(
        calls_feature(included_minutes=0), metered_unit="minute", metered_per_priced_millionths=micros("1"), name="Talk"
    )
    world = World(store.database)
    other = world.current_version(plan(by_minutes, plan_id="other"))
    wallet = world.wallet()
    subscription = wallet.require_subscription()
    period = replace(subscription.period, plan_id="other", plan_version=other.version, used={})
    changed = replace(wallet, subscription=replace(subscription, period=period))
    assert isinstance(world.books.commit(wallet, Posted(changed)), Wallet)
    world.settle(call("minutes", seconds="1.5", unit="minute", ended_at=on(21)), now=NOW)
    report = asked(store, UsageQuestion(NOVEMBER))
    minutes = report.total.features()["call_minutes"]
    assert minutes.quantity_millionths == 180 * micros("1")
    assert report.feature("call_minutes").priced(minutes.quantity_millionths) == 3 * micros("1")
    assert report.feature("call_minutes").name == "Talk"
    assert report.feature("voicemail_detection").name != "voicemail_detection", "named by the plan that rated it"


def test_reading_that_takes_too_long_goes_on_with_the_next_request(store: World) -> None:
    settle(store, on(20, 9), on(20, 10), on(20), now=NOW)
    ticks = iter([0.0, 0.0, READ_SECONDS + 1])
    with pytest.raises(UsageInProgress):
        UsageReporter(store, clock=ticks.__next__).report("acme", AUTUMN, LATER)
    kept = store.daily_usage.months("acme", AUTUMN.days.months)
    assert [month.sums is not None for month in kept.values()] == [True, False, False]
    slow = iter([0.0, READ_SECONDS + 1])
    with pytest.raises(RangeTooLong):
        UsageReporter(store, clock=slow.__next__).report("acme", UsageQuestion(NOVEMBER), NOW)


@pytest.fixture
def client(database: Database) -> Client:
    return with_acme(client_over(database, Line()))


USAGE = "/v1/accounts/acme/usage"


def test_the_answer_is_as_described_and_adds_up(client: Client, database: Database) -> None:
    World(database).settle(call("e1", seconds="90", detections=1), call("e2", ended_at=on(20)))
    answer = client.get(f"{USAGE}?from=2026-11-20&to=2026-11-23&compare=previous").json
    assert answer["totals"]["cost"] == {"amount": "0.010000", "currency": "USD"}
    assert answer["totals"]["features"]["call_minutes"] == {
        "name": "Conversation minutes",
        "unit": "minute",
        "quantity": "2.5",
        "billed": "2.5",
        "included": "2.5",
        "overage": "0",
        "pay_as_you_go": "0",
        "cost": {"amount": "0.000000", "currency": "USD"},
        "platform_cost": {"amount": "0.125000", "currency": "USD"},
        "margin": {"amount": "-0.125000", "currency": "USD"},
    }
    assert [bucket["start"] for bucket in answer["buckets"]] == [f"2026-11-{day}" for day in (20, 21, 22, 23)]
    assert answer["buckets"][3]["groups"] == {"voicemail_detection": {"amount": "0.010000", "currency": "USD"}}
    assert answer["previous"]["calls"] == 0
    assert answer["runway"] is None


def test_nobody_but_an_administrator_sees_what_it_cost_the_platform(client: Client, database: Database) -> None:
    World(database).settle(call("e1", seconds="90", detections=1))
    told = client.get(USAGE).json
    assert told["totals"]["platform_cost"] == {"amount": "0.075000", "currency": "USD"}
    for caller in (client.with_key("billing:read"), client.with_key("billing:read admin", "acme")):
        said = caller.get(f"{USAGE}?compare=previous").text
        assert said.count('"platform_cost":null') == said.count('"platform_cost"') > 3
        assert said.count('"margin":null') == said.count('"margin"') > 3
        assert "0.075" not in said
        assert "platform_cost" not in caller.get(USAGE, accept="text/csv").rows[0]
    assert client.get(USAGE, accept="text/csv").rows[0]["platform_cost"] == "0.075000"


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("from=2026-08-01&to=2026-11-01", "range_too_long", "to"),
        ("from=2024-11-01&to=2026-11-01&interval=month", "range_too_long", "to"),
        ("from=2026-11-02&to=2026-11-01", "invalid_value", "to"),
        ("from=2026-11-01T00:00:00Z", "invalid_value", "from"),
        ("from=2026-02-30", "invalid_value", "from"),
        ("interval=hour", "invalid_value", "interval"),
        ("group_by=call", "invalid_value", "group_by"),
        ("compare=next", "invalid_value", "compare"),
        ("workspace_id=a,b,", "invalid_value", "workspace_id"),
        ("limit=5", "invalid_value", "limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_its_field(
    client: Client, query: str, code: str, field: str
) -> None:
    refused = client.get(f"{USAGE}?{query}")
    assert (refused.status, refused.code, refused.fields) == (422, code, [field])


@pytest.mark.parametrize(
    "query",
    ["from=2026-08-01&to=2026-10-31", "from=2024-12-01&to=2026-11-01&interval=month", "from=2000-01-01&to=2000-01-02"],
)
def test_the_longest_ranges_are_answered(client: Client, query: str) -> None:
    assert client.get(f"{USAGE}?{query}").status == 200


def test_an_account_that_is_not_there_has_no_usage(client: Client) -> None:
    assert client.get("/v1/accounts/nobody/usage").code == "account_not_found"


def test_the_csv_has_a_row_for_each_group_of_each_day_and_adds_up(client: Client, database: Database) -> None:
    client.put("/v1/workspaces/43", {"account_id": "acme", "name": "=عيادة"})
    World(database).settle(call("e1", detections=2), call("e2", workspace_id="43", detections=1, ended_at=on(20)))
    rows = client.get(USAGE, accept="text/csv").rows
    assert [(row["start"], row["feature"], row["cost"]) for row in rows] == [
        ("2026-11-20", "call_minutes", "0.000000"),
        ("2026-11-20", "voicemail_detection", "0.010000"),
        ("2026-11-23", "call_minutes", "0.000000"),
        ("2026-11-23", "voicemail_detection", "0.020000"),
    ]
    answer = client.get(f"{USAGE}?group_by=workspace&interval=month", accept="text/csv")
    assert [(row["workspace_id"], row["workspace_name"], row["cost"]) for row in answer.rows] == [
        ("42", "", "0.020000"),
        ("43", "'=عيادة", "0.010000"),
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="usage-2026-11-23.csv"'


def test_a_request_that_needs_another_one_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_report, "READ_SECONDS", -1.0)
    answer = client.get(f"{USAGE}?from=2026-01-01&to=2026-11-30&interval=month")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "usage_in_progress", "2")
