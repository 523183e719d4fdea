"""Auto-refill decided on values: when it starts, how much it charges, and what makes it stop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.auto_refill import is_refill_wanted, with_refill
from billing.domain.card import Card
from billing.domain.card_changes import (
    CardIsDefault,
    make_default,
    record_network_date,
    record_verdict,
    with_default_card,
    with_new_date,
    without_card,
)
from billing.domain.declines import failure
from billing.domain.errors import InvalidValue
from billing.domain.money import Money
from billing.domain.refill_advice import advice
from billing.domain.refill_breaker import after_dispute, after_failed, after_paid, after_refund
from billing.domain.refill_settings import RefillSettings, configure, switch_off
from billing.domain.transaction import PaymentReport, Transaction, TransactionKind, new_charge, record
from billing.domain.wallet import DefaultCard, Posted, Refill, Wallet
from tests.builders import NOW, change, micros, plan, wallet

CARD = DefaultCard("pm_1", "fingerprint-1")
A_MINUTE = timedelta(minutes=1)
A_PAYMENT = new_charge("tx_0", "acme", "top_up", Money(micros("10"), "USD"), CARD, now=NOW)


def refilling(*, paid: str, threshold: str = "20", amount: str = "100", limit: str | None = None) -> Wallet:
    most = None if limit is None else micros(limit)
    wanted = RefillSettings(
        enabled=True, threshold_micros=micros(threshold), amount_micros=micros(amount), monthly_limit_micros=most
    )
    return configure(wallet(paid=paid, on=plan(), default_card=CARD), wanted)


def started(before: Wallet, now: datetime = NOW) -> tuple[Wallet, Transaction | None]:
    posted = with_refill(Posted(before), now)
    return posted.wallet, posted.refill


def disputed_on(before: Wallet) -> Wallet:
    """A payment by the default card is disputed."""
    return after_dispute(before, A_PAYMENT)


def a_card(name: str) -> Card:
    return Card("acme", f"fingerprint-{name}", f"pm_{name}", "visa", "4242", 12, 2030, "verified", NOW)


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
        "The monthly limit is reached. Auto-refill goes on at 2026-12-01 00:00 UTC. "
        "Raise the monthly limit or top up by hand to have credit before then."
    )
    assert started(state, datetime(2026, 12, 1, tzinfo=UTC))[1] is not None


def test_what_was_declined_does_not_count_towards_the_months_limit() -> None:
    state, refill = started(refilling(paid="0", limit="100"))
    assert refill is not None
    state = after_failed(state, refill, failure("insufficient_funds"), NOW)
    assert state.refill is not None
    assert state.refill.charged_micros == 0


def test_a_decline_waits_an_hour_then_a_day_and_the_third_suspends() -> None:
    state, now = refilling(paid="0"), NOW
    waits = []
    for _ in range(3):
        state, refill = started(state, now)
        assert refill is not None
        state = after_failed(state, refill, failure("do_not_honor"), now)
        assert state.refill is not None
        waits.append(state.refill.next_attempt_at and state.refill.next_attempt_at - now)
        now = state.refill.next_attempt_at or now
    assert waits == [timedelta(hours=1), timedelta(hours=24), None]
    assert state.refill is not None
    assert state.refill.suspended == "do_not_honor"
    assert started(state, now + timedelta(days=365))[1] is None


def test_a_decline_of_a_card_that_is_no_longer_the_default_does_not_count() -> None:
    state, refill = started(refilling(paid="0"))
    assert refill is not None
    state = after_failed(with_default_card(state, a_card("2"), NOW), refill, failure("lost_card"), NOW)
    assert state.refill is not None
    assert (state.refill.failures, state.refill.suspended) == (0, None)
    assert state.waits_until == NOW + A_MINUTE, "the clock tries the other one"
    assert started(state, NOW + A_MINUTE)[1] is not None


def test_the_breaker_follows_the_cards_fingerprint() -> None:
    state, refill = started(refilling(paid="0"))
    assert refill is not None
    suspended = after_failed(state, refill, failure("lost_card"), NOW)
    same = with_default_card(replace(suspended, default_card=None), a_card("1"), NOW)
    other = with_default_card(suspended, a_card("2"), NOW)
    assert (same.refill and same.refill.suspended, other.refill and other.refill.suspended) == ("lost_card", None)


def test_a_late_success_of_a_refill_taken_for_failed_closes_the_breaker_and_counts() -> None:
    state, refill = started(refilling(paid="0", limit="500"))
    assert refill is not None
    state = after_failed(state, refill, failure("do_not_honor"), NOW)
    state = after_paid(state, refill)
    assert state.refill is not None
    assert (state.refill.failures, state.refill.next_attempt_at) == (0, None)
    assert state.refill.charged_micros == micros("100")


def test_a_late_success_does_not_count_towards_the_limit_of_a_later_month() -> None:
    state, november = started(refilling(paid="0", limit="500"))
    assert november is not None
    state, december = started(
        replace(after_failed(state, november, failure("do_not_honor"), NOW), paid_micros=micros("-150")),
        NOW + timedelta(days=10),
    )
    assert december is not None
    state = after_paid(state, november)
    assert state.refill is not None
    assert (state.refill.pending, state.refill.charged_micros) == (december.transaction_id, micros("200"))


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
    state, refill = _both(started(refilling(paid="0")))
    state = replace(after_paid(state, refill), paid_micros=0)
    for seconds in (0, 1, 59):
        state, none = started(state, NOW + timedelta(seconds=seconds))
        assert none is None
        assert state.waits_until == NOW + A_MINUTE
    assert started(state, NOW + A_MINUTE)[1] is not None


def test_a_clock_that_is_behind_starts_none_before_its_minute() -> None:
    state, refill = _both(started(refilling(paid="0")))
    state = replace(after_paid(state, refill), paid_micros=0)
    assert started(state, NOW - timedelta(hours=1))[1] is None


def test_the_eleventh_of_a_day_is_suspended_until_the_next_one() -> None:
    state, now = refilling(paid="0"), NOW
    for _ in range(10):
        state, refill = _both(started(state, now))
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
    saved = _limited(stopped, "100000")
    assert started(saved, now)[1] is not None, "who saves the settings has seen it"


def test_a_machine_that_is_behind_at_midnight_begins_no_former_day_or_month_again() -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    state, refill = _both(started(refilling(paid="0", limit="100"), december))
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


def test_a_refill_s_own_payment_lifts_no_suspension_and_one_by_hand_does() -> None:
    state, refill = _both(started(refilling(paid="0")))
    disputed = disputed_on(state)
    own = after_paid(disputed, refill)
    assert own.refill is not None
    assert (own.refill.pending, own.refill.suspended) == (None, "dispute_opened")
    kinds: dict[TransactionKind, bool] = {"renewal": True, "plan_change": True, "top_up": False}
    for kind, stays in kinds.items():
        after = after_paid(own, replace(refill, transaction_id="tx_other", kind=kind))
        assert after.refill is not None
        assert (after.refill.suspended == "dispute_opened") == stays, kind


def test_a_refund_of_a_refill_suspends_and_gives_the_month_s_limit_back() -> None:
    state, refill = _both(started(refilling(paid="0", limit="500")))
    state = after_paid(state, refill)
    refunded = after_refund(state, refill, micros("40"))
    assert refunded.refill is not None
    assert (refunded.refill.suspended, refunded.refill.charged_micros) == ("refunded", micros("60"))
    returned = after_refund(refunded, refill, -micros("40"))
    assert returned.refill is not None
    assert (returned.refill.suspended, returned.refill.charged_micros) == ("refunded", micros("100"))
    assert started(refunded, NOW + A_MINUTE)[1] is None
    for lifted in (
        _limited(refunded, "500"),
        with_default_card(refunded, a_card("2"), NOW),
        after_paid(refunded, replace(refill, transaction_id="tx_hand", kind="top_up")),
    ):
        assert started(lifted, NOW + A_MINUTE)[1] is not None
    same_card = with_default_card(refunded, a_card("1"), NOW)
    assert started(same_card, NOW + A_MINUTE)[1] is None


def test_a_refund_of_another_payment_stops_no_auto_refill() -> None:
    state = refilling(paid="50")
    top_up = replace(_both(started(refilling(paid="0")))[1], kind="top_up")
    assert after_refund(state, top_up, micros("40")) == state


def test_a_refund_of_a_refill_of_a_former_month_leaves_this_month_s_count() -> None:
    state, november = _both(started(refilling(paid="0", limit="500")))
    state, december = _both(started(replace(after_paid(state, november), paid_micros=0), NOW + timedelta(days=10)))
    after = after_refund(after_paid(state, december), november, micros("40"))
    assert after.refill is not None
    assert after.refill.charged_micros == micros("100")


def test_from_the_cancellation_on_none_starts() -> None:
    ending = change(refilling(paid="0"), cancel_at_period_end=True)
    assert started(ending)[1] is None
    assert (ending.waits_until, advice(ending)) == (
        None,
        "The subscription ends with its period: auto-refill buys no more credit.",
    )


@pytest.mark.parametrize("code", ["amount_refused", "canceled", "not_completed"])
def test_what_is_no_decline_counts_against_no_card_and_is_tried_again_after_an_hour_then_daily(code: str) -> None:
    state, now = refilling(paid="0"), NOW
    for hours in (1, 24, 24, 24):
        state, refill = _both(started(state, now))
        state = after_failed(state, refill, failure(code), now)
        assert state.refill is not None
        assert (state.refill.failures, state.refill.suspended) == (0, None)
        now += timedelta(hours=hours)
        assert state.waits_until == now


def test_a_card_whose_number_its_network_replaced_is_counted_as_the_card_that_it_is() -> None:
    """Stripe then reports another fingerprint: in every round one decline started the next charge."""
    state, now = refilling(paid="0"), NOW
    asked = 0
    for _ in range(40):
        state, refill = started(state, now)
        now += timedelta(hours=25)
        if refill is None:
            continue
        asked += 1
        report = PaymentReport(
            refill.transaction_id, "acme", "pi_1", "declined", 0, "USD", card_fingerprint="of the new number",
            failure=failure("do_not_honor"),
        )  # fmt: skip
        state = after_failed(state, record(refill, report, now), failure("do_not_honor"), now)
    assert asked == 3
    assert state.refill is not None
    assert state.refill.suspended == "do_not_honor"


def test_credit_by_hand_while_a_decline_waits_does_not_shorten_the_wait() -> None:
    state, refill = _both(started(refilling(paid="0")))
    declined = after_failed(state, refill, failure("do_not_honor"), NOW)
    richer, _ = started(replace(declined, paid_micros=micros("50")), NOW + A_MINUTE)
    assert started(replace(richer, paid_micros=0), NOW + 2 * A_MINUTE)[1] is None
    assert started(replace(richer, paid_micros=0), NOW + timedelta(hours=1))[1] is not None


def test_a_dispute_and_saved_settings_do_not_shorten_the_wait_after_a_decline() -> None:
    state, refill = _both(started(refilling(paid="0")))
    declined = after_failed(state, refill, failure("do_not_honor"), NOW)
    saved = _limited(disputed_on(declined), "900")
    waiting, none = started(saved, NOW + 5 * A_MINUTE)
    assert (none, waiting.waits_until) == (None, NOW + timedelta(hours=1))


@pytest.mark.parametrize("code", ["lost_card", "authentication_required"])
def test_a_dispute_and_saved_settings_do_not_bring_back_a_card_that_was_given_up(code: str) -> None:
    state, refill = _both(started(refilling(paid="0")))
    saved = _limited(disputed_on(after_failed(state, refill, failure(code), NOW)), "900")
    assert saved.refill is not None
    assert saved.refill.suspended == code
    assert started(saved, NOW + timedelta(days=9))[1] is None


def test_a_wait_after_a_decline_that_an_older_release_stored_holds_over_saved_settings() -> None:
    state, refill = _both(started(refilling(paid="0")))
    declined = after_failed(state, refill, failure("do_not_honor"), NOW)
    older = replace(declined, refill=replace(declined.refill or Refill(), retry_at=None))
    saved = _limited(older, "900")
    assert started(saved, NOW + 5 * A_MINUTE)[1] is None
    assert started(saved, NOW + timedelta(hours=1))[1] is not None


def test_what_waited_for_the_next_month_and_is_no_longer_short_waits_no_more() -> None:
    state, refill = _both(started(refilling(paid="0", limit="100")))
    limited, _ = started(replace(after_paid(state, refill), paid_micros=0), NOW + A_MINUTE)
    assert limited.waits_until == datetime(2026, 12, 1, tzinfo=UTC)
    assert started(replace(limited, paid_micros=micros("50")), NOW + 2 * A_MINUTE)[0].waits_until is None


def wanted(state: Wallet, refill: Transaction, now: datetime = NOW + timedelta(hours=5)) -> bool:
    return is_refill_wanted(state, refill, now)


def test_a_refill_is_wanted_as_long_as_it_would_be_started_again_for_as_much() -> None:
    state, refill = _both(started(refilling(paid="-250", limit="500")))
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


def test_another_limit_is_tried_at_once_and_another_amount_does_not_shorten_the_wait_after_a_decline() -> None:
    later = NOW + A_MINUTE
    limited = after_paid(*_both(started(refilling(paid="0", limit="100"))))
    limited, _ = started(limited, later)
    assert started(limited, later)[1] is None
    assert started(_limited(limited, "900"), later)[1] is not None
    declined = after_failed(*_both(started(refilling(paid="0"))), failure("do_not_honor"), NOW)
    assert started(_limited(declined, "900"), later)[1] is None


@pytest.mark.parametrize(("failures", "wait"), [(1, timedelta(hours=1)), (2, timedelta(hours=24))])
def test_a_raised_limit_waits_no_longer_than_the_last_decline_demands(failures: int, wait: timedelta) -> None:
    state, now = refilling(paid="0", limit="300"), NOW
    for _ in range(failures):
        state, refill = _both(started(state, now))
        state = after_failed(state, refill, failure("do_not_honor"), now)
        now = (state.refill and state.refill.next_attempt_at) or now
    assert state.refill is not None
    lowered = replace(state, refill=replace(state.refill, monthly_limit_micros=micros("99")))
    before_and_at = now - timedelta(seconds=1), now
    assert [started(lowered, moment)[1] for moment in before_and_at] == [None, None]
    at_limit, _ = started(lowered, now)
    assert at_limit.refill is not None
    assert at_limit.refill.next_attempt_at == datetime(2026, 12, 1, tzinfo=UTC)
    raised = _limited(at_limit, "900")
    assert raised.refill is not None
    assert raised.refill.retry_at == now
    assert [started(raised, moment)[1] is not None for moment in before_and_at] == [False, True]
    assert now - (raised.refill.last_attempt_at or now) == wait


def test_the_wait_after_a_decline_that_came_late_is_not_shortened_by_saying_the_same_again() -> None:
    state, refill = _both(started(refilling(paid="0")))
    late = NOW + timedelta(hours=2)
    state = after_failed(state, refill, failure("do_not_honor"), late)
    said_again = _limited(state, "900")
    assert said_again.refill is not None
    assert said_again.refill.retry_at == late + timedelta(hours=1)
    assert started(said_again, late + A_MINUTE)[0].waits_until == late + timedelta(hours=1)


def _limited(before: Wallet, limit: str) -> Wallet:
    return configure(
        before,
        RefillSettings(
            enabled=True, threshold_micros=micros("20"), amount_micros=micros("100"), monthly_limit_micros=micros(limit)
        ),
    )


def _both(state: tuple[Wallet, Transaction | None]) -> tuple[Wallet, Transaction]:
    before, refill = state
    assert refill is not None
    return before, refill


@pytest.mark.parametrize("changes", [{"lock_reason": "fraud"}, {"canceled": True}, {"default_card": None}])
def test_accounts_that_cannot_or_may_not_pay_are_not_charged(changes: dict[str, object]) -> None:
    assert started(change(refilling(paid="0"), **changes))[1] is None


def test_a_paused_account_is_refilled() -> None:
    assert started(replace(refilling(paid="-5"), paused=True))[1] is not None


def test_the_amount_is_rounded_up_to_what_a_card_can_be_charged() -> None:
    assert refilling(paid="0", amount="10.001").refill == replace(
        refilling(paid="0").refill or Refill(), amount_micros=micros("10.01")
    )


def test_a_dispute_suspends_until_another_card_or_a_payment() -> None:
    suspended = disputed_on(refilling(paid="0"))
    assert suspended.refill is not None
    assert suspended.refill.suspended == "dispute_opened"
    assert with_default_card(suspended, a_card("2"), NOW).refill == refilling(paid="0").refill


def renewed(before: Wallet) -> Wallet:
    return with_new_date(before, replace(a_card("1"), payment_method_id="pm_new"), NOW)


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("expired_card", None),
        ("lost_card", "lost_card"),
        ("authentication_required", "authentication_required"),
        ("card_unusable", None),
    ],
)
def test_a_new_date_closes_only_the_breaker_that_the_old_date_opened(code: str, stays: str | None) -> None:
    state, refill = _both(started(refilling(paid="0")))
    after = renewed(after_failed(state, refill, failure(code), NOW))
    assert after.default_card == DefaultCard("pm_new", "fingerprint-1")
    assert after.refill is not None
    assert after.refill.suspended == stays
    assert (started(after, NOW + A_MINUTE)[1] is not None) == (stays is None)


def test_a_new_date_leaves_three_declines_a_wait_and_a_dispute_as_they_are() -> None:
    waiting = after_failed(*_both(started(refilling(paid="0"))), failure("do_not_honor"), NOW)
    assert renewed(waiting).refill == waiting.refill
    disputed = disputed_on(refilling(paid="0"))
    assert renewed(disputed).refill == disputed.refill
    state, now = refilling(paid="0"), NOW
    for _ in range(3):
        state, refill = _both(started(state, now))
        state = after_failed(state, refill, failure("do_not_honor"), now)
        now += timedelta(days=2)
    assert renewed(state).refill == state.refill


def test_a_new_date_of_a_card_that_is_not_the_default_changes_nothing() -> None:
    suspended = after_failed(*_both(started(refilling(paid="0"))), failure("expired_card"), NOW)
    assert with_new_date(suspended, a_card("2"), NOW) == suspended


def test_a_suspension_by_a_dispute_outlives_a_decline_of_the_expired_card() -> None:
    pending, refill = _both(started(refilling(paid="0")))
    state = after_failed(disputed_on(pending), refill, failure("expired_card"), NOW)
    assert state.refill is not None
    assert (state.refill.suspended, state.refill.last_failure) == ("dispute_opened", "expired_card")


@pytest.mark.parametrize(
    ("code", "counted"), [("expired_card", 0), ("card_unusable", 0), ("do_not_honor", 1), ("lost_card", 3)]
)
def test_of_a_date_that_was_renewed_meanwhile_only_what_is_said_of_the_number_counts(code: str, counted: int) -> None:
    pending, refill = _both(started(refilling(paid="0")))
    state = after_failed(renewed(pending), refill, failure(code), NOW)
    assert state.refill is not None
    assert state.refill.failures == counted
    assert (started(state, NOW + A_MINUTE)[1] is not None) == (counted == 0)


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


def test_a_date_that_was_mended_does_not_bring_back_what_was_refunded_meanwhile() -> None:
    state, refill = _both(started(refilling(paid="0")))
    paid = after_paid(replace(state, paid_micros=micros("100")), refill)
    state, second = _both(started(replace(paid, paid_micros=0), NOW + A_MINUTE))
    expired = after_failed(state, second, failure("expired_card"), NOW + A_MINUTE)
    mended = renewed(after_refund(expired, refill, micros("100")))
    assert mended.refill is not None
    assert mended.refill.suspended == "refunded"


def test_another_card_ends_its_own_declines_and_a_dispute_of_the_other_one_and_no_more() -> None:
    """Card 2 is the default and given up; a payment by card 1 is disputed: neither goes on with card 1."""
    of_two = with_default_card(refilling(paid="0"), a_card("2"), NOW)
    given_up = after_failed(*_both(started(of_two)), failure("lost_card"), NOW)
    both = disputed_on(given_up)
    first = with_default_card(both, a_card("1"), NOW)
    assert first.refill is not None
    assert (first.refill.suspended, first.refill.failures) == ("dispute_opened", 0)
    saved = _limited(first, "900")
    assert started(saved, NOW + A_MINUTE)[1] is not None


@pytest.mark.parametrize("code", ["dispute_opened", "lost_card"])
def test_a_suspension_that_an_older_release_stored_is_lifted_as_ever(code: str) -> None:
    before = refilling(paid="0")
    older = replace(before.refill or Refill(), suspended=code, failures=1, breaker_card="fingerprint-1")
    stored = replace(before, refill=older)
    assert started(stored)[1] is None
    assert started(with_default_card(replace(stored, default_card=None), a_card("1"), NOW))[1] is None
    assert started(with_default_card(stored, a_card("2"), NOW))[1] is not None
    assert (started(_limited(stored, "900"))[1] is None) == (code == "lost_card")
    by_hand = after_paid(stored, replace(A_PAYMENT, transaction_id="tx_hand"))
    assert started(by_hand)[1] is not None
