"""Exports over all accounts: for an accountant, and for whoever sets the prices."""

from billing.api.exports import (
    PROFIT_COLUMNS,
    REVENUE_COLUMNS,
    TRIAL_BALANCE_COLUMNS,
    ProfitabilityQuery,
    ProfitPage,
    ProfitView,
    RevenuePage,
    RevenueQuery,
    RevenueView,
    TrialBalanceQuery,
    TrialBalanceView,
    profit_rows,
    revenue_rows,
    trial_balance_rows,
)
from billing.domain.book_month import trial_balance
from billing.domain.errors import InvalidValue
from billing.domain.month import Month
from billing.services.books_export import BooksExport
from billing.services.profitability import profits
from billing.store.store import Store
from billing.web.csv_file import CSV, csv_file
from billing.web.routing import Call, File, route
from billing.web.values import DEFAULT_PAGE


class ExportsRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._books = BooksExport(store)

    @route(
        "GET",
        "/v1/exports/trial-balance",
        scope="admin",
        file=CSV,
        refusals={406: ("gzip_required",), 503: ("books_in_progress",)},
    )
    def get_trial_balance(self, call: Call, query: TrialBalanceQuery) -> TrialBalanceView | File:
        """What all customers' entries post to each account of the books in a month, and what it held before and after.

        From the second day after it a month is `final`, and summed once. Months of very many entries are summed over
        several requests: send the same one again (`books_in_progress`).
        """
        *before, month = self._books.months_until(Month.parse(query.month), call.now)
        currencies = sorted({currency for each in (*before, month) for currency in each.sums})
        lines = {currency: trial_balance(before, month, currency) for currency in currencies}
        if call.accepts(CSV):
            rows = trial_balance_rows(month, lines)
            return csv_file(call, f"trial-balance-{month.month}", TRIAL_BALANCE_COLUMNS, rows)
        return TrialBalanceView.of(month, lines)

    @route(
        "GET",
        "/v1/exports/revenue",
        scope="admin",
        file=CSV,
        refusals={406: ("gzip_required",), 503: ("books_in_progress",)},
    )
    def get_revenue(self, call: Call, query: RevenueQuery) -> RevenuePage | File:
        """What each month earned: usage and subscriptions, less promotions, refunds and disputes.

        It agrees with the ledger to the micro-unit. Months are summed as for the trial balance.
        """
        first, last = Month.parse(query.from_, "from"), Month.parse(query.to, "to")
        if last.start < first.start:
            raise InvalidValue("must not be before from", field="to")
        months = self._books.months_until(last, call.now, field="to")
        items = [
            RevenueView.of(each.month, each.revenue(currency), currency, final=each.is_final)
            for each in months
            if each.month.start >= first.start
            for currency in sorted(each.sums)
        ]
        if call.accepts(CSV):
            return csv_file(call, f"revenue-{first}-{last}", REVENUE_COLUMNS, revenue_rows(items))
        return RevenuePage(items=items)

    @route(
        "GET",
        "/v1/exports/profitability",
        scope="admin",
        file=CSV,
        refusals={406: ("gzip_required",), 422: ("range_too_long",), 503: ("usage_in_progress",)},
    )
    def list_profits(self, call: Call, query: ProfitabilityQuery) -> ProfitPage | File:
        """What each account paid for usage that ended in the range, and what that cost the platform.

        Up to 24 months. A CSV file has the same part of the list as a page; the header `Link` leads to the next.
        """
        limit = query.limit or DEFAULT_PAGE
        days = query.to_days(call.now.date())
        page = profits(self._store, days, limit, query.cursor, call.now)
        items = [ProfitView.of(each) for each in page.items]
        if not call.accepts(CSV):
            return ProfitPage(items=items, next_cursor=page.next_cursor)
        more = None if page.next_cursor is None else query.link_to(page.next_cursor)
        name = f"profitability-{days.first}-{days.last}"
        return csv_file(call, name, PROFIT_COLUMNS, profit_rows(items), more=more)
