"""What happened: the ledger and the usage records."""

from billing.api.credit import LedgerEntryView, LedgerPage
from billing.api.usage_records import CSV, MAX_CSV_RECORDS, UsageRecordPage, UsageRecordsQuery, csv_text, usage_records
from billing.domain.instants import format_instant
from billing.services.accounts import find_account
from billing.store.store import Store
from billing.web.routing import Call, Text, route
from billing.web.values import DEFAULT_PAGE, PageQuery


class HistoryRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("GET", "/v1/accounts/{account_id}/ledger", scope="billing:read")
    def list_ledger_entries(self, account_id: str, query: PageQuery) -> LedgerPage:
        """Entries, newest first, each with its postings and the balance after it."""
        find_account(self._store, account_id)
        page = self._store.books.page(account_id, query.limit, query.cursor)
        return LedgerPage(items=[LedgerEntryView.of(entry) for entry in page.items], next_cursor=page.next_cursor)

    @route("GET", "/v1/accounts/{account_id}/usage/records", scope="billing:read", text=CSV)
    def list_usage_records(self, call: Call, account_id: str, query: UsageRecordsQuery) -> UsageRecordPage | Text:
        """What was used and what it cost, newest first.

        With `Accept: text/csv` a row for each line, 400 records at a time unless `limit` says less; the header `Link`
        leads to the rest.
        """
        find_account(self._store, account_id)
        as_csv = call.accepts(CSV)
        limit = query.limit or (MAX_CSV_RECORDS if as_csv else DEFAULT_PAGE)
        page = self._store.books.page(account_id, limit, query.cursor, usage=query.to_filter())
        records = usage_records(page.items)
        if not as_csv:
            return UsageRecordPage(items=records, next_cursor=page.next_cursor)
        headers = {"content-disposition": f'attachment; filename="usage-{format_instant(call.now)[:10]}.csv"'}
        if page.next_cursor is not None:
            headers["link"] = f'<{query.link_to(page.next_cursor)}>; rel="next"'
        return Text(csv_text(records), "text/csv; charset=utf-8", headers)
