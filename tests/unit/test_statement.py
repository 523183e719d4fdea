"""A month's sums: whatever the order of reading, what it adds up to is what the entries say; and how it reads."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.document import Party, customer_of, seller_of
from billing.domain.ledger import EntryKind, LedgerEntry, RatedLine, UsageRecord, make_postings
from billing.domain.month import Month
from billing.domain.statement import MOVEMENTS, MoneyLine, Statement, StatementDiffers, Sums, UsageLine, add, name_usage
from billing.words.write_statement import write_statement
from tests.builders import NOW, calls_feature, micros, plan
from tests.documented import customer, seller

NOVEMBER = Month(2026, 11)


def entry(number: int, kind: EntryKind, amount: int, *, card: int = 0, late: bool = False) -> LedgerEntry:
    ended_at = NOVEMBER.start - timedelta(days=1) if late else NOW
    line = RatedLine("call_minutes", "second", 90, 90, 60, 30, 0, 120_000, -amount)
    usage = UsageRecord(f"e{number}", "call.ended", f"c{number}", "42", ended_at, "free", 1, (line,))
    return LedgerEntry(
        cause=f"{kind}:{number}",
        account_id="acme",
        sequence=number,
        kind=kind,
        amount_micros=amount,
        balance_after_micros=0,
        currency="USD",
        posted_at=NOW,
        description="",
        postings=make_postings(("asset:card_clearing", -card), ("revenue:subscription", card)),
        usage=usage if kind == "usage" else None,
    )


ENTRIES = st.lists(
    st.builds(
        entry,
        st.integers(1, 9),
        st.sampled_from(get_args(EntryKind)),
        st.integers(-(10**9), 10**9),
        card=st.integers(-(10**6), 10**6),
        late=st.booleans(),
    ),
    max_size=30,
)


@given(ENTRIES, st.lists(st.integers(0, 30), max_size=4))
def test_a_month_that_is_summed_in_parts_is_the_month(entries: list[LedgerEntry], cuts: list[int]) -> None:
    whole = add(Sums(), entries, NOVEMBER)
    parts = Sums()
    places = [0, *sorted(cuts), len(entries)]
    for start, end in pairwise(places):
        parts = add(parts, entries[start:end], NOVEMBER)
    assert parts == whole
    moving = [each for each in entries if each.kind not in {"usage_reset", "dispute_hold", "replay_marker"}]
    assert sum(whole.movements.values()) == sum(each.amount_micros for each in moving)
    assert sum(line.amount_micros for line in whole.usage) == -sum(
        each.amount_micros for each in entries if each.kind == "usage"
    )
    assert sum(line.amount_micros for line in whole.money) == sum(line.amount_micros for line in whole.subscription)


def statement(**facts: object) -> Statement:
    told = Statement(
        account_id="acme",
        currency="USD",
        month=NOVEMBER,
        is_final=True,
        made_at=NOW,
        opening_micros=micros("10"),
        closing_micros=micros("57.999999"),
        movements={"payments": micros("50"), "usage": micros("-2.000001")},
        money=(MoneyLine(NOW, "payment", "top_up", "payment:tx_1", micros("50"), "TT-2026-000123"),),
        subscription=(),
        usage=(UsageLine("call_minutes", "second", False, 90_000_000, 60_000_000, 30_000_000, 2_000_001, "free", 1),),
        customer=customer_of(customer()),
        seller=seller_of(seller()),
    )
    return replace(told, **facts)  # type: ignore[arg-type]


def test_a_statement_that_does_not_add_up_is_none() -> None:
    with pytest.raises(StatementDiffers):
        statement(closing_micros=micros("58"))


def test_a_statement_reads_from_the_opening_to_the_closing_balance() -> None:
    page = write_statement(statement(), Party("Talktime Ltd"))
    balance, money, subscription, usage = page["tables"]
    assert [[cell["text"] for cell in row] for row in balance["rows"]] == [
        ["Opening balance", "USD 10.000000"],
        ["Credit bought", "USD 50.000000"],
        ["Usage of this month", "USD -2.000001"],
        ["Closing balance", "USD 57.999999"],
    ]
    assert [cell["text"] for cell in money["rows"][0]] == ["Top-up", "23 Nov 2026", "TT-2026-000123", "USD 50.00"]
    assert (subscription["rows"], subscription["empty"]) == (
        [],
        "Nothing was charged for a subscription in this month.",
    )
    assert [cell["text"] for cell in usage["rows"][0]] == ["call_minutes", "90", "60", "30", "USD 2.000001"]
    assert usage["rows"][0][0]["small"] == "second"
    assert page["document_title"] == "Statement 2026-11"


def test_usage_is_shown_in_priced_units_under_the_plans_name() -> None:
    free = plan(calls_feature())
    (line,) = name_usage(statement().usage, {("free", 1): free})
    assert (line.name, line.unit, line.quantity_millionths, line.included_millionths, line.bought_millionths) == (
        calls_feature().name,
        "minute",
        1_500_000,
        1_000_000,
        500_000,
    )


def test_late_usage_says_so_and_comes_last() -> None:
    late = replace(statement().usage[0], is_late=True)
    lines = name_usage((late, *statement().usage), {})
    assert [line.is_late for line in lines] == [False, True]
    rows = write_statement(statement(usage=lines), Party("Talktime Ltd"))["tables"][3]["rows"]
    assert [row[0].get("small") for row in rows] == ["second", "second (of earlier months)"]


def test_every_movement_has_a_name_of_its_own_in_each_language() -> None:
    moved = statement(
        movements=dict.fromkeys(MOVEMENTS, 1), closing_micros=micros("10") + len(MOVEMENTS), languages=("ar",)
    )
    rows = write_statement(moved, Party("Talktime Ltd"))["tables"][0]["rows"]
    assert len({row[0]["text"] for row in rows}) == len(MOVEMENTS) + 2


@pytest.mark.parametrize(("year", "number", "end"), [(2026, 12, "2027-01-01"), (2028, 2, "2028-03-01")])
def test_a_month_ends_where_the_next_one_begins(year: int, number: int, end: str) -> None:
    assert Month(year, number).end.isoformat().startswith(end)
