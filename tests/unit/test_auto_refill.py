"""Auto-refill decided on values: when it starts, how much it charges, and what makes it stop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.auto_refill import advice, after_dispute, after_failed, after_paid, with_refill
from billing.domain.card import Card
from billing.domain.card_changes import CardIsDefault, with_default_card, with_new_date, without_card
from billing.domain.declines import failure
from billing.domain.refill_settings import RefillSettings, configure
from billing.domain.transaction import Transaction
from billing.domain.wallet import DefaultCard, Posted, Refill, Wallet
from tests.builders import NOW, change, micros, plan, wallet

CARD = DefaultCard("pm_1", "fingerprint-1")


def refilling(*, paid: str, threshold: str = "20", amount: str = "100", limit: str | None = None) -> Wallet:
    most = None if limit is None else micros(limit)
    wanted = RefillSettings(
        enabled=True, threshold_micros=micros(threshold), amount_micros=micros(amount), monthly_limit_micros=most
    )
    return configure(wallet(paid=paid, on=plan(), default_card=CARD), wanted)


def started(before: Wallet, now: datetime = NOW) -> tuple[Wallet, Transaction | None]:
    posted = with_refill(Posted(before), now)
    return posted.wallet, posted.refill


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
    for amount in amounts:
        state, refill = started(replace(state, paid_micros=micros("-150")))
        assert (refill and refill.amount_micros) == (amount and micros(amount))
        if refill is not None:
            state = after_paid(state, refill)
    assert state.refill is not None
    assert state.refill.next_attempt_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert advice(state.refill) == (
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
    assert started(state)[1] is not None


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


def test_however_deep_the_debt_one_refill_stays_below_the_most_that_is_charged_at_once() -> None:
    _, refill = started(refilling(paid="-25000", amount="300"))
    assert refill is not None
    assert refill.amount_micros == micros("9900")


def test_another_limit_is_tried_at_once_and_another_amount_does_not_shorten_the_wait_after_a_decline() -> None:
    limited = after_paid(*_both(started(refilling(paid="0", limit="100"))))
    limited, _ = started(limited)
    assert started(limited)[1] is None
    assert started(_limited(limited, "900"))[1] is not None
    declined = after_failed(*_both(started(refilling(paid="0"))), failure("do_not_honor"), NOW)
    assert started(_limited(declined, "900"))[1] is None


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
    assert raised.refill.next_attempt_at == now
    assert [started(raised, moment)[1] is not None for moment in before_and_at] == [False, True]
    assert now - (raised.refill.last_attempt_at or now) == wait


def test_the_wait_after_a_decline_that_came_late_is_not_shortened_by_saying_the_same_again() -> None:
    state, refill = _both(started(refilling(paid="0")))
    late = NOW + timedelta(hours=2)
    state = after_failed(state, refill, failure("do_not_honor"), late)
    said_again = _limited(state, "900")
    assert said_again.refill is not None
    assert said_again.refill.next_attempt_at == late + timedelta(hours=1)


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
    suspended = after_dispute(refilling(paid="0"))
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
    assert (started(after)[1] is not None) == (stays is None)


def test_a_new_date_leaves_three_declines_a_wait_and_a_dispute_as_they_are() -> None:
    waiting = after_failed(*_both(started(refilling(paid="0"))), failure("do_not_honor"), NOW)
    assert renewed(waiting).refill == waiting.refill
    disputed = after_dispute(refilling(paid="0"))
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
    state = after_failed(after_dispute(pending), refill, failure("expired_card"), NOW)
    assert state.refill is not None
    assert (state.refill.suspended, state.refill.last_failure) == ("dispute_opened", "expired_card")


@pytest.mark.parametrize(
    ("code", "counted"), [("expired_card", 0), ("card_unusable", 0), ("do_not_honor", 1), ("lost_card", 1)]
)
def test_of_a_date_that_was_renewed_meanwhile_only_what_is_said_of_the_number_counts(code: str, counted: int) -> None:
    pending, refill = _both(started(refilling(paid="0")))
    state = after_failed(renewed(pending), refill, failure(code), NOW)
    assert state.refill is not None
    assert state.refill.failures == counted
    assert (started(state)[1] is not None) == (counted == 0)


def test_only_the_last_card_can_be_removed_while_it_is_the_default() -> None:
    one, two = a_card("1"), a_card("2")
    with pytest.raises(CardIsDefault):
        without_card(refilling(paid="50"), one, [one, two])
    off = without_card(refilling(paid="50"), one, [one, replace(two, verification="failed")])
    assert off.default_card is None
    assert off.refill is not None
    assert not off.refill.enabled
    assert without_card(refilling(paid="50"), two, [one, two]) == refilling(paid="50")
