"""Low balance: told once a crossing, not at all where a refill succeeds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.low_balance import alerted_after
from billing.domain.wallet import Refill, Wallet
from tests.builders import micros, wallet

THRESHOLDS = (micros("20"), micros("5"))


def alerted(balances: list[str], *, thresholds: tuple[int, ...] = THRESHOLDS, pending: bool = False) -> int | None:
    """The lowest threshold told after the balance was each of these in turn."""
    known: int | None = None
    for balance in balances:
        known = alerted_after(thresholds, known, micros(balance), refill_pending=pending)
    return known


def told(before: Wallet, after: Wallet) -> bool:
    return after.alerted_micros is not None and after.alerted_micros != before.alerted_micros


@pytest.mark.parametrize(
    ("balances", "lowest_told"),
    [
        (["30"], None),
        (["20"], None),
        (["19.999999"], "20"),
        (["19.99", "10"], "20"),
        (["19.99", "4.99"], "5"),
        (["4.99"], "5"),
        (["4.99", "5"], "5"),
        (["4.99", "5.01"], "20"),
        (["4.99", "20"], "20"),
        (["4.99", "20.01"], None),
        (["-3"], "5"),
    ],
)
def test_a_threshold_is_told_below_it_and_armed_again_above_it(balances: list[str], lowest_told: str | None) -> None:
    assert alerted(balances) == (None if lowest_told is None else micros(lowest_told))


def test_a_refill_under_way_holds_an_alert_back() -> None:
    assert alerted(["30", "4"], pending=True) is None


def test_a_refill_under_way_does_not_forget_what_was_told_before_it() -> None:
    known = alerted_after(THRESHOLDS, micros("20"), micros("4"), refill_pending=True)
    assert known == micros("20")


def test_a_refill_that_succeeds_silences_the_alert() -> None:
    low = replace(wallet(paid="4"), alert_thresholds=THRESHOLDS, refill=Refill(enabled=True, pending="tx_1"))
    assert not told(low, low.with_alerts())
    refilled = replace(low, paid_micros=micros("104"), refill=Refill(enabled=True))
    assert not told(low, refilled.with_alerts())


def test_a_refill_that_fails_lets_the_alert_be_told() -> None:
    low = replace(wallet(paid="4"), alert_thresholds=THRESHOLDS, refill=Refill(enabled=True, pending="tx_1"))
    failed = replace(low, refill=Refill(enabled=True, failures=1))
    assert failed.with_alerts().alerted_micros == micros("5")


def test_a_refill_that_succeeds_and_is_not_enough_lets_the_alert_be_told() -> None:
    low = replace(wallet(paid="-200"), alert_thresholds=THRESHOLDS, refill=Refill(enabled=True, pending="tx_1"))
    refilled = replace(low, paid_micros=micros("10"), refill=Refill(enabled=True))
    assert refilled.with_alerts().alerted_micros == micros("20")


def test_auto_refill_that_is_merely_switched_on_silences_nothing() -> None:
    low = replace(wallet(paid="4"), alert_thresholds=THRESHOLDS, refill=Refill(enabled=True))
    assert low.with_alerts().alerted_micros == micros("5")


def test_an_account_without_thresholds_is_told_of_nothing() -> None:
    poor = wallet(paid="-3")
    assert poor.with_alerts() is poor


@given(
    thresholds=st.sets(st.integers(0, 50), max_size=5),
    moves=st.lists(st.tuples(st.integers(-20, 60), st.booleans()), max_size=30),
)
def test_nothing_is_told_twice_without_a_rise_above_it_in_between(
    thresholds: set[int], moves: list[tuple[int, bool]]
) -> None:
    known: int | None = None
    told_and_not_armed: set[int] = set()
    for balance, pending in moves:
        told_and_not_armed = {each for each in told_and_not_armed if balance <= each}
        after = alerted_after(thresholds, known, balance, refill_pending=pending)
        if after is not None and (known is None or after < known):
            assert not pending
            assert balance < after
            assert after not in told_and_not_armed
            told_and_not_armed |= {each for each in thresholds if each >= after}
        elif not pending:
            assert {each for each in thresholds if balance < each} <= told_and_not_armed
        known = after
