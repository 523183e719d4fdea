"""What happened: the ledger, the usage records, and what was used and paid over time."""

from collections.abc import Sequence
from datetime import datetime

from billing.api.credit import LEDGER_COLUMNS, LedgerEntryView, LedgerPage, LedgerQuery, ledger_rows
from billing.api.long_files import LONG_FILE_REFUSALS, or_parts
from billing.api.usage import UsageQuery, UsageView, usage_columns, usage_rows
from billing.api.usage_records import (
    COLUMNS,
    Names,
    UsageRecordPage,
    UsageRecordsQuery,
    VoidBody,
    usage_lines,
    usage_records,
)
from billing.domain.instants import format_instant
from billing.domain.ledger import LedgerEntry
from billing.services.accounts import find_account
from billing.services.ledger_file import LedgerFiles
from billing.services.usage_file import UsageFiles
from billing.services.usage_report import UsageReporter
from billing.services.void_usage import void_usage
from billing.services.workspaces import workspace_names
from billing.store.store import Store
from billing.web.csv_file import CSV, MOST_LINES, csv_file
from billing.web.routing import KEY_REQUIRED, Call, File, route
from billing.web.values import DEFAULT_PAGE


class HistoryRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._reporter = UsageReporter(store)
        self._usage_files = UsageFiles(store, MOST_LINES)
        self._ledger_files = LedgerFiles(store, MOST_LINES)

    @route("GET", "/v1/accounts/{account_id}/ledger", scope="billing:read", file=CSV, refusals=LONG_FILE_REFUSALS)
    def list_ledger_entries(self, call: Call, account_id: str, query: LedgerQuery) -> LedgerPage | File:
        """Entries that were posted in the span, newest first, each with its postings and the balance after it.

        With `Accept: text/csv` a file of up to 25,000 of them, oldest first. Of more, `too_many_lines` has the parts.
        """
        find_account(self._store, account_id)
        if call.accepts(CSV):
            found = or_parts(lambda: self._ledger_files.file(account_id, query.from_, query.to, query.cursor))
            more = None if found.next_cursor is None else query.link_to(found.next_cursor)
            return csv_file(call, f"ledger-{_today(call.now)}", LEDGER_COLUMNS, ledger_rows(found.entries), more=more)
        page = self._store.books.page(
            account_id, query.limit or DEFAULT_PAGE, query.cursor, start=query.from_, end=query.to
        )
        return LedgerPage(items=[LedgerEntryView.of(entry) for entry in page.items], next_cursor=page.next_cursor)

    @route(
        "GET", "/v1/accounts/{account_id}/usage/records", scope="billing:read", file=CSV, refusals=LONG_FILE_REFUSALS
    )
    def list_usage_records(self, call: Call, account_id: str, query: UsageRecordsQuery) -> UsageRecordPage | File:
        """What was used and what it cost, newest first.

        With `Accept: text/csv` a file with a row for each line, up to 25,000, oldest first. A range that has more is
        refused (`too_many_lines`) with its parts, each with its number of lines. A day with more makes several files:
        the header `Link` leads to the next one.
        """
        find_account(self._store, account_id)
        wanted = query.to_filter()
        if call.accepts(CSV):
            found = or_parts(lambda: self._usage_files.file(account_id, wanted, query.cursor, call.now))
            rows = usage_lines(found.entries, self._names(account_id, found.entries, call.now), query.feature)
            more = None if found.next_cursor is None else query.link_to(found.next_cursor)
            return csv_file(call, f"usage-lines-{_today(call.now)}", COLUMNS, rows, more=more)
        page = self._store.usage_records.page(account_id, query.limit or DEFAULT_PAGE, query.cursor, wanted)
        return UsageRecordPage(
            items=usage_records(page.items, self._names(account_id, page.items, call.now), query.feature),
            next_cursor=page.next_cursor,
            read_to=None if page.read_to is None else format_instant(page.read_to),
        )

    @route(
        "POST",
        "/v1/accounts/{account_id}/usage/records/{record_id}/void",
        scope="admin",
        status=201,
        keyed=KEY_REQUIRED,
        refusals={404: ("usage_record_not_found",), 409: ("already_voided",)},
    )
    def void_usage_record(self, call: Call, account_id: str, record_id: str, body: VoidBody) -> LedgerEntryView:
        """Take a charge back, by an entry of its own. Answers the entry.

        Money goes back where it came from, the allowance while its period is at hand. No other call is rated again. Of
        the same call, an event with other data can then be charged: replay it with `confirm`.
        """
        entry = void_usage(
            self._store,
            account_id,
            record_id,
            reason=body.reason,
            by=body.by,
            key=call.require_key(),
            now=call.now,
        )
        return LedgerEntryView.of(entry)

    @route(
        "GET",
        "/v1/accounts/{account_id}/usage",
        scope="billing:read",
        file=CSV,
        refusals={406: ("gzip_required",), 422: ("range_too_long",), 503: ("usage_in_progress",)},
    )
    def get_usage(self, call: Call, account_id: str, query: UsageQuery) -> UsageView | File:
        """What was used and paid by day or month, and by feature or workspace, exact at each moment.

        With `compare=previous` also the totals of the range before. With `Accept: text/csv` a row for each group of
        each day or month. Years of very many workspaces are summed over several requests: send the same one again
        (`usage_in_progress`).
        """
        report = self._reporter.report(account_id, query.to_question(call.now.date()), call.now)
        with_costs = call.caller.is_administrator
        if not call.accepts(CSV):
            return UsageView.of(report, with_costs=with_costs)
        columns = usage_columns(query.group_by, with_costs=with_costs)
        return csv_file(call, f"usage-{_today(call.now)}", columns, usage_rows(report, with_costs=with_costs))

    def _names(self, account_id: str, entries: Sequence[LedgerEntry], now: datetime) -> Names:
        records = [entry.usage for entry in entries if entry.usage is not None]
        return Names(
            self._store.plans.get_many({(each.plan_id, each.plan_version) for each in records}),
            workspace_names(self._store, account_id, {each.workspace_id for each in records}, now),
            self._store.books.voided(entry.cause for entry in entries),
        )


def _today(now: datetime) -> str:
    return now.date().isoformat()
