"""Monthly statements in the table, and the entries of the ledger that they are made from.

A statement that is final is written once. A month with very many entries is summed over several requests: the row of
its draft says how far it has come.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.document import Party
from billing.domain.month import Month
from billing.domain.statement import MoneyLine, Statement, Sums, UsageLine
from billing.store.attributes import InstantAttribute, IntegerAttribute, JsonAttribute
from billing.store.database import Database
from billing.store.formats import MOMENT, TUPLE, Part, PositionFormat
from billing.store.tables import raw_item

_DRAFT = "#draft"


class StatementItem(Model):
    """A final statement by its month, "2026-10"; and under "2026-10#draft" how far the month is summed."""

    class Meta:
        table_name = "statements"

    account_id = UnicodeAttribute(hash_key=True)
    month = UnicodeAttribute(range_key=True)
    sums = JsonAttribute()
    position = UnicodeAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    made_at = InstantAttribute(null=True)
    opening_micros = IntegerAttribute(null=True)
    customer = JsonAttribute(null=True)
    seller = JsonAttribute(null=True)
    languages = JsonAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Draft:
    """The sums of a month's entries up to and with the one at `position`; None before the first one."""

    sums: Sums = field(default_factory=Sums)
    position: str | None = None


def _lines(of: PositionFormat[Any]) -> Part:
    return Part(lambda lines: [of.write(line) for line in lines], lambda stored: tuple(map(of.read, stored)))


_MONEY = _lines(PositionFormat(MoneyLine, posted_at=MOMENT))
_SUMS = PositionFormat(Sums, money=_MONEY, subscription=_MONEY, usage=_lines(PositionFormat(UsageLine)))
_PARTY = PositionFormat(Party, lines=TUPLE)


class Statements:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str, month: Month) -> Statement | None:
        """The final statement, once it was made."""
        item = self._get(account_id, str(month))
        return None if item is None else _statement(item)

    def keep(self, statement: Statement) -> Statement:
        """Keep a final statement, if there is none yet. Returns the one that is kept."""
        sums = Sums(
            0,
            statement.movements,
            statement.money,
            statement.subscription,
            statement.usage,
            statement.closing_micros,
        )
        item = raw_item(
            StatementItem,
            account_id=statement.account_id,
            month=str(statement.month),
            sums=_SUMS.write(sums),
            currency=statement.currency,
            made_at=statement.made_at,
            opening_micros=statement.opening_micros,
            customer=_PARTY.write(statement.customer),
            seller=None if statement.seller is None else _PARTY.write(statement.seller),
            languages=list(statement.languages),
        )
        if self._database.add(StatementItem, item, "account_id"):
            return statement
        kept = self.get(statement.account_id, statement.month)
        if kept is None:
            raise LookupError(f"the statement {statement.month} of {statement.account_id} was there and is gone")
        return kept

    def draft(self, account_id: str, month: Month) -> Draft:
        item = self._get(account_id, f"{month}{_DRAFT}")
        return Draft() if item is None else Draft(_SUMS.read(item.sums), item.position)

    def save_draft(self, account_id: str, month: Month, draft: Draft) -> None:
        """Of two who sum the same month, the one that has come further is kept: its sums hold all of the other's.

        A draft that holds no entry yet is none.
        """
        if draft.position is None:
            return
        item = raw_item(
            StatementItem,
            account_id=account_id,
            month=f"{month}{_DRAFT}",
            sums=_SUMS.write(draft.sums),
            position=draft.position,
        )
        further = "attribute_not_exists(#position) OR #position < :reached"
        self._database.move(StatementItem, item, condition=further, reached=item["position"])

    def _get(self, account_id: str, month: str) -> StatementItem | None:
        return self._database.get(StatementItem, {"account_id": account_id, "month": month})


def _statement(item: StatementItem) -> Statement:
    sums = _SUMS.read(item.sums)
    movements: Mapping[str, int] = sums.movements
    return Statement(
        account_id=item.account_id,
        currency=item.currency,
        month=Month.parse(item.month),
        is_final=True,
        made_at=item.made_at,
        opening_micros=item.opening_micros,
        closing_micros=sums.closing_micros or 0,
        movements=movements,
        money=sums.money,
        subscription=sums.subscription,
        usage=sums.usage,
        customer=_PARTY.read(item.customer),
        seller=None if item.seller is None else _PARTY.read(item.seller),
        languages=tuple(item.languages),
    )
