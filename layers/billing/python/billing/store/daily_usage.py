"""Daily usage in the tables: a row for each day of a workspace, and the sums of months that are over.

Settling adds to a day's row in its own transaction, and makes the sums of a month void that it adds to. So both are
exact at each moment.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.daily_usage import (
    AMOUNT,
    INCLUDED,
    LINES,
    OVERAGE,
    PAY_AS_YOU_GO,
    QUANTITY,
    DayOfWorkspace,
    DayUse,
    counter,
)
from billing.domain.month import Month
from billing.domain.plan import PlanKey
from billing.store.attributes import IntegerAttribute, JsonAttribute
from billing.store.database import Database, Item

_PLAN: Final = "plan"
_SEPARATOR: Final = "#"
_AFTER_SEPARATOR: Final = "$"
"""The letter that follows "#": no day's rows stand behind it."""

_LETTER_OF: Final[Mapping[str, str]] = {
    "lines": LINES,
    "billed": QUANTITY,
    "included": INCLUDED,
    "overage": OVERAGE,
    "pay_as_you_go": PAY_AS_YOU_GO,
    "amount": AMOUNT,
}
"""An earlier release wrote whole words, and what was billed in place of what was used."""


class DailyUsageItem(Model):
    """A workspace's day: beside its key, counters by name that each settlement adds to (see `domain.daily_usage`).

    And `plan`, such as "starter#3": the plan that rated the last of them.
    """

    class Meta:
        table_name = "daily_usage"

    account_id = UnicodeAttribute(hash_key=True)
    day_workspace = UnicodeAttribute(range_key=True)


class UsageMonthItem(Model):
    """A month of an account that is over: its `sums`, once somebody has asked for them.

    `generation` counts the settlements that came after the month, each of which has removed the sums.
    """

    class Meta:
        table_name = "usage_months"

    account_id = UnicodeAttribute(hash_key=True)
    month = UnicodeAttribute(range_key=True)
    generation = IntegerAttribute(null=True)
    sums = JsonAttribute(null=True)


@dataclass(frozen=True, slots=True)
class KeptMonth:
    """What is kept of a month. `sums` is None where nobody has summed it since its last change."""

    generation: int | None = None
    sums: Any = None


Row = tuple[DayOfWorkspace, DayUse]


class DailyUsage:
    def __init__(self, database: Database) -> None:
        self._database = database

    def between(self, account_id: str, first: date, last: date) -> Iterator[list[Row]]:
        """The rows of these days and those between them, by their days, strongly consistent: a megabyte a page."""
        pages = self._database.pages(
            "query",
            DailyUsageItem,
            limit=None,
            ConsistentRead=True,
            KeyConditionExpression="account_id = :account AND day_workspace BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":account": {"S": account_id},
                ":first": {"S": f"{first.isoformat()}{_SEPARATOR}"},
                ":last": {"S": f"{last.isoformat()}{_AFTER_SEPARATOR}"},
            },
        )
        return (list(map(_read, page)) for page in pages)

    def of_workspaces(self, account_id: str, days: Iterable[DayOfWorkspace]) -> list[Row]:
        """The rows of these days, by their days, strongly consistent: a request for a hundred."""
        keys = [{"account_id": account_id, "day_workspace": _key(each)} for each in days]
        rows = map(_read, self._database.get_many(DailyUsageItem, keys))
        return sorted(rows, key=lambda row: (row[0].day, row[0].workspace_id))

    def months(self, account_id: str, months: Iterable[Month]) -> dict[Month, KeptMonth]:
        """What is kept of each of these months, strongly consistent."""
        wanted = list(months)
        keys = [{"account_id": account_id, "month": str(month)} for month in wanted]
        items = map(UsageMonthItem.from_raw_data, self._database.get_many(UsageMonthItem, keys))
        kept = {Month.parse(item.month): KeptMonth(item.generation, item.sums) for item in items}
        return {month: kept.get(month, KeptMonth()) for month in wanted}

    def keep_month(self, account_id: str, month: Month, before: KeptMonth, sums: object) -> bool:
        """Keep what the rows of a month add up to, that were read after `before` was.

        False, having kept nothing, where a call has come since.
        """
        compared: Item = {} if before.generation is None else {":read": {"N": str(before.generation)}}
        condition = "generation = :read" if compared else "attribute_not_exists(generation)"
        return self._database.update(
            UsageMonthItem,
            {"account_id": account_id, "month": str(month)},
            UpdateExpression="SET sums = :sums",
            ConditionExpression=condition,
            ExpressionAttributeValues={":sums": {"S": JsonAttribute().serialize(sums)}, **compared},
        )


def day_update(database: Database, account_id: str, day: DayOfWorkspace, use: DayUse) -> Item:
    """The part of a transaction that adds to a day's counters."""
    aliases = {f"#{position}": name for position, name in enumerate(use.counters)}
    expression = "ADD " + ", ".join(f"{alias} :{alias[1:]}" for alias in aliases)
    values = {f":{alias[1:]}": {"N": str(use.counters[name])} for alias, name in aliases.items()}
    if use.plan is not None:
        expression += " SET #plan = :plan"
        aliases["#plan"] = _PLAN
        values[":plan"] = {"S": _plan_text(use.plan)}
    return {
        "Update": {
            "TableName": database.table(DailyUsageItem),
            "Key": {"account_id": {"S": account_id}, "day_workspace": {"S": _key(day)}},
            "UpdateExpression": expression,
            "ExpressionAttributeNames": aliases,
            "ExpressionAttributeValues": values,
        }
    }


def month_made_void(database: Database, account_id: str, month: Month) -> Item:
    """The part of a transaction by which the sums of a month are none any more, also those being made now."""
    return {
        "Update": {
            "TableName": database.table(UsageMonthItem),
            "Key": {"account_id": {"S": account_id}, "month": {"S": str(month)}},
            "UpdateExpression": "ADD generation :one REMOVE sums",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def _plan_text(key: PlanKey) -> str:
    return f"{key[0]}{_SEPARATOR}{key[1]}"


def _parse_plan(text: str) -> PlanKey:
    plan_id, _, version = text.partition(_SEPARATOR)
    return plan_id, int(version)


def _key(day: DayOfWorkspace) -> str:
    return f"{day.day}{_SEPARATOR}{day.workspace_id}"


def _read(item: Item) -> Row:
    """By hand: a year of two hundred workspaces has seventy thousand rows."""
    day, _, workspace_id = item["day_workspace"]["S"].partition(_SEPARATOR)
    use = DayUse()
    counters = use.counters
    for name, value in item.items():
        number = value.get("N")
        if number is not None:
            known = _current(name)
            counters[known] = counters.get(known, 0) + int(number)
    plan = item.get(_PLAN)
    if plan is not None:
        use.plan = _parse_plan(plan["S"])
    return DayOfWorkspace(day, workspace_id), use


@lru_cache(1024)
def _current(name: str) -> str:
    feature, separator, measure = name.rpartition("|")
    return counter(feature, _LETTER_OF[measure]) if separator and measure in _LETTER_OF else name
