"""What questions about usage cost: requests, read units and CPU, and how they grow with days, workspaces and features.

Read units and requests are computed from what was answered, by DynamoDB's rules: an emulator's page may have another
size. A query reads a megabyte a request, and a unit is four kilobytes of a strongly consistent read.
"""

import json
import math
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from billing.api.usage import UsageView
from billing.domain.daily_usage import DayOfWorkspace, DayUse
from billing.domain.plan import UsageFeature
from billing.domain.usage_report import Days, UsageQuestion
from billing.runtime import aws
from billing.services.usage_report import UsageReporter
from billing.store.all_tables import ALL_TABLES
from billing.store.daily_usage import DailyUsageItem, day_update
from billing.store.database import Database
from billing.store.store import Store
from tests.builders import calls_feature, micros, plan
from tests.platform_of_one import World

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LAST = date(2026, 11, 26)
FEATURES = ("call_minutes", "voicemail_detection", "llm_tokens", "tts_characters", "stt_minutes", "media_storage_gb")
MEGABYTE, READ_UNIT = 1_000_000, 4096
_PUTS = 25
_EMULATOR_SECONDS = 120
_READ = ("daily_usage", "usage_months")


class ReadMeter:
    """Counts what reports read, by the client's own events; other reads of a request apart."""

    def __init__(self, client: Any) -> None:
        self.requests = self.units = self.others = 0
        client.meta.events.register("provide-client-params.dynamodb", self._asked)
        client.meta.events.register("after-call.dynamodb", self._answered)
        self._tables: list[str] = []

    def reset(self) -> None:
        self.requests = self.units = self.others = 0

    def _asked(self, params: dict[str, Any], **_: Any) -> None:
        self._tables = list(params.get("RequestItems", {})) or [params.get("TableName", "")]

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if not any(table in _READ for table in self._tables) or model.name == "UpdateItem":
            self.others += 1
        elif model.name == "Query":
            size = sum(map(_size, parsed["Items"]))
            self.requests += max(1, math.ceil(size / MEGABYTE))
            self.units += max(1, math.ceil(size / READ_UNIT))
        else:
            items = [item for answered in parsed["Responses"].values() for item in answered]
            self.requests += 1
            self.units += sum(max(1, math.ceil(_size(item) / READ_UNIT)) for item in items)


def _size(item: dict[str, Any]) -> int:
    """By DynamoDB's rules, for text and numbers."""
    total = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        total += len(name.encode()) + (len(value.rstrip("0")) // 2 + 2 if kind == "N" else len(str(value).encode()))
    return total


def main(store: World) -> None:
    client: Any = aws._dynamodb(_EMULATOR_SECONDS, attempts=1)
    store = World(Database(client, {m.Meta.table_name: m.Meta.table_name for m in ALL_TABLES}, store.database.pause))
    on = plan(*(_feature(key) for key in FEATURES), plan_id="six")
    year = Days(LAST - timedelta(days=365), LAST)
    month = Days(LAST - timedelta(days=30), LAST)
    for name, workspaces, features, days in (
        ("usage-5", 5, 6, year),
        ("usage-50", 50, 6, month),
        ("usage-200", 200, 6, year),
        ("usage-50-1", 50, 1, month),
        ("usage-50-3", 50, 3, month),
    ):
        store.open_account(on, account_id=name, workspaces=(), paid="1000")
        _fill(store, name, workspaces, FEATURES[:features], days)
    meter = ReadMeter(client)
    print(f"{'usage':48}{'requests':>9}{'read units':>11}{'others':>7}{'CPU ms':>8}{'bytes':>9}")
    whole_year = UsageQuestion(Days(date(2025, 12, 1), LAST), "month", "workspace")
    for told, account_id, question in (
        ("31 days, 5 workspaces, 6 features", "usage-5", UsageQuestion(month)),
        ("31 days, 50 workspaces, 1 feature", "usage-50-1", UsageQuestion(month)),
        ("31 days, 50 workspaces, 3 features", "usage-50-3", UsageQuestion(month)),
        ("31 days, 50 workspaces, 6 features", "usage-50", UsageQuestion(month)),
        ("31 days, 200 workspaces, 6 features", "usage-200", UsageQuestion(month)),
        ("  the same by workspace", "usage-200", UsageQuestion(month, group_by="workspace")),
        ("92 days, 200 workspaces", "usage-200", UsageQuestion(Days(LAST - timedelta(days=91), LAST))),
        ("12 months, one workspace of 200", "usage-200", UsageQuestion(whole_year.days, "month", workspaces=("w0",))),
        ("12 months, 5 workspaces, cold", "usage-5", whole_year),
        ("12 months, 5 workspaces, warm", "usage-5", whole_year),
        ("12 months, 200 workspaces, cold", "usage-200", whole_year),
        ("12 months, 200 workspaces, warm", "usage-200", whole_year),
    ):
        _ask(store, meter, told, account_id, question)


def _ask(store: Store, meter: ReadMeter, told: str, account_id: str, question: UsageQuestion) -> None:
    meter.reset()
    began = time.process_time()
    report = UsageReporter(store, clock=lambda: 0.0).report(account_id, question, NOW)  # an emulator is slower
    answer = json.dumps(UsageView.of(report, with_costs=True).model_dump(mode="json", by_alias=True))
    ms = (time.process_time() - began) * 1000
    print(f"  {told:46}{meter.requests:9}{meter.units:11}{meter.others:7}{ms:8.0f}{len(answer):9,}")


def _fill(store: World, account_id: str, workspaces: int, features: tuple[str, ...], days: Days) -> None:
    """Rows as settlements leave them, put as they are: settling four million calls would take the day."""
    client: Any = store.database.client
    table = store.database.table(DailyUsageItem)
    puts = [
        {"PutRequest": {"Item": item}}
        for day in days.each()
        for item in _rows(store, account_id, day, workspaces, features)
    ]
    for start in range(0, len(puts), _PUTS):
        client.batch_write_item(RequestItems={table: puts[start : start + _PUTS]})


def _rows(
    store: World, account_id: str, day: date, workspaces: int, features: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    for number in range(workspaces):
        use = DayUse(plan=("six", 1))
        use.counters.update({"calls": 61 + number, "events": 75 + number})
        for place, feature in enumerate(features):
            figures = {
                "n": 61,
                "q": 7_412_345_000 + number,
                "i": 3_600_000_000,
                "o": 3_812_345_000,
                "a": 7_412_346 + place,
            }
            use.counters.update({f"{feature}|{letter}": value for letter, value in {**figures, "c": 3_088_477}.items()})
        update = day_update(store.database, account_id, DayOfWorkspace(day.isoformat(), f"w{number}"), use)["Update"]
        names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]
        yield {**update["Key"], **{name: values[f":{alias[1:]}"] for alias, name in names.items()}}


def _feature(key: str) -> UsageFeature:
    feature = calls_feature(included_minutes=500)
    return UsageFeature(
        key=key,
        name=key.replace("_", " "),
        metered_unit=feature.metered_unit,
        priced_unit=feature.priced_unit,
        metered_per_priced_millionths=feature.metered_per_priced_millionths,
        included_millionths=feature.included_millionths,
        unit_price_micros=feature.unit_price_micros,
        unit_cost_micros=micros("0.05"),
    )
