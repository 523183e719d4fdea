"""The books of all accounts by months: they add up to the ledgers, to the micro-unit, and never change once closed."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.book_month import BookMonth, BooksDiffer, PostingSum, add_sums, trial_balance
from billing.domain.errors import InvalidValue
from billing.domain.month import Month
from billing.services.adjust_balance import give_credit
from billing.services.books_export import READ_SECONDS, BooksExport, BooksInProgress
from billing.store.books import Books
from billing.store.database import Database
from tests.api_client import Client, Line, client_over, with_acme
from tests.builders import NOW, call, calls_feature, detection_feature, give_workspace, micros, plan
from tests.paying_account import Paying
from tests.platform_of_one import World
from tests.subscriber import RENEWAL, Subscriber

NOVEMBER, DECEMBER = Month(2026, 11), Month(2026, 12)
CLOSED = datetime(2026, 12, 2, tzinfo=UTC)
PLAN = plan(calls_feature(included_minutes=1), detection_feature(price="0.0000015"))


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    for number in range(4):
        account_id = f"account-{number}"
        store.open_account(PLAN, account_id=account_id, workspaces=(f"w{number}",), paid="50" if number else "0")
        store.settle(*(call(f"{number}-{n}", seconds="90", detections=1, workspace_id=f"w{number}") for n in range(3)))
    store.open_account(PLAN, account_id="idle", workspaces=())
    return store


def ledger(store: World, month: Month) -> Counter[tuple[str, str]]:
    """What the entries of all accounts post in a month, added up here in another way: by kind and account."""
    found: Counter[tuple[str, str]] = Counter()
    for page in store.accounts.births():
        for account_id, _ in page:
            for entry in store.entries(account_id):
                if month.start <= entry.posted_at < month.end:
                    for posting in entry.postings:
                        found[entry.kind, posting.account] += posting.micros
    return found


def nets(month: BookMonth, currency: str = "USD") -> Counter[tuple[str, str]]:
    return Counter({(each.kind, each.account): each.net_micros for each in month.sums.get(currency, ())})


def books(store: World, last: Month = NOVEMBER, now: datetime = CLOSED) -> list[BookMonth]:
    return BooksExport(store).months_until(last, now)


def test_a_month_is_what_all_ledgers_say(store: World) -> None:
    (november,) = books(store)
    assert november.is_final
    assert nets(november) == ledger(store, NOVEMBER)
    lines = trial_balance([], november, "USD")
    assert sum(line.closing_micros for line in lines) == 0
    assert sum(line.debit_micros for line in lines) == sum(line.credit_micros for line in lines)
    balances = sum(store.wallet(f"account-{number}").balance_micros for number in range(4))
    held = sum(line.closing_micros for line in lines if line.account.startswith("liability:"))
    assert held == balances
    revenue = november.revenue("USD")
    assert revenue["usage"] == next(line.credit_micros for line in lines if line.account == "revenue:usage")


def test_a_month_that_is_over_is_summed_once(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = books(store)

    def never(*_: Any, **__: Any) -> Iterator[Any]:
        raise AssertionError("it is kept")

    monkeypatch.setattr(Books, "posted", never)
    assert books(store) == first


def test_a_month_that_is_not_over_is_as_of_now(store: World) -> None:
    later = NOW + timedelta(hours=1)
    (before,) = books(store, now=later)
    assert not before.is_final
    store.settle(call("more", seconds="90", workspace_id="w1"), now=later)
    (after,) = books(store, now=later)
    assert nets(after) == ledger(store, NOVEMBER) != nets(before)
    assert store.book_months.whole([NOVEMBER]) == {}
    with pytest.raises(InvalidValue):
        books(store, DECEMBER, later)


def test_the_next_month_opens_with_what_the_last_one_closed_with(store: World) -> None:
    store.settle(call("late", seconds="90", workspace_id="w2"), now=CLOSED)
    november, december = books(store, DECEMBER, datetime(2027, 1, 2, tzinfo=UTC))
    assert nets(november) == ledger(store, NOVEMBER)
    assert nets(december) == ledger(store, DECEMBER)
    closings = {line.account: line.closing_micros for line in trial_balance([], november, "USD")}
    openings = {line.account: line.opening_micros for line in trial_balance([november], december, "USD")}
    assert openings == closings


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_very_many_entries_are_summed_over_several_requests_and_each_once(
    store: World, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """An entry a page, and a request that has time for one, two or three of them."""
    posted = Books.posted

    def one_at_a_time(self: Books, *about: Any, **after: Any) -> Iterator[Any]:
        for page in posted(self, *about, **after):
            yield from ([each] for each in page)

    monkeypatch.setattr(Books, "posted", one_at_a_time)
    requests = 0
    while True:
        requests += 1
        clock = iter([0.0] * pages + [READ_SECONDS + 1] * 100)
        try:
            (november,) = BooksExport(store, clock=clock.__next__).months_until(NOVEMBER, CLOSED)
        except BooksInProgress:
            continue
        break
    assert nets(november) == ledger(store, NOVEMBER)
    assert requests > 15 // pages


def test_two_who_sum_the_same_month_count_nothing_twice(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = Books.posted
    others: list[BookMonth] = []

    def and_somebody_else_sums_it_meanwhile(self: Books, *about: Any, **after: Any) -> Iterator[Any]:
        yield from posted(self, *about, **after)
        if not others:
            monkeypatch.setattr(Books, "posted", posted)
            others.extend(books(store))

    monkeypatch.setattr(Books, "posted", and_somebody_else_sums_it_meanwhile)
    mine = books(store)
    assert mine == others == books(store)
    assert nets(mine[0]) == ledger(store, NOVEMBER)


def test_a_missing_entry_is_found(store: World, monkeypatch: pytest.MonkeyPatch) -> None:
    posted = Books.posted

    def without_the_second(self: Books, *about: Any, **after: Any) -> Iterator[Any]:
        for page in posted(self, *about, **after):
            yield [each for each in page if each[1].sequence != 2]

    monkeypatch.setattr(Books, "posted", without_the_second)
    with pytest.raises(BooksDiffer):
        books(store)


def test_an_account_whose_wallet_cannot_be_read_is_summed_all_the_same(store: World) -> None:
    said = ledger(store, NOVEMBER)
    store.database.client.update_item(
        TableName="wallets",
        Key={"account_id": {"S": "account-2"}},
        UpdateExpression="REMOVE grants",
    )
    (november,) = books(store)
    assert nets(november) == said


def test_revenue_tells_usage_subscriptions_promotions_refunds_and_disputes_apart(paying: Paying) -> None:
    acme = Subscriber(paying).subscribed()
    store = World(paying.store.database)
    paying.top_up("50.00", card=paying.cards[0].payment_method_id, transaction_id="tx_1")
    give_workspace(store.database)
    store.settle(call("c1", seconds="400"), call("c2", seconds="90"))
    paying.refund("tx_1", "20.00")
    (started,) = (each for each in store.history() if each.kind == "plan_change")
    paying.refund(started.transaction_id, "10.00", key="refund-2")
    give_credit(
        store,
        "acme",
        micros=micros("5"),
        expires_at=RENEWAL,
        reason="welcome",
        grant_id="g",
        now=NOW + timedelta(hours=1),
    )
    (november,) = books(store)
    assert nets(november) == ledger(store, NOVEMBER)
    assert november.revenue("USD") == {
        "usage": micros("1.9"),
        "subscription": micros("30"),
        "promotion": micros("-5"),
        "refunds": micros("-10"),
        "disputes": 0,
    }
    acme.sweep(RENEWAL)
    _, december = books(store, DECEMBER, datetime(2027, 1, 2, tzinfo=UTC))
    assert december.revenue("USD")["promotion"] == micros("5"), "what expired costs nothing"


def test_months_that_do_not_balance_are_none() -> None:
    with pytest.raises(BooksDiffer):
        BookMonth(NOVEMBER, is_final=True, sums={"USD": (PostingSum("usage", "revenue:usage", 0, 1),)})
    one = (PostingSum("usage", "revenue:usage", 0, 5),)
    assert add_sums(one, [PostingSum("usage", "revenue:usage", 2, 1)]) == (PostingSum("usage", "revenue:usage", 2, 6),)


def test_a_dispute_of_a_subscription_and_its_cost_are_the_line_of_disputes() -> None:
    sums = (
        PostingSum("plan_change", "revenue:subscription", 0, 30),
        PostingSum("dispute", "revenue:subscription", 30, 0),
        PostingSum("dispute", "expense:disputes", 15, 0),
        PostingSum("dispute", "asset:card_clearing", 0, 15),
    )
    month = BookMonth(NOVEMBER, is_final=True, sums={"USD": sums})
    assert {line: micros for line, micros in month.revenue("USD").items() if micros} == {
        "subscription": 30,
        "disputes": -45,
    }
    assert sum(month.revenue("USD").values()) == -15


@pytest.fixture
def client(database: Database) -> Client:
    client = with_acme(client_over(database, Line()))
    client.post("/v1/accounts", {"account_id": "omani", "name": "عُمان", "email": "o@o.example", "currency": "OMR"})
    for account_id, amount in (("acme", "10"), ("omani", "-0.000001")):
        client.post(
            f"/v1/accounts/{account_id}/adjustments",
            {"amount": amount, "reason": "wire", "by": "ops"},
            idempotency_key=account_id,
        )
    World(database).settle(call("e1", seconds="90", detections=1))
    return client


def test_the_trial_balance_is_answered_by_currency_as_json_and_csv(client: Client) -> None:
    answer = client.get("/v1/exports/trial-balance?month=2026-11").json
    assert (answer["month"], answer["final"], list(answer["currencies"])) == ("2026-11", False, ["OMR", "USD"])
    usd = {line["account"]: line["closing"]["amount"] for line in answer["currencies"]["USD"]}
    assert usd == {"liability:paid_credit": "9.990000", "asset:receivable": "-10.000000", "revenue:usage": "0.010000"}
    omr = {line["account"]: line["debits"]["amount"] for line in answer["currencies"]["OMR"]}
    assert omr == {"liability:paid_credit": "0.000001", "asset:receivable": "0.000000"}
    rows = client.get("/v1/exports/trial-balance?month=2026-11", accept="text/csv").rows
    assert len(rows) == 5
    assert (rows[-1]["account"], rows[-1]["credits"], rows[-1]["final"]) == ("revenue:usage", "0.010000", "false")
    assert client.at(CLOSED).get("/v1/exports/trial-balance?month=2026-11").json["final"] is True


def test_revenue_is_answered_by_month_and_currency(client: Client) -> None:
    answer = client.at(CLOSED).get("/v1/exports/revenue?from=2026-10&to=2026-12").json["items"]
    assert [(each["month"], each["currency"], each["usage"]["amount"], each["net"]["amount"]) for each in answer] == [
        ("2026-11", "OMR", "0.000000", "0.000000"),
        ("2026-11", "USD", "0.010000", "0.010000"),
    ]
    rows = client.at(CLOSED).get("/v1/exports/revenue?from=2026-11&to=2026-11", accept="text/csv").rows
    assert [(row["currency"], row["final"], row["net"]) for row in rows] == [
        ("OMR", "true", "0.000000"),
        ("USD", "true", "0.010000"),
    ]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("trial-balance", "month"),
        ("trial-balance?month=2026-13", "month"),
        ("trial-balance?month=2027-01", "month"),
        ("revenue?from=2026-11", "to"),
        ("revenue?from=2026-12&to=2026-11", "to"),
        ("revenue?from=2026-11&to=2026-12", "to"),
        ("profitability?from=2020-01-01", "to"),
        ("profitability?from=2026-11-02&to=2026-11-01", "to"),
        ("profitability?limit=0", "limit"),
        ("profitability?cursor=x", "cursor"),
    ],
)
def test_an_export_that_makes_no_sense_is_refused_by_its_field(client: Client, path: str, field: str) -> None:
    refused = client.get(f"/v1/exports/{path}")
    assert (refused.status, refused.fields) == (422, [field])


@pytest.mark.parametrize("path", ["trial-balance?month=2026-11", "revenue?from=2026-11&to=2026-11", "profitability"])
def test_nobody_but_an_administrator_of_the_platform_sees_an_export(client: Client, path: str) -> None:
    for caller in (client.with_key("billing:read"), client.with_key("admin billing:read", "acme")):
        refused = caller.get(f"/v1/exports/{path}")
        assert (refused.status, refused.code) == (403, "insufficient_scope")


def test_profitability_is_what_each_account_paid_less_what_it_cost(client: Client, database: Database) -> None:
    World(database).settle(call("long", seconds=str(600 * 60)))
    answer = client.get("/v1/exports/profitability?from=2026-11-01&limit=1").json
    (acme,) = answer["items"]
    assert acme["account_id"] == "acme"
    assert acme["revenue"] == {"amount": "12.190000", "currency": "USD"}
    assert acme["platform_cost"] == {"amount": "30.075000", "currency": "USD"}
    assert (acme["margin"]["amount"], acme["margin_percent"]) == ("-17.885000", "-146.72")
    assert acme["uncosted"] == ["voicemail_detection"]
    (omani,) = client.get(f"/v1/exports/profitability?from=2026-11-01&cursor={answer['next_cursor']}").json["items"]
    assert (omani["account_id"], omani["revenue"]["amount"], omani["platform_cost"]) == ("omani", "0.000000", None)
    files = [client.get("/v1/exports/profitability?from=2026-11-01&limit=1", accept="text/csv")]
    link = files[0].headers["link"]
    files.append(client.get("/v1/exports/profitability" + link[1:].partition(">")[0], accept="text/csv"))
    rows = [row for file in files for row in file.rows]
    assert [(row["account_id"], row["margin"], row["uncosted"]) for row in rows] == [
        ("acme", "-17.885000", "voicemail_detection"),
        ("omani", "", ""),
    ]
    assert "link" not in files[1].headers
