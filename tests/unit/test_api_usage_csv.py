"""CSV files: what a spreadsheet gets to see, and which range they are of."""

import csv
import gzip
import io
from typing import Any

import pytest
from pydantic import TypeAdapter

from billing.api.usage_records import COLUMNS, Names, UsageRecordsQuery, usage_lines
from billing.domain.settlement import settle
from billing.web.csv_file import csv_file, csv_of
from billing.web.http import Caller, RequestRefused
from billing.web.routing import Call
from billing.web.validation import validate
from tests.builders import CALL_MINUTES, NOW, call, plan, wallet

_QUERY = TypeAdapter(UsageRecordsQuery)
WORDS = '=1+1, "عيادة"\r\n'


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def asking(**headers: str) -> Call:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Call(Caller("", frozenset(), None), NOW, sent, None, "")


def row_of(event_id: str) -> dict[str, str]:
    settled = settle(wallet(paid="10", on=plan()), [call(event_id)], {("free", 1): plan()}, NOW)
    heads, row = read(csv_of(COLUMNS, usage_lines(settled.entries, Names({("free", 1): plan()}, {"42": "عيادة"}))))
    return dict(zip(heads, row, strict=True))


def range_of(**query: Any) -> tuple[str | None, str | None]:
    wanted = validate(_QUERY, query).to_filter()
    return (
        None if wanted.occurred_from is None else wanted.occurred_from.isoformat(),
        None if wanted.occurred_to is None else wanted.occurred_to.isoformat(),
    )


def test_a_row_says_what_a_line_cost_in_both_units_with_names() -> None:
    row = row_of("call-1")
    assert (row["event_id"], row["workspace_id"], row["workspace_name"]) == ("call-1", "42", "عيادة")
    assert (row["feature"], row["feature_name"]) == ("call_minutes", CALL_MINUTES)
    assert (row["unit"], row["quantity"], row["pay_as_you_go"]) == ("second", "60", "60")
    assert (row["priced_unit"], row["priced_quantity"]) == ("minute", "1")
    assert (row["unit_price"], row["amount"], row["currency"]) == ("0.120000", "0.120000", "USD")
    assert (row["plan_id"], row["plan_version"], row["occurred_at"]) == ("free", "1", "2026-11-23T12:00:00.000Z")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(start: str) -> None:
    row = row_of(f"{start}cmd|'/Ccalc'!A0")
    assert row["event_id"].startswith(f"'{start}")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("-1.250000", "-1.250000"),
        ("-1+1", "'-1+1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("＝1", "'＝1"),
        ("＠SUM(1)", "'＠SUM(1)"),
        ("", ""),
        ("a=1", "a=1"),
        ("-١", "'-١"),
    ],
)
def test_an_amount_below_zero_is_a_number_and_all_else_that_begins_so_is_text(cell: str, shown: str) -> None:
    assert read(csv_of(("said",), [(cell,)])) == [["said"], [shown]]


def test_a_file_is_utf_8_with_its_mark_and_lines_as_rfc_4180_has_them() -> None:
    content = csv_of(("name", "amount"), [(WORDS, "1")])
    assert content.startswith(b"\xef\xbb\xbfname,amount\r\n")
    assert read(content)[1] == [f"'{WORDS}", "1"]


def test_a_file_is_compressed_for_who_takes_it_and_is_the_same_each_time() -> None:
    rows = [("a", "b")] * 1000
    plain = csv_file(asking(), "usage", ("x", "y"), rows)
    packed = csv_file(asking(accept_encoding="br;q=1.0, gzip;q=0.8"), "usage", ("x", "y"), rows)
    assert gzip.decompress(packed.content) == plain.content
    assert packed == csv_file(asking(accept_encoding="gzip"), "usage", ("x", "y"), rows)
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert "content-encoding" not in plain.headers
    refused = csv_file(asking(accept_encoding="gzip;q=0"), "usage", ("x", "y"), rows)
    assert refused.content == plain.content


def test_a_file_too_large_to_be_answered_as_it_is_is_refused_where_nobody_unpacks_it() -> None:
    rows = [("x" * 200,)] * 25_000
    with pytest.raises(RequestRefused) as refused:
        csv_file(asking(), "usage", ("x",), rows)
    assert (refused.value.code, refused.value.field) == ("gzip_required", "accept-encoding")
    assert len(csv_file(asking(accept_encoding="gzip"), "usage", ("x",), rows).content) < 100_000


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


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"workspace_id": ""}, "workspace_id"),
        ({"workspace_id": "42,,43"}, "workspace_id"),
        ({"workspace_id": ",".join(map(str, range(11)))}, "workspace_id"),
        ({"feature": "1x"}, "feature"),
        ({"dimension": "agent"}, "dimension"),
        ({"dimension": "=a-7"}, "dimension"),
        ({"dimension": "agent="}, "dimension"),
        ({"limit": "101"}, "limit"),
        ({"other": "x"}, "other"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_its_name(query: dict[str, str], field: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        validate(_QUERY, query)
    assert refused.value.field == field


def test_several_workspaces_are_named_with_commas_each_once() -> None:
    assert validate(_QUERY, {"workspace_id": "42,43,42"}).to_filter().workspaces == ("42", "43")
