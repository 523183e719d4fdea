"""The CSV export: what a spreadsheet gets to see."""

import csv
import io
from typing import Any

import pytest
from pydantic import TypeAdapter

from billing.api.usage_records import UsageRecordsQuery, csv_text, usage_records
from billing.domain.settlement import settle
from billing.web.http import RequestRefused
from billing.web.validation import validate
from tests.builders import NOW, call, plan, wallet

_QUERY = TypeAdapter(UsageRecordsQuery)


def rows_of(event_id: str) -> list[dict[str, str]]:
    settled = settle(wallet(paid="10", on=plan()), [call(event_id)], {("free", 1): plan()}, NOW)
    return list(csv.DictReader(io.StringIO(csv_text(usage_records(settled.entries)))))


def range_of(**query: Any) -> tuple[str | None, str | None]:
    read = validate(_QUERY, query).to_filter()
    return (
        None if read.occurred_from is None else read.occurred_from.isoformat(),
        None if read.occurred_to is None else read.occurred_to.isoformat(),
    )


def test_a_row_says_what_a_line_cost() -> None:
    (row,) = rows_of("call-1")
    assert (row["event_id"], row["workspace_id"], row["feature"]) == ("call-1", "42", "call_minutes")
    assert (row["unit"], row["quantity"], row["pay_as_you_go"]) == ("second", "60", "60")
    assert (row["unit_price"], row["amount"], row["currency"]) == ("0.120000", "0.120000", "USD")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(start: str) -> None:
    (row,) = rows_of(f"{start}cmd|' /C calc'!A0".replace(" ", ""))
    assert row["event_id"].startswith(f"'{start}")


def test_a_range_of_dates_holds_its_last_day() -> None:
    assert range_of(**{"from": "2026-11-01", "to": "2026-11-30"}) == (
        "2026-11-01T00:00:00+00:00",
        "2026-12-01T00:00:00+00:00",
    )


def test_a_time_ends_the_range_where_it_says() -> None:
    assert range_of(to="2026-11-30T12:00:00+02:00") == (None, "2026-11-30T10:00:00+00:00")


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "2026-11-01T00:00:00"])
def test_a_day_that_does_not_exist_is_refused(day: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        range_of(to=day)
    assert refused.value.field == "to"
