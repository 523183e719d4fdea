"""What a change of a subscription costs, what it changes at once, and what at the next renewal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.change import Added
from billing.domain.errors import CardRequired
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.plan_change import (
    Quote,
    RenewalPending,
    RenewalUnpaid,
    abandon_change,
    complete_change,
    quote,
    start,
)
from billing.domain.settlement import settle
from billing.domain.subscription import ChangePending, PeriodPayment, check_quantities
from billing.domain.subscription_life import advance, cancel
from billing.domain.terms import Terms
from billing.domain.transaction import Transaction
from billing.domain.wallet import DefaultCard, Wallet
from billing.words.history_texts import say_line
from tests.builders import (
    MICROS,
    NOW,
    PERIOD_END,
    PHONE_NUMBERS,
    call,
    calls_feature,
    change_period,
    micros,
    period_of,
    plan,
    plan_name,
    subscription_of,
    wallet,
)

NUMBERS = RecurringFeature("phone_number", PHONE_NUMBERS, included=1, unit_price_micros=micros("3"))
SEATS = RecurringFeature("user_seat", "Seats", included=2, unit_price_micros=micros("6"))
FREE = plan(calls_feature(), recurring=(NUMBERS,))
STARTER = plan(calls_feature(included_minutes=500), plan_id="starter", base_price="30", recurring=(NUMBERS, SEATS))
STARTER_2 = replace(STARTER, version=2)
PRO = plan(calls_feature(included_minutes=2000), plan_id="pro", base_price="90", recurring=(NUMBERS,))
PLANS = {each.key: each for each in (FREE, STARTER, STARTER_2, PRO)}
MID = datetime(2026, 11, 16, tzinfo=UTC)
"""Half of November."""
CARD = DefaultCard("pm_1", "fp_1")


def on(plan: Plan, **quantities: int) -> Wallet:
    terms = check_quantities(plan, quantities)
    return wallet(on=plan, quantities=terms, default_card=CARD, version=7)


def asked(before: Wallet, plan: Plan, now: datetime = MID, **quantities: int) -> Quote:
    wanted = Terms(plan.plan_id, plan.version, check_quantities(plan, quantities))
    return quote(advance(before, PLANS, now), PLANS, wanted, now)


def called(before: Wallet, *, minutes: int, at: datetime = MID) -> Wallet:
    event = call(f"call-{before.sequence}", seconds=str(minutes * 60), ended_at=at)
    return settle(before, [event], PLANS, at).wallet


def due(quoted: Quote) -> int:
    return quoted.charge.card_micros


def test_a_first_subscription_costs_its_month_and_starts_it() -> None:
    quoted = asked(wallet(), STARTER, NOW, phone_number=3)
    assert due(quoted) == micros("36")
    assert [(say_line(line), line.quantity, line.amount_micros) for line in quoted.charge.lines] == [
        (plan_name("starter"), "1", micros("30")),
        (PHONE_NUMBERS, "2", micros("6")),
    ]
    assert (period_of(quoted.after).start, subscription_of(quoted.after).anchor_day) == (NOW, 23)
    assert quoted.renewal_month.start == datetime(2026, 12, 23, 12, 0, tzinfo=UTC)
    assert quoted.renewal_charge.card_micros == micros("36")


def test_more_of_a_rented_feature_is_charged_for_the_rest_of_the_period() -> None:
    quoted = asked(on(STARTER), STARTER, phone_number=3)
    (line,) = quoted.charge.lines
    assert (say_line(line), line.quantity, line.amount_micros) == (PHONE_NUMBERS, "2", micros("3"))
    assert (line.period_start, line.period_end) == (MID, PERIOD_END)
    assert subscription_of(quoted.after).quantities["phone_number"] == 3
    assert quoted.renewal_charge.card_micros == micros("36")


def test_less_of_it_costs_nothing_and_is_less_from_the_next_renewal_on() -> None:
    quoted = asked(on(STARTER, phone_number=3), STARTER, phone_number=2)
    assert due(quoted) == 0
    assert subscription_of(quoted.after).quantities["phone_number"] == 3
    assert quoted.renewal_charge.card_micros == micros("33")
    assert subscription_of(advance(quoted.after, PLANS, PERIOD_END)).quantities["phone_number"] == 2


def test_more_of_one_and_less_of_another_charges_the_one_now_and_lessens_the_other_later() -> None:
    quoted = asked(on(STARTER, user_seat=4), STARTER, phone_number=2, user_seat=2)
    assert due(quoted) == micros("1.50")
    assert dict(subscription_of(quoted.after).quantities) == {"phone_number": 2, "user_seat": 4}
    assert subscription_of(quoted.after).next_terms == Terms("starter", 1, {"phone_number": 2, "user_seat": 2})


def test_an_upgrade_costs_the_difference_for_the_rest_and_takes_effect_at_once() -> None:
    quoted = asked(on(STARTER), PRO)
    assert due(quoted) == micros("30")
    assert [(say_line(line), line.amount_micros) for line in quoted.charge.lines] == [
        (plan_name("pro"), micros("45")),
        (f"{plan_name('starter')}, unused", micros("-15")),
    ]
    assert subscription_of(quoted.after).terms.plan_id == "pro"


def test_what_was_used_counts_against_the_new_plan_s_allowance() -> None:
    before = replace(wallet(on=STARTER, used_seconds=90), default_card=CARD)
    after = asked(before, PRO).after
    assert period_of(after).used == period_of(before).used


def test_what_was_bought_beyond_the_old_allowance_is_not_taken_from_the_new_one() -> None:
    used = called(on(STARTER), minutes=750)
    assert used.paid_micros == -micros("30"), "500 included, 250 bought"
    moved = called(asked(used, PRO).after, minutes=1500)
    assert moved.paid_micros == used.paid_micros
    assert called(moved, minutes=1).paid_micros == used.paid_micros - micros("0.12")


def test_of_two_upgrades_in_a_month_each_leaves_what_was_bought_before_it_out_of_account() -> None:
    pay_as_you_go = called(on(FREE), minutes=25)
    starter = called(asked(pay_as_you_go, STARTER).after, minutes=501)
    assert starter.paid_micros == pay_as_you_go.paid_micros - micros("0.12"), "500 of 501 are included"
    pro = called(asked(starter, PRO).after, minutes=1501)
    assert pro.paid_micros == starter.paid_micros - micros("0.12"), "500 of 2000 were drawn before"


def test_a_downgrade_begins_its_month_with_nothing_used_and_nothing_bought() -> None:
    leaving = asked(called(on(PRO), minutes=2100), STARTER).after
    renewed = advance(leaving, PLANS, PERIOD_END)
    assert (period_of(renewed).plan_id, period_of(renewed).used, period_of(renewed).bought) == ("starter", {}, {})
    assert called(renewed, minutes=500, at=PERIOD_END).paid_micros == leaving.paid_micros


def test_a_cheaper_plan_takes_effect_at_the_next_renewal_and_costs_nothing_now() -> None:
    quoted = asked(on(PRO), STARTER)
    assert (due(quoted), subscription_of(quoted.after).terms.plan_id) == (0, "pro")
    assert quoted.renewal_charge.card_micros == micros("30")


def test_from_free_to_a_price_is_an_upgrade_and_back_is_not() -> None:
    assert due(asked(on(FREE), STARTER)) == micros("15")
    down = asked(on(STARTER), FREE)
    assert (due(down), subscription_of(down.after).terms.plan_id, down.renewal_charge.card_micros) == (0, "starter", 0)


def test_a_plan_of_the_same_price_takes_effect_at_once_for_nothing() -> None:
    quoted = asked(on(STARTER), STARTER_2)
    assert (due(quoted), quoted.charge.lines, subscription_of(quoted.after).terms.plan_version) == (0, (), 2)


def test_asking_for_what_one_has_changes_nothing_but_undoes_what_was_scheduled() -> None:
    before = on(STARTER)
    assert asked(before, STARTER).after == before
    assert asked(asked(before, FREE).after, STARTER).after == before
    assert asked(cancel(before), STARTER).after == before


def test_a_change_in_the_last_second_costs_what_that_second_does() -> None:
    quoted = asked(on(STARTER), PRO, PERIOD_END - timedelta(seconds=1))
    assert quoted.charge.price_micros == 23  # 60.00 a month of 2,592,000 seconds


def test_a_change_at_the_second_of_the_renewal_waits_for_the_renewal() -> None:
    with pytest.raises(RenewalPending):
        asked(on(STARTER), PRO, PERIOD_END)


@pytest.mark.parametrize(("payment", "refusal"), [("due", RenewalPending), ("failed", RenewalUnpaid)])
def test_an_unpaid_period_is_paid_before_it_is_changed(payment: PeriodPayment, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        asked(change_period(on(STARTER), payment=payment), PRO)


def test_a_canceled_account_subscribes_anew_with_a_month_of_its_own() -> None:
    gone = advance(cancel(on(STARTER)), PLANS, PERIOD_END + timedelta(days=5))
    quoted = asked(gone, STARTER, PERIOD_END + timedelta(days=5))
    assert due(quoted) == micros("30")
    assert (quoted.after.status, period_of(quoted.after).start, subscription_of(quoted.after).anchor_day) == (
        "active",
        datetime(2026, 12, 6, tzinfo=UTC),
        6,
    )


def test_calls_of_a_subscription_that_follows_one_canceled_unpaid_draw_the_new_one_s_allowance() -> None:
    gone = cancel(change_period(on(STARTER), payment="failed"))
    anew = asked(gone, STARTER).after
    settled = settle(anew, [call(seconds="60", ended_at=MID + timedelta(hours=1))], PLANS, MID + timedelta(hours=1))
    assert settled.wallet.balance_micros == anew.balance_micros
    assert period_of(settled.wallet).used_of("call_minutes") == 60 * MICROS


def begun() -> tuple[Wallet, Transaction]:
    change = start(asked(on(STARTER), PRO), on(STARTER), MID)
    assert change.answer.charge is not None
    assert change.also == (Added(change.answer.charge),)
    return change.wallet, change.answer.charge


def test_a_change_is_paid_first_and_only_one_at_a_time() -> None:
    waiting, transaction = begun()
    assert subscription_of(waiting).terms.plan_id == "starter"
    assert (transaction.kind, transaction.status, transaction.amount_micros) == (
        "plan_change",
        "Processing",
        micros("30"),
    )
    with pytest.raises(ChangePending):
        asked(waiting, PRO)


def test_a_period_stands_while_a_change_of_it_is_being_paid() -> None:
    waiting, _ = begun()
    assert advance(waiting, PLANS, PERIOD_END + timedelta(hours=1)) == waiting


def test_a_paid_change_is_what_the_preview_said_and_its_price_is_revenue() -> None:
    quoted = asked(on(STARTER), PRO)
    waiting, transaction = begun()
    posted = complete_change(waiting, replace(transaction, status="Paid"), MID)
    (entry,) = posted.entries
    changed = replace(subscription_of(quoted.after), changed_at=MID)
    assert replace(posted.wallet, sequence=0, posted_at=None) == replace(quoted.after, subscription=changed)
    assert {posting.account: posting.micros for posting in entry.postings} == {
        "asset:card_clearing": micros("-30"),
        "revenue:subscription": micros("30"),
    }
    assert entry.amount_micros == 0


def test_a_declined_change_changes_nothing() -> None:
    waiting, transaction = begun()
    assert abandon_change(waiting, transaction) == on(STARTER)


def test_money_for_a_change_that_nobody_waits_for_becomes_credit() -> None:
    _, transaction = begun()
    posted = complete_change(on(PRO), transaction, MID)
    assert posted.wallet.paid_micros == micros("30")


def test_something_due_needs_a_card() -> None:
    with pytest.raises(CardRequired):
        start(asked(replace(on(STARTER), default_card=None), PRO), on(STARTER), MID)


def test_a_plan_that_counts_a_feature_in_another_unit_holds_from_the_next_renewal() -> None:
    by_the_minute = replace(
        calls_feature(included_minutes=2000), metered_unit="minute", metered_per_priced_millionths=MICROS
    )
    dearer = plan(by_the_minute, plan_id="by-the-minute", base_price="90", recurring=(NUMBERS,))
    before = on(STARTER)
    wanted = Terms(dearer.plan_id, dearer.version, check_quantities(dearer, {}))
    quoted = quote(before, PLANS | {dearer.key: dearer}, wanted, MID)
    assert due(quoted) == 0
    assert period_of(quoted.after) == period_of(before)
    assert subscription_of(quoted.after).next_terms == wanted
