"""What a call costs: increments, minimums, allowance, volume discounts, and one rounding a line."""

from decimal import Decimal

import pytest

from billing.domain.errors import UnratableLine
from billing.domain.ledger import RatedLine
from billing.domain.plan import UsageFeature
from billing.domain.rating import meter, rate
from billing.domain.usage import UsageLine
from billing.words.history_texts import explain
from tests.builders import MICROS, calls_feature, detection_feature, micros, plan


def rated(
    feature: UsageFeature,
    quantity: str,
    unit: str | None = "second",
    *,
    used_seconds: int = 0,
    bought_seconds: int = 0,
) -> RatedLine:
    line = UsageLine(feature.key, Decimal(quantity), unit)
    (metered,) = meter(plan(feature), [line])
    return rate(metered, used_seconds * MICROS, bought_millionths=bought_seconds * MICROS)


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [("13", "second"), ("13", None), ("0.2166666667", "minute"), ("13000", "millisecond"), ("13.0004", "second")],
)
def test_thirteen_seconds_are_thirteen_seconds_in_whatever_unit_they_are_sent(quantity: str, unit: str | None) -> None:
    line = rated(calls_feature(), quantity, unit)
    assert line.quantity_millionths == micros("13")
    assert line.billed_millionths == micros("13")
    assert line.amount_micros == micros("0.026")


def test_seconds_divided_by_sixty_and_sent_unrounded_come_back_as_they_were() -> None:
    for seconds in range(1, 3601):
        minutes = format(Decimal(seconds) / 60, "f")
        assert rated(calls_feature(), minutes, "minute").billed_millionths == seconds * MICROS


def test_half_a_millisecond_is_rounded_up() -> None:
    assert rated(calls_feature(increment_seconds="0"), "1.0005").quantity_millionths == micros("1.001")
    assert rated(calls_feature(increment_seconds="0"), "1.00049999").quantity_millionths == micros("1")


def test_what_is_not_a_time_is_rounded_to_six_places() -> None:
    assert rated(detection_feature(), "1.0000005", None).quantity_millionths == micros("1.000001")


@pytest.mark.parametrize(
    ("increment", "quantity", "billed"),
    [("1", "12.001", "13"), ("6", "13", "18"), ("30", "30", "30"), ("60", "61", "120"), ("60", "0.001", "60")],
)
def test_a_call_is_rounded_up_to_a_multiple_of_the_increment(increment: str, quantity: str, billed: str) -> None:
    assert rated(calls_feature(increment_seconds=increment), quantity).billed_millionths == micros(billed)


def test_a_minimum_applies_to_what_was_consumed_and_not_to_nothing() -> None:
    feature = calls_feature(minimum_seconds="30")
    assert rated(feature, "0.5").billed_millionths == micros("30")
    assert rated(feature, "31").billed_millionths == micros("31")
    assert rated(feature, "0").billed_millionths == 0


def test_the_allowance_runs_out_in_the_middle_of_a_call() -> None:
    line = rated(calls_feature(included_minutes=2), "90", used_seconds=60)
    assert (line.included_millionths, line.overage_millionths) == (micros("60"), micros("30"))
    assert line.pay_as_you_go_millionths == 0
    assert line.amount_micros == micros("0.06")


@pytest.mark.parametrize(
    ("used", "bought", "included"), [(15, 5, 10), (25, 25, 20), (25, 0, 0), (20, 0, 0), (45, 25, 0), (45, 26, 1)]
)
def test_what_was_bought_draws_no_allowance(used: int, bought: int, included: int) -> None:
    feature = calls_feature(included_minutes=20)
    line = rated(feature, "30", "minute", used_seconds=used * 60, bought_seconds=bought * 60)
    assert (line.included_millionths, line.bought_millionths) == (
        feature.to_metered(included * MICROS),
        feature.to_metered((30 - included) * MICROS),
    )


def test_where_nothing_is_included_all_of_it_is_pay_as_you_go() -> None:
    line = rated(calls_feature(), "90")
    assert (line.included_millionths, line.overage_millionths) == (0, 0)
    assert line.pay_as_you_go_millionths == micros("90")


def test_a_line_is_rounded_once_and_half_up_to_a_micro_unit() -> None:
    # 1 s at 0.00003 a minute is 0.0000005: half a micro-unit.
    assert rated(calls_feature(price_per_minute="0.00003"), "1").amount_micros == 1
    assert rated(calls_feature(price_per_minute="0.000029"), "1").amount_micros == 0
    # Seven seconds at 0.01 a minute are 0.00116666...
    assert rated(calls_feature(price_per_minute="0.01"), "7").amount_micros == 1_167


def test_a_volume_discount_takes_off_only_from_the_units_above_it() -> None:
    feature = calls_feature(price_per_minute="0.10", discounts={10: 10, 20: 50})
    crossing_ten = rated(feature, "120", used_seconds=9 * 60)
    assert crossing_ten.amount_micros == micros("0.10") + micros("0.09")
    crossing_both = rated(feature, str(12 * 60), used_seconds=9 * 60)
    assert crossing_both.amount_micros == micros("0.10") + 10 * micros("0.09") + micros("0.05")
    beyond = rated(feature, "60", used_seconds=100 * 60)
    assert beyond.amount_micros == micros("0.05")


def test_included_units_count_towards_a_volume_discount() -> None:
    feature = calls_feature(included_minutes=10, price_per_minute="0.10", discounts={10: 50})
    assert rated(feature, "120", used_seconds=9 * 60).amount_micros == micros("0.05")


def test_bought_units_count_towards_a_volume_discount_as_drawn_ones_do() -> None:
    feature = calls_feature(included_minutes=12, price_per_minute="0.10", discounts={17: 50})
    line = rated(feature, "180", used_seconds=15 * 60, bought_seconds=4 * 60)
    assert (line.included_millionths, line.amount_micros) == (micros("60"), micros("0.10") + micros("0.05"))


def test_an_unknown_feature_is_refused_and_so_is_a_unit_it_is_not_counted_in() -> None:
    with pytest.raises(UnratableLine) as unknown_feature:
        meter(plan(calls_feature()), [UsageLine("llm_tokens", Decimal(5))])
    assert unknown_feature.value.code == "unknown_feature"
    with pytest.raises(UnratableLine) as unknown_unit:
        rated(detection_feature(), "5", "minute")
    assert unknown_unit.value.code == "unknown_unit"


def test_a_line_says_in_words_how_it_was_paid() -> None:
    line = rated(calls_feature(included_minutes=2), "90", used_seconds=60)
    assert explain(line) == "call_minutes: 90 second, 60 included, 30 overage"
