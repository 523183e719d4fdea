"""Monthly statements on the wire."""

from pydantic import Field

from billing.domain.decimals import format_millionths
from billing.domain.instants import format_instant
from billing.domain.ledger import EntryCode
from billing.domain.statement import MOVEMENTS, MoneyLine, MovementCode, Statement, UsageLine
from billing.web.values import Instant, MoneyView, View
from billing.words.write_statement import say_money


class MovementView(View):
    """What moved the balance in the month, by what for. Below zero it took credit."""

    code: MovementCode
    amount: MoneyView


class StatementLineView(View):
    """Money that moved, or what a subscription cost; below zero it was given back.

    `number` is of the receipt or credit note. A subscription's line has none: the payment's has.
    """

    posted_at: Instant
    code: EntryCode | None = Field(description="what it was for; null in entries of an earlier release")
    description: str
    amount: MoneyView
    number: str | None

    @classmethod
    def of(cls, line: MoneyLine, currency: str) -> "StatementLineView":
        return cls(
            posted_at=format_instant(line.posted_at),
            code=line.code,
            description=say_money(line, "en"),
            amount=MoneyView.of(line.amount_micros, currency),
            number=line.number,
        )


class StatementUsageView(View):
    """What was used of a feature, in priced units. `late`: the calls ended in an earlier month."""

    feature: str
    name: str
    unit: str
    late: bool
    quantity: str
    included: str
    charged: str = Field(description="`quantity` less `included`")
    amount: MoneyView

    @classmethod
    def of(cls, line: UsageLine, currency: str) -> "StatementUsageView":
        return cls(
            feature=line.feature,
            name=line.name,
            unit=line.unit,
            late=line.is_late,
            quantity=format_millionths(line.quantity_millionths),
            included=format_millionths(line.included_millionths),
            charged=format_millionths(line.bought_millionths),
            amount=MoneyView.of(line.amount_micros, currency),
        )


class StatementView(View):
    """A month (UTC) by the moment of posting. `opening_balance` and all movements add up to `closing_balance`.

    `final`: nothing comes any more, and it is kept as it is.
    """

    account_id: str
    month: str
    final: bool
    made_at: Instant
    opening_balance: MoneyView
    movements: list[MovementView]
    closing_balance: MoneyView
    payments: list[StatementLineView]
    subscription: list[StatementLineView]
    usage: list[StatementUsageView]

    @classmethod
    def of(cls, statement: Statement) -> "StatementView":
        currency, moved = statement.currency, statement.movements
        return cls(
            account_id=statement.account_id,
            month=str(statement.month),
            final=statement.is_final,
            made_at=format_instant(statement.made_at),
            opening_balance=MoneyView.of(statement.opening_micros, currency),
            movements=[
                MovementView(code=code, amount=MoneyView.of(moved[code], currency))
                for code in MOVEMENTS
                if code in moved
            ],
            closing_balance=MoneyView.of(statement.closing_micros, currency),
            payments=[StatementLineView.of(line, currency) for line in statement.money],
            subscription=[StatementLineView.of(line, currency) for line in statement.subscription],
            usage=[StatementUsageView.of(line, currency) for line in statement.usage],
        )
