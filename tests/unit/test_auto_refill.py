"""Auto-refill decided on values: when it starts, how much it charges, and whether it is still wanted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.auto_refill import is_refill_wanted
from billing.domain.card_changes import (
    CardIsDefault,
    make_default,
    record_network_date,
    record_verdict,
    with_default_card,
    without_card,
)
from billing.domain.errors import InvalidValue
from billing.domain.refill_advice import advise
from billing.domain.refill_breaker import after_paid
from billing.domain.refill_settings import switch_off
from billing.domain.transaction import Transaction
from billing.domain.wallet import Refill, Wallet
from billing.words.refill_texts import say_advice
from tests.builders import NOW, change, micros
from tests.refilling import (
    A_MINUTE,
    a_card,
    both,
    disputed_on,
    refilling,
    started,
    with_limit,
)


def advice(state: Wallet) -> str | None:
    advised = advise(state)
    return None if advised is None else say_advice(advised)


def wanted(state: Wallet, refill: Transaction, now: datetime = NOW + timedelta(hours=5)) -> bool:
    return is_refill_wanted(state, refill, now)


@pytest.mark.parametrize(
    ("balance", "amount"),
    [("20", None), ("19.999999", "100"), ("0", "100"), ("-80", "100"), ("-80.000001", "200"), ("-215", "300")],
)
def test_it_charges_the_smallest_multiple_that_reaches_the_threshold(balance: str, amount: str | None) -> None:
    after, refill = started(refilling(paid=balance))
    assert (refill and refill.amount_micros) == (amount and micros(amount))
    assert (after.refill and after.refill.pending) == (refill and refill.transaction_id)


def test_none_starts_while_another_is_pending() -> None:
    after, first = started(refilling(paid="0"))
    assert first is not None
    assert started(after)[1] is None


@pytest.mark.parametrize(
    ("limit", "amounts"), [("100", ["100", None]), ("250", ["200", None]), ("300", ["200", "100", None])]
)
def test_the_months_limit_cuts_multiples_and_then_waits_for_the_next_month(
    limit: str, amounts: list[str | None]
) -> None:
    state = refilling(paid="-150", limit=limit)
    for minute, amount in enumerate(amounts):
        state, refill = started(replace(state, paid_micros=micros("-150")), NOW + minute * A_MINUTE)
        assert (refill and refill.amount_micros) == (amount and micros(amount))
        if refill is not None:
            state = after_paid(state, refill)
    assert state.refill is not None
    assert state.refill.next_attempt_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert advice(state) == (
        "The monthly limit is reached. Auto-refill goes on at 1 Dec 2026, 00:00 UTC. "
        "Raise the monthly limit or top up by hand to have credit before then."
    )
    assert started(state, datetime(2026, 12, 1, tzinfo=UTC))[1] is not None


def test_one_refill_stays_below_the_most_that_is_charged_at_once() -> None:
    _, refill = started(refilling(paid="-9970", amount="300"))
    assert refill is not None
    assert refill.amount_micros == micros("9900"), "a multiple less than what is missing, and the next one follows"


@pytest.mark.parametrize(("balance", "threshold"), [("-119975", "20"), ("-9980.000001", "20"), ("0.01", "10000")])
def test_a_deficit_that_one_charge_cannot_make_up_for_charges_nothing_and_says_so(balance: str, threshold: str) -> None:
    state, refill = started(refilling(paid=balance, threshold=threshold))
    within = -micros(balance) + micros(threshold) <= micros("10000")
    assert (refill is not None) == within
    assert state.refill is not None
    assert state.refill.suspended == (None if within else "deficit_too_large")
    assert within or "further below the threshold than one charge may be" in (advice(state) or "")


def test_a_threshold_above_one_charge_that_an_older_release_took_charges_nothing() -> None:
    before = refilling(paid="0")
    old = replace(before, refill=replace(before.refill or Refill(), threshold_micros=micros("100000")))
    state, refill = started(old)
    assert refill is None
    assert state.refill is not None
    assert state.refill.suspended == "deficit_too_large"


@pytest.mark.parametrize("threshold", ["0", "10000.01"])
def test_a_threshold_is_above_zero_and_at_most_what_is_charged_at_once(threshold: str) -> None:
    with pytest.raises(InvalidValue, match="must be") as refused:
        refilling(paid="0", threshold=threshold)
    assert refused.value.field == "threshold"


@pytest.mark.parametrize(("balance", "after"), [("-5", "5"), ("0", "10"), ("-10", "10")])
def test_a_threshold_of_zero_that_an_older_release_took_ends_above_zero(balance: str, after: str) -> None:
    """Refilled to exactly zero, an account that is paused would stay so for ever."""
    before = refilling(paid=balance, amount="10")
    _, refill = started(replace(before, refill=replace(before.refill or Refill(), threshold_micros=0)))
    assert refill is not None
    assert micros(balance) + refill.amount_micros == micros(after)


def test_two_refills_start_a_minute_apart_and_the_clock_sees_to_the_second_one() -> None:
    state, refill = both(started(refilling(paid="0")))
    state = replace(after_paid(state, refill), paid_micros=0)
    for seconds in (0, 1, 59):
        state, none = started(state, NOW + timedelta(seconds=seconds))
        assert none is None
        assert state.waits_until == NOW + A_MINUTE
    assert started(state, NOW + A_MINUTE)[1] is not None


def test_a_clock_that_is_behind_starts_none_before_its_minute() -> None:
    state, refill = both(started(refilling(paid="0")))
    state = replace(after_paid(state, refill), paid_micros=0)
    assert started(state, NOW - timedelta(hours=1))[1] is None


def test_the_eleventh_of_a_day_is_suspended_until_the_next_one() -> None:
    state, now = refilling(paid="0"), NOW
    for _ in range(10):
        state, refill = both(started(state, now))
        state = replace(after_paid(state, refill), paid_micros=0)
        now += A_MINUTE
    stopped, none = started(state, now)
    assert none is None
    assert stopped.refill is not None
    assert (stopped.refill.suspended, stopped.waits_until) == ("too_many_refills", datetime(2026, 11, 24, tzinfo=UTC))
    assert started(stopped, datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))[1] is None
    assert started(stopped, datetime(2026, 11, 24, tzinfo=UTC))[1] is not None
    by_hand = after_paid(stopped, replace(refill, transaction_id="tx_hand", kind="top_up"))
    assert started(by_hand, now)[1] is None, "a payment by hand does not lift it"
    saved = with_limit(stopped, "100000")
    assert started(saved, now)[1] is not None, "who saves the settings has seen it"


def test_a_machine_that_is_behind_at_midnight_begins_no_former_day_or_month_again() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    state, refill = both(started(refilling(paid="0", limit="100"), december))
    state = replace(after_paid(state, refill), paid_micros=0)
    behind, none = started(
        replace(state, refill=replace(state.refill or Refill(), last_attempt_at=None)), december - A_MINUTE
    )
    assert none is None
    assert behind.refill is not None
    assert (behind.refill.month, behind.refill.charged_micros, behind.refill.started_today) == (
        "2026-12",
        micros("100"),
        1,
    )


def test_from_the_cancellation_on_none_starts() -> None:
    ending = change(refilling(paid="0"), cancel_at_period_end=True)
    assert started(ending)[1] is None
    assert (ending.waits_until, advice(ending)) == (
        None,
        "The subscription ends with its period: auto-refill buys no more credit.",
    )


def test_what_waited_for_the_next_month_and_is_no_longer_short_waits_no_more() -> None:
    state, refill = both(started(refilling(paid="0", limit="100")))
    limited, _ = started(replace(after_paid(state, refill), paid_micros=0), NOW + A_MINUTE)
    assert limited.waits_until == datetime(2026, 12, 1, tzinfo=UTC)
    assert started(replace(limited, paid_micros=micros("50")), NOW + 2 * A_MINUTE)[0].waits_until is None


def test_a_refill_is_wanted_as_long_as_it_would_be_started_again_for_as_much() -> None:
    state, refill = both(started(refilling(paid="-250", limit="500")))
    assert refill.amount_micros == micros("300")
    assert wanted(state, refill)
    assert wanted(replace(state, paid_micros=micros("-500")), refill)
    assert not wanted(replace(state, paid_micros=micros("-179")), refill), "now 200 would do"
    assert not wanted(replace(state, paid_micros=micros("20")), refill)
    assert not wanted(replace(state, paid_micros=micros("-100000")), refill)
    assert not wanted(state, replace(refill, transaction_id="tx_of_another_time"))
    assert not wanted(replace(state, lock_reason="fraud"), refill)
    assert not wanted(change(state, cancel_at_period_end=True), refill)
    assert not wanted(change(state, canceled=True), refill)
    assert not wanted(switch_off(state), refill)
    assert not wanted(disputed_on(state), refill)
    assert not wanted(with_default_card(state, a_card("2"), NOW), refill)
    assert wanted(replace(state, paused=True), refill)


@pytest.mark.parametrize("changes", [{"lock_reason": "fraud"}, {"canceled": True}, {"default_card": None}])
def test_accounts_that_cannot_or_may_not_pay_are_not_charged(changes: dict[str, object]) -> None:
    assert started(change(refilling(paid="0"), **changes))[1] is None


def test_a_paused_account_is_refilled() -> None:
    assert started(replace(refilling(paid="-5"), paused=True))[1] is not None


def test_the_amount_is_rounded_up_to_what_a_card_can_be_charged() -> None:
    assert refilling(paid="0", amount="10.001").refill == replace(
        refilling(paid="0").refill or Refill(), amount_micros=micros("10.01")
    )


def test_only_the_last_card_can_be_removed_while_it_is_the_default() -> None:
    one, two = a_card("1"), a_card("2")
    with pytest.raises(CardIsDefault):
        without_card(refilling(paid="50"), one, [one, two])
    off = without_card(refilling(paid="50"), one, [one, replace(two, verification="failed")])
    assert off.default_card is None
    assert off.refill is not None
    assert not off.refill.enabled
    assert without_card(refilling(paid="50"), two, [one, two]) == refilling(paid="50")


def test_another_default_card_starts_a_refill_and_nothing_else_that_becomes_of_a_card_does() -> None:
    """An administrator took credit before, which starts none: nor does a card that is added beside the default one."""
    low, other = refilling(paid="0"), replace(a_card("2"), verification="pending")
    assert record_verdict(low, other, other, None, NOW).posted.refill is None
    assert make_default(low, a_card("1"), NOW).posted.refill is None
    assert record_network_date(low, a_card("1"), replace(a_card("1"), exp_year=2031), NOW).posted.refill is None
    assert make_default(low, a_card("2"), NOW).posted.refill is not None
    first = replace(low, default_card=None)
    assert record_verdict(first, other, other, None, NOW).posted.refill is not None
