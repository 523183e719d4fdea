"""Monthly statements: they agree with the ledger to the micro-unit, by the moment of posting, and never change."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.billing_details import BillingDetails
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.payment import record_refund
from billing.domain.statement import Statement, StatementDiffers
from billing.services.accounts import change_account, set_billing_details
from billing.services.adjust_balance import adjust_balance, give_credit
from billing.services.change_wallet import change_wallet
from billing.services.sellers import put_seller
from billing.services.statements import READ_SECONDS, StatementInProgress, StatementMaker, StatementNotFound
from billing.store.books import Books
from billing.store.database import Database
from billing.store.statements import StatementItem
from billing.words.write_statement import write_statement
from tests.builders import (
    ADMINISTRATOR,
    NOW,
    WIRE,
    call,
    calls_feature,
    detection_feature,
    give_workspace,
    micros,
    plan,
)
from tests.documented import issue, payment, refund, seller, write_payments
from tests.paying_account import Paying
from tests.platform_of_one import World, assert_books_balance
from tests.subscriber import RENEWAL, Subscriber

NOVEMBER, DECEMBER = Month(2026, 11), Month(2026, 12)
FINAL = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(plan(calls_feature(included_minutes=1), detection_feature()), paid="50")
    put_seller(store, seller())
    return store


def made(store: World, month: Month = NOVEMBER, *, now: datetime = FINAL) -> Statement:
    return StatementMaker(store).statement("acme", month, now)


def in_major_units(movements: Any) -> dict[str, str]:
    return {code: Money(amount, "USD").to_wire()["amount"] for code, amount in movements.items()}


def assert_agrees_with_the_ledger(store: World, statement: Statement) -> None:
    """What the ledger's entries of the month say, added up here in another way."""
    month = statement.month
    entries = store.entries()
    before = [entry for entry in entries if entry.posted_at < month.start]
    within = [entry for entry in entries if month.start <= entry.posted_at < month.end]
    assert statement.opening_micros == (before[-1].balance_after_micros if before else 0)
    assert statement.closing_micros == (within or before)[-1].balance_after_micros
    assert sum(statement.movements.values()) == sum(entry.amount_micros for entry in within)
    lines = [line for entry in within if entry.usage is not None for line in entry.usage.lines]
    assert sum(line.amount_micros for line in statement.usage) == sum(line.amount_micros for line in lines)
    moved = dict.fromkeys(("asset:card_clearing", "revenue:subscription"), 0)
    for entry in within:
        for posting in entry.postings:
            if posting.account in moved:
                moved[posting.account] += posting.micros
    by_card = sum(line.amount_micros for line in statement.money if line.kind != "adjustment")
    assert by_card == -moved["asset:card_clearing"]
    assert sum(line.amount_micros for line in statement.subscription) == moved["revenue:subscription"]


def test_a_month_of_everything_adds_up_to_the_ledger(paying: Paying) -> None:
    acme = Subscriber(paying).subscribed()
    store = paying.store
    put_seller(store, seller())
    paying.top_up("50.00", card=paying.cards[0].payment_method_id, transaction_id="tx_1")
    give_workspace(store.database)
    store.settle(call("c1", seconds="400"), call("c2", seconds="90"))
    paying.refund("tx_1", "20.00")
    give_credit(
        store,
        "acme",
        micros=micros("5"),
        expires_at=RENEWAL,
        reason="welcome",
        grant_id="g",
        now=NOW + timedelta(hours=1),
    )
    for received, amount in ((True, "12.34"), (False, "-0.000001")):
        adjust_balance(
            store,
            "acme",
            micros=micros(amount),
            reason=WIRE,
            by=ADMINISTRATOR,
            adjustment_id=amount,
            now=NOW + timedelta(hours=2),
            received=received,
        )
    for each in sorted(store.history(), key=lambda each: (each.created_at, each.kind != "plan_change")):
        issue(store, each)
    acme.sweep(RENEWAL)
    assert_books_balance(store)

    november = made(store)
    assert november.is_final
    assert_agrees_with_the_ledger(store, november)
    assert in_major_units(november.movements) == {
        "payments": "50.000000",
        "usage": "-1.900000",
        "refunds": "-20.000000",
        "credit_granted": "5.000000",
        "adjustments": "12.339999",
    }
    assert [(line.kind, line.code, line.amount_micros, line.number) for line in november.money] == [
        ("plan_change", "subscription_started", micros("30"), "TT-2026-000001"),
        ("payment", "top_up", micros("50"), "TT-2026-000002"),
        ("refund", "refund", micros("-20"), "TT-CN-2026-000001"),
        ("adjustment", None, micros("12.34"), "TT-2026-000003"),
    ]
    (minutes,) = november.usage
    assert (minutes.name, minutes.unit, minutes.quantity_millionths, minutes.included_millionths) == (
        calls_feature().name,
        "minute",
        8_166_667,
        5_000_000,
    )

    issue(store, *store.history(), now=RENEWAL)
    december = made(store, DECEMBER, now=datetime(2027, 1, 2, tzinfo=UTC))
    assert_agrees_with_the_ledger(store, december)
    assert december.opening_micros == november.closing_micros
    assert [(line.kind, line.number) for line in december.money] == [("renewal", "TT-2026-000004")]
    assert in_major_units(december.movements)["credit_expired"] == "-5.000000"


def test_a_call_of_an_earlier_month_stands_in_a_line_of_its_own(store: World) -> None:
    late = call("late", seconds="60", ended_at=NOW)
    store.settle(call("early", seconds="90"), now=NOW)
    store.settle(late, now=DECEMBER.start + timedelta(hours=3))
    december = made(store, DECEMBER, now=datetime(2027, 1, 2, tzinfo=UTC))
    assert in_major_units(december.movements) == {"late_usage": "-0.120000"}
    assert [line.is_late for line in december.usage] == [True]
    november = made(store)
    assert in_major_units(november.movements) == {"adjustments": "50.000000", "usage": "-0.060000"}
    for each in (november, december):
        assert_agrees_with_the_ledger(store, each)


def test_a_statement_is_final_from_the_second_day_after_the_month_on(store: World) -> None:
    store.settle(call("c1", seconds="90"))
    moments = (NOW + timedelta(hours=1), DECEMBER.start, FINAL - timedelta(seconds=1), FINAL)
    assert [made(store, now=now).is_final for now in moments] == [False, False, False, True]
    assert {made(store, now=now).closing_micros for now in moments} == {micros("49.94")}


def test_a_statement_that_was_made_never_changes(store: World) -> None:
    store.settle(call("c1", seconds="90"))
    first = made(store, now=FINAL + timedelta(microseconds=123_456))
    store.settle(call("c2", seconds="90"), now=FINAL + timedelta(days=1))
    put_seller(store, replace(seller(), name="Another Ltd"))
    change_account(store, "acme", name="Renamed", language="ar")
    set_billing_details(store, "acme", BillingDetails("Moved", ("Elsewhere",)))
    assert made(store, now=FINAL + timedelta(days=300)) == first
    assert write_statement(first, first.seller or pytest.fail("no seller"))["brand"] == "Talktime Ltd"


def test_of_two_who_make_it_at_once_one_statement_is_kept(store: World) -> None:
    store.settle(*(call(f"c{number}", seconds="90") for number in range(10)))
    with ThreadPoolExecutor(4) as makers:
        statements = list(makers.map(lambda second: made(store, now=FINAL + timedelta(seconds=second)), range(8)))
    assert all(statement == statements[0] for statement in statements)


def test_a_month_with_very_many_calls_is_summed_over_several_requests(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for start in range(0, 60, 20):
        store.settle(*(call(f"c{number}", seconds=str(number + 1)) for number in range(start, start + 20)))
    expected = StatementMaker(store).statement("acme", NOVEMBER, NOW + timedelta(hours=2))
    pages = Database.pages
    read: list[int] = []

    def in_small_pages(self: Database, operation: str, model: Any, *, limit: int | None = 100, **arguments: Any) -> Any:
        for page in pages(self, operation, model, limit=10 if "Index" in str(arguments) else limit, **arguments):
            read.append(len(page))
            yield page

    monkeypatch.setattr(Database, "pages", in_small_pages)
    seconds = iter(range(10_000))
    maker = StatementMaker(store, clock=lambda: next(seconds) * (READ_SECONDS / 2 - 1))
    tries = 0
    while True:
        tries += 1
        try:
            statement = maker.statement("acme", NOVEMBER, NOW + timedelta(hours=2))
            break
        except StatementInProgress:
            assert tries < 10
    assert tries > 2
    assert sum(read) <= 61 + 10 * tries, "what was summed once is not read again"
    assert replace(statement, made_at=expected.made_at) == expected


def test_what_was_posted_within_the_hour_is_in_no_draft(store: World) -> None:
    """Its index may not have it yet: it is read again."""
    store.settle(call("c1", seconds="90"))
    maker = StatementMaker(store, clock=iter([0.0, READ_SECONDS * 2, 0.0, 0.0, 0.0]).__next__)
    with pytest.raises(StatementInProgress):
        maker.statement("acme", NOVEMBER, NOW + timedelta(minutes=59))
    rows = store.database.client.scan(TableName=store.database.table(StatementItem))["Items"]
    assert rows == []
    assert made(store, now=NOW + timedelta(minutes=59)).closing_micros == micros("49.94")


def test_an_entry_that_the_index_shows_too_early_waits_for_those_before_it(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.settle(*(call(f"c{number}", seconds="90") for number in range(4)))
    whole = made(store, now=NOW + timedelta(minutes=1))
    posted = Books.posted

    def without_the_third(self: Books, *about: Any, **after: Any) -> Any:
        for page in posted(self, *about, **after):
            yield [each for each in page if each[1].sequence != 3]

    monkeypatch.setattr(Books, "posted", without_the_third)
    early = made(store, now=NOW + timedelta(minutes=1))
    second = store.entries()[1]
    assert early.closing_micros == second.balance_after_micros != whole.closing_micros
    with pytest.raises(StatementDiffers):
        made(store)


def test_a_credit_note_of_a_payment_of_long_ago_has_its_number(store: World) -> None:
    issue(store, *write_payments(store, [payment("old", paid_at=NOW.replace(month=3))]), now=NOW.replace(month=3))
    (old,) = (each for each in store.history() if each.kind == "top_up")
    returned = refund("old", "20.00", at=NOW)
    change_wallet(store, "acme", lambda wallet: record_refund(wallet, old, returned, NOW))
    issue(store, old.transaction_id)
    (line,) = (each for each in made(store).money if each.kind == "refund")
    assert (line.amount_micros, line.number) == (micros("-20"), "TT-CN-2026-000001")


@pytest.mark.parametrize("month", [Month(2026, 10), Month(2027, 1), Month(2030, 5)])
def test_there_is_no_statement_of_a_month_before_the_account_or_to_come(store: World, month: Month) -> None:
    with pytest.raises(StatementNotFound):
        made(store, month)


def test_a_month_without_a_movement_has_the_balance_of_before(store: World) -> None:
    december = made(store, DECEMBER, now=datetime(2027, 1, 2, tzinfo=UTC))
    assert (december.opening_micros, december.closing_micros) == (micros("50"), micros("50"))
    assert (december.movements, december.money, december.usage) == ({}, (), ())


def test_without_a_seller_nothing_is_final(database: Database) -> None:
    store = World(database)
    store.open_account(plan(calls_feature()), paid="50")
    assert not made(store).is_final
    put_seller(store, seller())
    assert made(store).is_final
