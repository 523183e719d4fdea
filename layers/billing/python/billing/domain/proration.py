"""Proration: what a part of a month costs, to the second, so that any parts of it add up to the whole.

A part costs the price up to its end less the price up to its beginning, each rounded once: whatever the split, what is
rounded away at the end of one part is charged at the beginning of the next. Lines are split over the price in the same
way, so that they add up to the whole, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from billing.domain.charge_limits import least_charge_micros
from billing.domain.decimals import divide_half_up
from billing.domain.plan import Plan
from billing.domain.transaction import TransactionLine, chargeable

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Month:
    """A period's span, [start, end), in whole seconds."""

    start: datetime
    end: datetime

    def price_of_part(self, price_micros: int, since: datetime, until: datetime) -> int:
        """What [since, until) costs where the whole month costs `price_micros`; to the micro-unit."""
        return self._up_to(price_micros, until) - self._up_to(price_micros, since)

    def price_of_rest(self, price_micros: int, since: datetime) -> int:
        return self.price_of_part(price_micros, since, self.end)

    def _up_to(self, price_micros: int, moment: datetime) -> int:
        seconds = min(max(moment, self.start), self.end) - self.start
        return divide_half_up(price_micros * (seconds // _SECOND), (self.end - self.start) // _SECOND)


@dataclass(frozen=True, slots=True)
class Item:
    """Something with a monthly price: what it is, how many, and the price of all of them."""

    name: str
    quantity: int
    price_micros: int
    code: Literal["plan", "rental"] = "rental"


@dataclass(frozen=True, slots=True)
class Charge:
    """What is due: the price, and what a card is charged for it, 0 where nothing is.

    A card is charged whole minor units, and never less than a certain amount: what that is more than the price is the
    customer's credit. `lines` add up to what the card is charged.
    """

    lines: tuple[TransactionLine, ...]
    price_micros: int
    card_micros: int


def items_of(plan: Plan, quantities: Mapping[str, int]) -> list[Item]:
    """What a month under a plan is made of; what is free is left out."""
    rented = [(each, each.extra_units(quantities)) for each in plan.recurring_features.values()]
    items = [
        Item(plan.name, 1, plan.base_price_micros, "plan"),
        *(Item(each.name, extra, extra * each.unit_price_micros) for each, extra in rented),
    ]
    return [item for item in items if item.price_micros]


def lines_of(items: Sequence[Item], month: Month, since: datetime, *, above_micros: int = 0) -> list[TransactionLine]:
    """A line an item for the rest of the month; together they cost what the sum of the items' prices does.

    `above_micros` is a monthly price that is paid for already, on top of which the items come.
    """
    lines: list[TransactionLine] = []
    price = above_micros
    for item in items:
        before, price = price, price + item.price_micros
        amount = month.price_of_rest(price, since) - month.price_of_rest(before, since)
        quantity = str(item.quantity)
        lines.append(TransactionLine("", quantity, amount, since, month.end, item.code, item.name))
    return lines


def charge_for(lines: Sequence[TransactionLine], currency: str) -> Charge:
    """The charge for lines whose sum is not negative."""
    price = sum(line.amount_micros for line in lines)
    if price == 0:
        return Charge((), 0, 0)
    card = max(chargeable(price, currency), least_charge_micros(currency))
    credit = TransactionLine("", "1", card - price, code="rounding")
    return Charge((*lines, *([credit] if credit.amount_micros else [])), price, card)


def price_in(lines: Sequence[TransactionLine]) -> int:
    """The price in a charge's lines: those that are for a time; the rest is credit."""
    return sum(line.amount_micros for line in lines if line.period_start is not None)
