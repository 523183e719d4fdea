"""Auto-refill decided on values: what makes it stop, and what lets it go on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.card_changes import (
    with_default_card,
    with_new_date,
)
from billing.domain.declines import Failure
from billing.domain.refill_breaker import after_failed, after_paid, after_refund
from billing.domain.transaction import PaymentReport, TransactionKind, record
from billing.domain.wallet import DefaultCard, Refill
from tests.builders import NOW, micros
from tests.refilling import (
    A_MINUTE,
    A_PAYMENT,
    a_card,
    both,
    disputed_on,
    refilling,
    renewed,
    started,
    with_limit,
)


def test_what_was_declined_does_not_count_towards_the_months_limit() -> None:
    state, refill = started(refilling(paid="0", limit="100"))
    assert refill is not None
    state = after_failed(state, refill, Failure("insufficient_funds"), NOW)
    assert state.refill is not None
    assert state.refill.charged_micros == 0


def test_a_decline_waits_an_hour_then_a_day_and_the_third_suspends() -> None:
    state, now = refilling(paid="0"), NOW
    waits = []
    for _ in range(3):
        state, refill = started(state, now)
        assert refill is not None
        state = after_failed(state, refill, Failure("do_not_honor"), now)
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
    state = after_failed(with_default_card(state, a_card("2"), NOW), refill, Failure("lost_card"), NOW)
    assert state.refill is not None
    assert (state.refill.failures, state.refill.suspended) == (0, None)
    assert state.waits_until == NOW + A_MINUTE, "the clock tries the other one"
    assert started(state, NOW + A_MINUTE)[1] is not None


def test_the_breaker_follows_the_cards_fingerprint() -> None:
    state, refill = started(refilling(paid="0"))
    assert refill is not None
    suspended = after_failed(state, refill, Failure("lost_card"), NOW)
    same = with_default_card(replace(suspended, default_card=None), a_card("1"), NOW)
    other = with_default_card(suspended, a_card("2"), NOW)
    assert (same.refill and same.refill.suspended, other.refill and other.refill.suspended) == ("lost_card", None)


def test_a_late_success_of_a_refill_taken_for_failed_closes_the_breaker_and_counts() -> None:
    state, refill = started(refilling(paid="0", limit="500"))
    assert refill is not None
    state = after_failed(state, refill, Failure("do_not_honor"), NOW)
    state = after_paid(state, refill)
    assert state.refill is not None
    assert (state.refill.failures, state.refill.next_attempt_at) == (0, None)
    assert state.refill.charged_micros == micros("100")


def test_a_late_success_does_not_count_towards_the_limit_of_a_later_month() -> None:
    state, november = started(refilling(paid="0", limit="500"))
    assert november is not None
    state, december = started(
        replace(after_failed(state, november, Failure("do_not_honor"), NOW), paid_micros=micros("-150")),
        NOW + timedelta(days=10),
    )
    assert december is not None
    state = after_paid(state, november)
    assert state.refill is not None
    assert (state.refill.pending, state.refill.charged_micros) == (december.transaction_id, micros("200"))


def test_a_refill_s_own_payment_lifts_no_suspension_and_one_by_hand_does() -> None:
    state, refill = both(started(refilling(paid="0")))
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
    state, refill = both(started(refilling(paid="0", limit="500")))
    state = after_paid(state, refill)
    refunded = after_refund(state, refill, micros("40"))
    assert refunded.refill is not None
    assert (refunded.refill.suspended, refunded.refill.charged_micros) == ("refunded", micros("60"))
    returned = after_refund(refunded, refill, -micros("40"))
    assert returned.refill is not None
    assert (returned.refill.suspended, returned.refill.charged_micros) == ("refunded", micros("100"))
    assert started(refunded, NOW + A_MINUTE)[1] is None
    for lifted in (
        with_limit(refunded, "500"),
        with_default_card(refunded, a_card("2"), NOW),
        after_paid(refunded, replace(refill, transaction_id="tx_hand", kind="top_up")),
    ):
        assert started(lifted, NOW + A_MINUTE)[1] is not None
    same_card = with_default_card(refunded, a_card("1"), NOW)
    assert started(same_card, NOW + A_MINUTE)[1] is None


def test_a_refund_of_another_payment_stops_no_auto_refill() -> None:
    state = refilling(paid="50")
    top_up = replace(both(started(refilling(paid="0")))[1], kind="top_up")
    assert after_refund(state, top_up, micros("40")) == state


def test_a_refund_of_a_refill_of_a_former_month_leaves_this_month_s_count() -> None:
    state, november = both(started(refilling(paid="0", limit="500")))
    state, december = both(started(replace(after_paid(state, november), paid_micros=0), NOW + timedelta(days=10)))
    after = after_refund(after_paid(state, december), november, micros("40"))
    assert after.refill is not None
    assert after.refill.charged_micros == micros("100")


@pytest.mark.parametrize("code", ["amount_refused", "canceled", "not_completed"])
def test_what_is_no_decline_counts_against_no_card_and_is_tried_again_after_an_hour_then_daily(code: str) -> None:
    state, now = refilling(paid="0"), NOW
    for hours in (1, 24, 24, 24):
        state, refill = both(started(state, now))
        state = after_failed(state, refill, Failure(code), now)
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
            failure=Failure("do_not_honor"),
        )  # fmt: skip
        state = after_failed(state, record(refill, report, now), Failure("do_not_honor"), now)
    assert asked == 3
    assert state.refill is not None
    assert state.refill.suspended == "do_not_honor"


def test_credit_by_hand_while_a_decline_waits_does_not_shorten_the_wait() -> None:
    state, refill = both(started(refilling(paid="0")))
    declined = after_failed(state, refill, Failure("do_not_honor"), NOW)
    richer, _ = started(replace(declined, paid_micros=micros("50")), NOW + A_MINUTE)
    assert started(replace(richer, paid_micros=0), NOW + 2 * A_MINUTE)[1] is None
    assert started(replace(richer, paid_micros=0), NOW + timedelta(hours=1))[1] is not None


def test_a_dispute_and_saved_settings_do_not_shorten_the_wait_after_a_decline() -> None:
    state, refill = both(started(refilling(paid="0")))
    declined = after_failed(state, refill, Failure("do_not_honor"), NOW)
    saved = with_limit(disputed_on(declined), "900")
    waiting, none = started(saved, NOW + 5 * A_MINUTE)
    assert (none, waiting.waits_until) == (None, NOW + timedelta(hours=1))


@pytest.mark.parametrize("code", ["lost_card", "authentication_required"])
def test_a_dispute_and_saved_settings_do_not_bring_back_a_card_that_was_given_up(code: str) -> None:
    state, refill = both(started(refilling(paid="0")))
    saved = with_limit(disputed_on(after_failed(state, refill, Failure(code), NOW)), "900")
    assert saved.refill is not None
    assert saved.refill.suspended == code
    assert started(saved, NOW + timedelta(days=9))[1] is None


def test_a_wait_after_a_decline_that_an_older_release_stored_holds_over_saved_settings() -> None:
    state, refill = both(started(refilling(paid="0")))
    declined = after_failed(state, refill, Failure("do_not_honor"), NOW)
    older = replace(declined, refill=replace(declined.refill or Refill(), retry_at=None))
    saved = with_limit(older, "900")
    assert started(saved, NOW + 5 * A_MINUTE)[1] is None
    assert started(saved, NOW + timedelta(hours=1))[1] is not None


def test_another_limit_is_tried_at_once_and_another_amount_does_not_shorten_the_wait_after_a_decline() -> None:
    later = NOW + A_MINUTE
    limited = after_paid(*both(started(refilling(paid="0", limit="100"))))
    limited, _ = started(limited, later)
    assert started(limited, later)[1] is None
    assert started(with_limit(limited, "900"), later)[1] is not None
    declined = after_failed(*both(started(refilling(paid="0"))), Failure("do_not_honor"), NOW)
    assert started(with_limit(declined, "900"), later)[1] is None


@pytest.mark.parametrize(("failures", "wait"), [(1, timedelta(hours=1)), (2, timedelta(hours=24))])
def test_a_raised_limit_waits_no_longer_than_the_last_decline_demands(failures: int, wait: timedelta) -> None:
    state, now = refilling(paid="0", limit="300"), NOW
    for _ in range(failures):
        state, refill = both(started(state, now))
        state = after_failed(state, refill, Failure("do_not_honor"), now)
        now = (state.refill and state.refill.next_attempt_at) or now
    assert state.refill is not None
    lowered = replace(state, refill=replace(state.refill, monthly_limit_micros=micros("99")))
    before_and_at = now - timedelta(seconds=1), now
    assert [started(lowered, moment)[1] for moment in before_and_at] == [None, None]
    at_limit, _ = started(lowered, now)
    assert at_limit.refill is not None
    assert at_limit.refill.next_attempt_at == datetime(2026, 12, 1, tzinfo=UTC)
    raised = with_limit(at_limit, "900")
    assert raised.refill is not None
    assert raised.refill.retry_at == now
    assert [started(raised, moment)[1] is not None for moment in before_and_at] == [False, True]
    assert now - (raised.refill.last_attempt_at or now) == wait


def test_the_wait_after_a_decline_that_came_late_is_not_shortened_by_saying_the_same_again() -> None:
    state, refill = both(started(refilling(paid="0")))
    late = NOW + timedelta(hours=2)
    state = after_failed(state, refill, Failure("do_not_honor"), late)
    said_again = with_limit(state, "900")
    assert said_again.refill is not None
    assert said_again.refill.retry_at == late + timedelta(hours=1)
    assert started(said_again, late + A_MINUTE)[0].waits_until == late + timedelta(hours=1)


def test_a_dispute_suspends_until_another_card_or_a_payment() -> None:
    suspended = disputed_on(refilling(paid="0"))
    assert suspended.refill is not None
    assert suspended.refill.suspended == "dispute_opened"
    assert with_default_card(suspended, a_card("2"), NOW).refill == refilling(paid="0").refill


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
    state, refill = both(started(refilling(paid="0")))
    after = renewed(after_failed(state, refill, Failure(code), NOW))
    assert after.default_card == DefaultCard("pm_new", "fingerprint-1")
    assert after.refill is not None
    assert after.refill.suspended == stays
    assert (started(after, NOW + A_MINUTE)[1] is not None) == (stays is None)


def test_a_new_date_leaves_three_declines_a_wait_and_a_dispute_as_they_are() -> None:
    waiting = after_failed(*both(started(refilling(paid="0"))), Failure("do_not_honor"), NOW)
    assert renewed(waiting).refill == waiting.refill
    disputed = disputed_on(refilling(paid="0"))
    assert renewed(disputed).refill == disputed.refill
    state, now = refilling(paid="0"), NOW
    for _ in range(3):
        state, refill = both(started(state, now))
        state = after_failed(state, refill, Failure("do_not_honor"), now)
        now += timedelta(days=2)
    assert renewed(state).refill == state.refill


def test_a_new_date_of_a_card_that_is_not_the_default_changes_nothing() -> None:
    suspended = after_failed(*both(started(refilling(paid="0"))), Failure("expired_card"), NOW)
    assert with_new_date(suspended, a_card("2"), NOW) == suspended


def test_a_suspension_by_a_dispute_outlives_a_decline_of_the_expired_card() -> None:
    pending, refill = both(started(refilling(paid="0")))
    state = after_failed(disputed_on(pending), refill, Failure("expired_card"), NOW)
    assert state.refill is not None
    assert (state.refill.suspended, state.refill.last_failure) == ("dispute_opened", "expired_card")


@pytest.mark.parametrize(
    ("code", "counted"), [("expired_card", 0), ("card_unusable", 0), ("do_not_honor", 1), ("lost_card", 3)]
)
def test_of_a_date_that_was_renewed_meanwhile_only_what_is_said_of_the_number_counts(code: str, counted: int) -> None:
    pending, refill = both(started(refilling(paid="0")))
    state = after_failed(renewed(pending), refill, Failure(code), NOW)
    assert state.refill is not None
    assert state.refill.failures == counted
    assert (started(state, NOW + A_MINUTE)[1] is not None) == (counted == 0)


def test_a_date_that_was_mended_does_not_bring_back_what_was_refunded_meanwhile() -> None:
    state, refill = both(started(refilling(paid="0")))
    paid = after_paid(replace(state, paid_micros=micros("100")), refill)
    state, second = both(started(replace(paid, paid_micros=0), NOW + A_MINUTE))
    expired = after_failed(state, second, Failure("expired_card"), NOW + A_MINUTE)
    mended = renewed(after_refund(expired, refill, micros("100")))
    assert mended.refill is not None
    assert mended.refill.suspended == "refunded"


def test_another_card_ends_its_own_declines_and_a_dispute_of_the_other_one_and_no_more() -> None:
    """Card 2 is the default and given up; a payment by card 1 is disputed: neither goes on with card 1."""
    of_two = with_default_card(refilling(paid="0"), a_card("2"), NOW)
    given_up = after_failed(*both(started(of_two)), Failure("lost_card"), NOW)
    stopped = disputed_on(given_up)
    first = with_default_card(stopped, a_card("1"), NOW)
    assert first.refill is not None
    assert (first.refill.suspended, first.refill.failures) == ("dispute_opened", 0)
    saved = with_limit(first, "900")
    assert started(saved, NOW + A_MINUTE)[1] is not None


@pytest.mark.parametrize("code", ["dispute_opened", "lost_card"])
def test_a_suspension_that_an_older_release_stored_is_lifted_as_ever(code: str) -> None:
    before = refilling(paid="0")
    older = replace(before.refill or Refill(), suspended=code, failures=1, breaker_card="fingerprint-1")
    stored = replace(before, refill=older)
    assert started(stored)[1] is None
    assert started(with_default_card(replace(stored, default_card=None), a_card("1"), NOW))[1] is None
    assert started(with_default_card(stored, a_card("2"), NOW))[1] is not None
    assert (started(with_limit(stored, "900"))[1] is None) == (code == "lost_card")
    by_hand = after_paid(stored, replace(A_PAYMENT, transaction_id="tx_hand"))
    assert started(by_hand)[1] is not None
