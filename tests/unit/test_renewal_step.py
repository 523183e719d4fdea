"""A step of a renewal, decided on values: what is due, which charge it makes, once, and what a wallet waits for."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from billing.domain.change import Added
from billing.domain.refill_settings import RefillSettings, configure
from billing.domain.renewal_order import RenewalOrder
from billing.domain.renewal_step import is_due, next_step, take
from billing.domain.wallet import DefaultCard, Grant, Wallet
from tests.builders import (
    NOW,
    PERIOD_END,
    calls_feature,
    change,
    dunning,
    dunning_of,
    micros,
    period_of,
    plan,
    wallet,
)

CARD = DefaultCard("pm_1", "fingerprint-1")
STARTER = plan(calls_feature(included_minutes=5), plan_id="starter", base_price="30")
FREE = plan(calls_feature(included_minutes=1), plan_id="free")
PLANS = {each.key: each for each in (STARTER, FREE)}
MINUTE = timedelta(minutes=1)


def due(**fields: object) -> Wallet:
    return change(wallet(on=STARTER, default_card=CARD), **fields)


@pytest.mark.parametrize(
    ("named", "moment", "is_to_do"),
    [
        (PERIOD_END, PERIOD_END, True),
        (None, PERIOD_END, True),
        (PERIOD_END, PERIOD_END - MINUTE, False),
        (PERIOD_END - MINUTE, PERIOD_END, False),
    ],
)
def test_an_order_is_due_from_its_second_on_and_void_once_it_names_what_is_done(
    named: datetime | None, moment: datetime, *, is_to_do: bool
) -> None:
    order = RenewalOrder("acme", named, PERIOD_END)
    assert is_due(due(), order, moment) is is_to_do
    assert not is_due(wallet(), order, PERIOD_END)


def test_a_month_that_costs_money_begins_on_trust_with_a_charge_that_is_added_once() -> None:
    step = next_step(due(), PLANS, PERIOD_END, now=PERIOD_END)
    assert step.charge is not None
    assert (step.charge.kind, step.charge.status, step.charge.amount_micros) == ("renewal", "Processing", micros("30"))
    first = take(step, None, PERIOD_END)
    assert (first.answer.charge, first.also) == (step.charge, (Added(step.charge),))
    assert (period_of(first.wallet).start, period_of(first.wallet).payment) == (PERIOD_END, "due")
    again = take(step, step.charge, PERIOD_END)
    assert (again.answer.charge, again.also) == (step.charge, ())


def test_a_month_that_costs_nothing_moves_on_without_a_charge() -> None:
    step = next_step(wallet(on=FREE), PLANS, PERIOD_END, now=PERIOD_END)
    change_ = take(step, None, PERIOD_END)
    assert (change_.answer.charge, change_.answer.moved, change_.also) == (None, True, ())
    assert period_of(change_.wallet).start == PERIOD_END


def test_without_a_card_the_try_has_failed_before_it_is_asked_for() -> None:
    step = next_step(change(due(), default_card=None), PLANS, PERIOD_END, now=PERIOD_END)
    change_ = take(step, None, PERIOD_END)
    assert change_.answer.charge is not None
    assert (change_.answer.charge.status, dunning_of(change_.wallet).last.code) == ("Failed", "no_card")
    assert period_of(change_.wallet).payment == "failed"


def test_credit_that_has_expired_is_written_off_on_the_way() -> None:
    step = next_step(due(grants=(Grant("g1", micros("3"), NOW),)), PLANS, PERIOD_END, now=PERIOD_END)
    kinds = [entry.kind for entry in step.posted.entries]
    assert (kinds, step.posted.wallet.grants) == (["grant_expiry"], ())


def test_a_wallet_waits_for_the_end_of_its_credit_and_for_the_next_try_of_a_refill() -> None:
    assert wallet().waits_until is None
    granted = wallet(grants=(Grant("g1", 1, PERIOD_END), Grant("g2", 1, NOW)))
    assert granted.waits_until == NOW
    refilling = configure(
        due(), RefillSettings(enabled=True, threshold_micros=micros("20"), amount_micros=micros("100"))
    )
    assert refilling.waits_until is None
    assert refilling.refill is not None
    declined = change(refilling, refill=replace(refilling.refill, next_attempt_at=NOW + MINUTE))
    assert declined.waits_until == NOW + MINUTE
    assert change(declined, lock_reason="fraud").waits_until is None, "it would wait in front of all others for ever"
    unpaid = change(declined, dunning=dunning(NOW, 4, None, locked=True))
    assert (unpaid.waits_until, unpaid.require_subscription().due_at) == (None, None)
