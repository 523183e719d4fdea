"""Exports for an accountant, and what customers leave after the platform's own costs: JSON and CSV."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from billing.api.spans import DaysQuery
from billing.domain.book_month import REVENUE_LINES, BookMonth, RevenueLine, TrialLine
from billing.domain.decimals import format_millionths
from billing.domain.month import Month
from billing.domain.profitability import Profit
from billing.web.values import Body, Cursor, MoneyView, MonthText, PageLimit, View


class TrialBalanceQuery(Body):
    """A month (UTC), by the moment of posting."""

    month: MonthText


class RevenueQuery(Body):
    """Months (UTC), both among them, by the moment of posting."""

    from_: Annotated[MonthText, Field(alias="from")]
    to: MonthText


class TrialLineView(View):
    """An account of the books. Credits are positive: `closing` is `opening` plus `credits` less `debits`."""

    account: str
    opening: MoneyView
    debits: MoneyView
    credits: MoneyView
    closing: MoneyView

    @classmethod
    def of(cls, line: TrialLine, currency: str) -> "TrialLineView":
        return cls(
            account=line.account,
            opening=MoneyView.of(line.opening_micros, currency),
            debits=MoneyView.of(line.debit_micros, currency),
            credits=MoneyView.of(line.credit_micros, currency),
            closing=MoneyView.of(line.closing_micros, currency),
        )


class TrialBalanceView(View):
    """All entries of all customers' ledgers. In each currency the openings, and the closings, add up to zero.

    `final`: the month is over, and nothing comes any more.
    """

    month: str
    final: bool
    currencies: dict[str, list[TrialLineView]]

    @classmethod
    def of(cls, month: BookMonth, lines: dict[str, list[TrialLine]]) -> "TrialBalanceView":
        return cls(
            month=str(month.month),
            final=month.is_final,
            currencies={
                currency: [TrialLineView.of(each, currency) for each in of_currency]
                for currency, of_currency in lines.items()
            },
        )


class RevenueView(View):
    """What a month earned in a currency. What it cost, and what was given back, is below zero; `net` is the sum.

    `promotion` is credit that was granted, less what expired; `refunds` and `disputes` are of subscriptions, and what
    disputes cost the seller. Refunded credit for calls was no revenue yet.
    """

    month: str
    final: bool
    currency: str
    usage: MoneyView
    subscription: MoneyView
    promotion: MoneyView
    refunds: MoneyView
    disputes: MoneyView
    net: MoneyView

    @classmethod
    def of(cls, month: Month, lines: dict[RevenueLine, int], currency: str, *, final: bool) -> "RevenueView":
        said = {line: MoneyView.of(micros, currency) for line, micros in lines.items()}
        net = MoneyView.of(sum(lines.values()), currency)
        return cls(month=str(month), final=final, currency=currency, net=net, **said)


class RevenuePage(View):
    """By month, and by currency in it. A month without any entry has none."""

    items: list[RevenueView]


class ProfitabilityQuery(DaysQuery):
    """Days, and which part of the list of accounts."""

    limit: PageLimit | None = None
    cursor: Cursor | None = None

    def link_to(self, cursor: str) -> str:
        """The same query from `cursor` on, as a relative reference."""
        stated = {
            "from": None if self.from_ is None else self.from_.isoformat(),
            "to": None if self.to is None else self.to.isoformat(),
            "limit": None if self.limit is None else str(self.limit),
            "cursor": cursor,
        }
        return "?" + urlencode({name: value for name, value in stated.items() if value is not None})


class ProfitView(View):
    """What an account paid for usage, and what that cost the platform.

    `platform_cost`, `margin` and `margin_percent` are null if no plan states a unit cost. `uncosted` are features that
    were paid and have none: what they cost is in no sum.
    """

    account_id: str
    name: str
    revenue: MoneyView
    platform_cost: MoneyView | None
    margin: MoneyView | None
    margin_percent: str | None = Field(description="of the revenue, to two decimals; null without any")
    uncosted: list[str]

    @classmethod
    def of(cls, profit: Profit) -> "ProfitView":
        currency, cost = profit.currency, profit.cost_micros
        percent = profit.margin_percent_millionths
        return cls(
            account_id=profit.account_id,
            name=profit.name,
            revenue=MoneyView.of(profit.revenue_micros, currency),
            platform_cost=None if cost is None else MoneyView.of(cost, currency),
            margin=None if cost is None else MoneyView.of(profit.revenue_micros - cost, currency),
            margin_percent=None if percent is None else format_millionths(percent),
            uncosted=list(profit.uncosted),
        )


class ProfitPage(View):
    """By the accounts' names. By workspace and by feature, an account's own usage says the same."""

    items: list[ProfitView]
    next_cursor: str | None


TRIAL_BALANCE_COLUMNS = ("month", "final", "currency", "account", "opening", "debits", "credits", "closing")
REVENUE_COLUMNS = ("month", "final", "currency", *REVENUE_LINES, "net")
PROFIT_COLUMNS = (
    "account_id",
    "name",
    "revenue",
    "platform_cost",
    "margin",
    "margin_percent",
    "currency",
    "uncosted",
)


def trial_balance_rows(month: BookMonth, lines: dict[str, list[TrialLine]]) -> Iterator[tuple[str, ...]]:
    for currency, of_currency in lines.items():
        for each in of_currency:
            amounts = (each.opening_micros, each.debit_micros, each.credit_micros, each.closing_micros)
            yield (str(month.month), _said(month.is_final), currency, each.account, *map(_amount, amounts))


def revenue_rows(items: Iterable[RevenueView]) -> Iterator[tuple[str, ...]]:
    for each in items:
        amounts: Sequence[MoneyView] = (
            each.usage,
            each.subscription,
            each.promotion,
            each.refunds,
            each.disputes,
            each.net,
        )
        yield (each.month, _said(each.final), each.currency, *(amount.amount for amount in amounts))


def profit_rows(items: Iterable[ProfitView]) -> Iterator[tuple[str, ...]]:
    for each in items:
        yield (
            each.account_id,
            each.name,
            each.revenue.amount,
            "" if each.platform_cost is None else each.platform_cost.amount,
            "" if each.margin is None else each.margin.amount,
            each.margin_percent or "",
            each.revenue.currency,
            "; ".join(each.uncosted),
        )


def _amount(micros: int) -> str:
    return format_millionths(micros, fixed=True)


def _said(truth: bool) -> str:  # noqa: FBT001
    return "true" if truth else "false"
