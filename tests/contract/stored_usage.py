"""A value of every kind of row of the ledger and of what was used: see `stored_values`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from billing.domain.book_month import PostingSum
from billing.domain.daily_usage import DayOfWorkspace, DayUse
from billing.domain.ledger import Drawn, LedgerEntry, Posting, void_cause
from billing.domain.low_allowance import Told
from billing.domain.month import Month
from billing.domain.usage import call_cause
from billing.domain.usage_sum import UsageSum, Use
from billing.domain.wallet import Posted, Wallet
from billing.store.accounts import Accounts
from billing.store.book_months import BookDraft, BookMonths
from billing.store.books import Books
from billing.store.daily_usage import DailyUsage, KeptMonth
from billing.store.database import Database
from billing.store.wallets import Wallets
from tests.builders import change_period
from tests.contract.samples import (
    ACCOUNT,
    ADJUSTMENT,
    CALL,
    END,
    MARKER,
    NOW,
    REPLAYED_CALL,
    RESET,
    SAID_MARKER,
    WALLET,
)
from tests.contract.stored import Stored, Write

assert CALL.usage is not None
COSTED_CALL = replace(
    REPLAYED_CALL,
    cause=call_cause("42", "c-883"),
    usage=replace(
        CALL.usage,
        call_id="c-883",
        lines=(replace(CALL.usage.lines[0], cost_micros=259_267), CALL.usage.lines[1]),
        dimensions={"agent": "a-7", "direction": "inbound", "حملة": "خريف"},
    ),
)
DRAWN_CALL = replace(
    COSTED_CALL,
    cause=call_cause("42", "c-884 #2"),
    usage=replace(CALL.usage, call_id="c-884", counted_in="previous"),
    drawn=(Drawn("g-1", 600_000, END), Drawn("g-2", 34_000, END)),
)
VOID = replace(
    MARKER,
    cause=void_cause(COSTED_CALL.cause),
    kind="void",
    amount_micros=634_000,
    description="وحدة خاطئة",
    by="ops@example.com",
    rejection_id=None,
    usage=CALL.usage,
    postings=(Posting("liability:paid_credit", 634_000), Posting("revenue:usage", -634_000)),
)
RESET_PERIOD = change_period(WALLET, used={}, bought={}, reset_at=NOW)
TOLD = change_period(WALLET, told={"call_minutes": Told(80, 500_000_000), "llm_tokens": Told(100, 1_000_000)})
DAY = DayOfWorkspace("2026-11-23", "42")
COUNTERS = {
    "calls": 1,
    "events": 1,
    "call_minutes|n": 1,
    "call_minutes|q": 312_000_000,
    "call_minutes|i": 5_000_000,
    "call_minutes|o": 307_000_000,
    "call_minutes|a": 614_000,
    "voicemail_detection|n": 1,
    "voicemail_detection|q": 2_000_000,
    "voicemail_detection|p": 2_000_000,
    "voicemail_detection|a": 20_000,
}
COSTED_COUNTERS = {**COUNTERS, "call_minutes|q": 311_120_000, "call_minutes|c": 259_267}
OCTOBER = Month(2026, 10)
BOOKS = BookDraft(
    {
        "OMR": (),
        "USD": (
            PostingSum("usage", "liability:paid_credit", 614_000),
            PostingSum("usage", "revenue:usage", 0, 614_000),
        ),
    },
    account_id="acme",
    position="2026-10-23T09:15:02.000Z#000000000042",
    version=1,
)
OCTOBER_SUM = UsageSum(
    Counter(COSTED_COUNTERS),
    {"call_minutes": ("enterprise", 1), "voicemail_detection": ("enterprise", 1)},
    {"42": Use(634_000, 1, 259_267), "عيادة": Use(0, 3)},
    Use(1, 2, 3),
)


def _entry(entry: LedgerEntry, *, written: bool = True) -> Stored:
    return Stored(
        "ledger_entries",
        {"cause": entry.cause},
        entry,
        _write_entry(entry) if written else None,
        lambda database: Books(database).entry(entry.cause),
    )


def _write_entry(entry: LedgerEntry) -> Write:
    def write(database: Database) -> None:
        Accounts(database).create(ACCOUNT)
        Books(database).commit(Wallet("acme", "USD"), Posted(WALLET, (entry,)))

    return write


def _wallet(wallet: Wallet) -> Stored:
    def write(database: Database) -> None:
        Accounts(database).create(ACCOUNT)
        Books(database).commit(Wallet("acme", "USD"), Posted(wallet))

    return Stored("wallets", {"account_id": "acme"}, wallet, write, lambda database: Wallets(database).get("acme"))


def _days(database: Database) -> object:
    pages = DailyUsage(database).between("acme", NOW.date(), NOW.date())
    return [row for page in pages for row in page]


def _keep_month(database: Database) -> None:
    assert DailyUsage(database).keep_month("acme", OCTOBER, KeptMonth(), OCTOBER_SUM.to_stored())


def _read_month(database: Database) -> object:
    kept = DailyUsage(database).months("acme", [OCTOBER])[OCTOBER]
    return None if kept.sums is None else UsageSum.from_stored(kept.sums)


USAGE: Mapping[str, Stored] = {
    "0.1.0/ledger_entries.usage": _entry(CALL, written=False),
    "0.2.0/ledger_entries.usage": _entry(REPLAYED_CALL),
    "0.2.0/ledger_entries.costed": _entry(COSTED_CALL),
    "0.2.0/ledger_entries.drawn": _entry(DRAWN_CALL),
    "0.2.0/ledger_entries.void": _entry(VOID),
    "0.2.0/ledger_entries.replay_marker": _entry(MARKER),
    "0.2.0/ledger_entries.charged_as": _entry(SAID_MARKER),
    "0.2.0/ledger_entries.usage_reset": _entry(RESET),
    "0.1.0/ledger_entries.adjustment": _entry(ADJUSTMENT),
    "0.1.0/daily_usage": Stored(
        "daily_usage",
        {"account_id": "acme", "day_workspace": "2026-11-23#42"},
        [(DAY, DayUse(Counter(COUNTERS)))],
        None,
        _days,
    ),
    "0.2.0/daily_usage": Stored(
        "daily_usage",
        {"account_id": "acme", "day_workspace": "2026-11-23#42"},
        [(DAY, DayUse(Counter(COSTED_COUNTERS), ("enterprise", 1)))],
        _write_entry(COSTED_CALL),
        _days,
    ),
    "0.2.0/wallets.told": _wallet(TOLD),
    "0.2.0/wallets.reset": _wallet(RESET_PERIOD),
    "0.2.0/book_months": Stored(
        "book_months",
        {"month": "2026-10"},
        BOOKS,
        lambda database: BookMonths(database).save(OCTOBER, BookDraft(), BOOKS),
        lambda database: BookMonths(database).draft(OCTOBER),
    ),
    "0.2.0/usage_months": Stored(
        "usage_months", {"account_id": "acme", "month": "2026-10"}, OCTOBER_SUM, _keep_month, _read_month
    ),
}
