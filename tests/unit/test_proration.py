"""A part of a month costs its share to the second, and the parts add up to the whole, to the micro-unit."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.plan import RecurringFeature
from billing.domain.proration import Item, Month, charge_for, items_of, lines_of, price_in
from tests.builders import PHONE_NUMBERS, micros, plan, plan_name

MONTH = Month(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
SECONDS = 30 * 86_400
PRICES = st.integers(min_value=0, max_value=10**12)
MOMENTS = st.integers(min_value=0, max_value=SECONDS).map(lambda second: MONTH.start + timedelta(seconds=second))


@given(price=PRICES, splits=st.lists(MOMENTS, max_size=20))
def test_the_parts_of_a_month_add_up_to_the_whole_for_any_split(price: int, splits: list[datetime]) -> None:
    bounds = [MONTH.start, *sorted(splits), MONTH.end]
    parts = [MONTH.price_of_part(price, *each) for each in pairwise(bounds)]
    assert sum(parts) == price
    assert min(parts) >= 0


@given(changes=st.lists(st.tuples(MOMENTS, PRICES), min_size=1, max_size=10))
def test_a_month_of_upgrades_costs_each_price_for_exactly_its_time(changes: list[tuple[datetime, int]]) -> None:
    prices = sorted(price for _, price in changes)
    moments = sorted(moment for moment, _ in changes)
    charged, before = 0, 0
    for moment, price in zip([MONTH.start, *moments], [0, *prices], strict=True):
        due = MONTH.price_of_rest(price, moment) - MONTH.price_of_rest(before, moment)
        assert due >= 0, "an upgrade never gives money back"
        charged, before = charged + due, price
    spans = zip([0, *prices], [MONTH.start, *moments], [*moments, MONTH.end], strict=True)
    assert charged == sum(MONTH.price_of_part(price, since, until) for price, since, until in spans)


@given(
    prices=st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=8),
    since=MOMENTS,
    paid=PRICES,
)
def test_lines_add_up_to_what_their_sum_costs(prices: list[int], since: datetime, paid: int) -> None:
    lines = lines_of([Item("thing", 1, price) for price in prices], MONTH, since, above_micros=paid)
    total = MONTH.price_of_rest(paid + sum(prices), since) - MONTH.price_of_rest(paid, since)
    assert sum(line.amount_micros for line in lines) == total
    assert min(line.amount_micros for line in lines) >= 0


@given(price=st.integers(min_value=1, max_value=10**10), currency=st.sampled_from(["USD", "JPY", "OMR"]))
def test_a_card_pays_what_the_lines_add_up_to_and_no_less_than_the_price(price: int, currency: str) -> None:
    charge = charge_for(lines_of([Item("thing", 1, price)], MONTH, MONTH.start), currency)
    assert sum(line.amount_micros for line in charge.lines) == charge.card_micros >= charge.price_micros
    assert price_in(charge.lines) == charge.price_micros == price


def test_a_third_of_a_cent_is_rounded_up_for_the_card_and_the_rest_is_credit() -> None:
    charge = charge_for(
        lines_of([Item("Number", 1, micros("3"))], MONTH, MONTH.end - timedelta(days=10, seconds=1)), "USD"
    )
    assert (charge.price_micros, charge.card_micros) == (1_000_001, micros("1.01"))
    assert charge.lines[-1].amount_micros == 9_999
    assert charge.lines[-1].period_start is None


def test_a_few_cents_are_charged_as_the_least_that_a_card_can_be_charged() -> None:
    charge = charge_for(lines_of([Item("Number", 1, micros("0.02"))], MONTH, MONTH.start), "USD")
    assert (charge.price_micros, charge.card_micros) == (micros("0.02"), micros("0.50"))


def test_nothing_due_is_nothing_charged() -> None:
    assert charge_for(lines_of([Item("Number", 1, micros("2"))], MONTH, MONTH.end), "USD").card_micros == 0


def test_what_is_free_is_no_line_and_what_is_rented_beyond_the_included_units_is_one() -> None:
    numbers = RecurringFeature("phone_number", PHONE_NUMBERS, included=1, unit_price_micros=micros("2"))
    seats = RecurringFeature("user_seat", "Seats", included=3, unit_price_micros=micros("5"))
    starter = plan(plan_id="starter", base_price="49", recurring=(numbers, seats))
    items = items_of(starter, {"phone_number": 4, "user_seat": 3})
    assert items == [Item(plan_name("starter"), 1, micros("49"), "plan"), Item(PHONE_NUMBERS, 3, micros("6"))]
