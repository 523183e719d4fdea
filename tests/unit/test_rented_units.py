"""What a customer rents stays his until the renewal, whatever else he changes, and nothing is given back by silence."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.errors import InvalidValue
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.plan_change import Quote, choose_terms, quote
from billing.domain.proration import Month
from billing.domain.subscription import check_quantities
from billing.domain.subscription_life import advance, cancel
from billing.domain.terms import Terms
from billing.domain.wallet import DefaultCard, Wallet
from billing.words.history_texts import say_line
from tests.builders import (
    NOW,
    PERIOD_END,
    PERIOD_START,
    PHONE_NUMBERS,
    calls_feature,
    change,
    micros,
    plan,
    plan_name,
    subscription_of,
    wallet,
)


def numbers(price: str, *, included: int = 1, maximum: int | None = None) -> RecurringFeature:
    return RecurringFeature("phone_number", PHONE_NUMBERS, included, micros(price), maximum)


def slots(price: str, *, included: int = 2, maximum: int | None = None) -> RecurringFeature:
    return RecurringFeature("call_concurrency", "Slots", included, micros(price), maximum)


STARTER = plan(calls_feature(), plan_id="starter", base_price="30", recurring=(numbers("3"), slots("8")))
PRO = plan(calls_feature(), plan_id="pro", base_price="90", recurring=(numbers("2"), slots("8", maximum=3)))
PRO_2 = replace(PRO, version=2, base_price_micros=micros("95"), recurring_features={"phone_number": numbers("2")})
LICENSE_ONLY = plan(calls_feature(), plan_id="license", base_price="200")
PLANS = {each.key: each for each in (STARTER, PRO, PRO_2, LICENSE_ONLY)}
MID = datetime(2026, 11, 16, tzinfo=UTC)
"""Half of November."""


def renting(plan: Plan, **quantities: int) -> Wallet:
    terms = check_quantities(plan, quantities)
    return wallet(on=plan, quantities=terms, default_card=DefaultCard("pm_1", "fp_1"), version=7)


def asked(
    before: Wallet,
    plan: Plan,
    quantities: Mapping[str, int] | None = None,
    *,
    now: datetime = MID,
    plans: Mapping[tuple[str, int], Plan] = PLANS,
) -> Quote:
    return quote(before, plans, choose_terms(before, plans, plan, quantities), now)


def test_an_upgrade_gives_nothing_back_at_once_and_what_was_asked_for_comes_with_the_renewal() -> None:
    quoted = asked(renting(STARTER, phone_number=5, call_concurrency=3), PRO, {"phone_number": 2})
    assert subscription_of(quoted.after).terms == Terms("pro", 1, {"phone_number": 5, "call_concurrency": 3})
    assert subscription_of(quoted.after).next_terms == Terms("pro", 1, {"phone_number": 2, "call_concurrency": 2})
    assert [(say_line(line), line.quantity, line.amount_micros) for line in quoted.charge.lines] == [
        (plan_name("pro"), "1", micros("45")),
        (PHONE_NUMBERS, "4", micros("4")),
        ("Slots", "1", micros("4")),
        (f"{plan_name('starter')}, unused", "1", micros("-15")),
        (f"{PHONE_NUMBERS}, unused", "4", micros("-6")),
        ("Slots, unused", "1", micros("-4")),
    ]
    assert quoted.charge.card_micros == micros("28")
    assert quoted.renewal_charge.card_micros == micros("92")
    renewed = advance(quoted.after, PLANS, PERIOD_END)
    assert (dict(subscription_of(renewed).quantities), subscription_of(renewed).next_terms) == (
        {"phone_number": 2, "call_concurrency": 2},
        None,
    )


def test_more_of_one_feature_comes_with_the_upgrade_while_less_of_another_waits() -> None:
    quoted = asked(renting(STARTER, phone_number=5), PRO, {"phone_number": 1, "call_concurrency": 3})
    assert dict(subscription_of(quoted.after).quantities) == {"phone_number": 5, "call_concurrency": 3}
    assert subscription_of(quoted.after).next_terms == Terms("pro", 1, {"phone_number": 1, "call_concurrency": 3})


def test_what_the_new_plan_does_not_allow_is_gone_with_the_old_one() -> None:
    capped = asked(renting(STARTER, call_concurrency=9), replace(PRO, base_price_micros=micros("190")), {})
    assert subscription_of(capped.after).quantities["call_concurrency"] == 3
    assert dict(subscription_of(asked(renting(STARTER, phone_number=5), LICENSE_ONLY, {}).after).quantities) == {}


def test_an_upgrade_that_asks_for_what_there_is_schedules_nothing() -> None:
    for quantities in (None, {"phone_number": 5}):
        quoted = asked(renting(STARTER, phone_number=5), PRO, quantities)
        assert (subscription_of(quoted.after).quantities["phone_number"], subscription_of(quoted.after).next_terms) == (
            5,
            None,
        )


def test_a_downgrade_keeps_the_units_too_from_the_renewal_on() -> None:
    before = renting(PRO, phone_number=5)
    quoted = asked(before, STARTER)
    assert (subscription_of(quoted.after).quantities, quoted.charge.card_micros) == (
        subscription_of(before).quantities,
        0,
    )
    assert subscription_of(quoted.after).next_terms == Terms("starter", 1, {"phone_number": 5, "call_concurrency": 2})


def test_units_above_the_other_plan_s_maximum_are_refused_by_name_where_they_were_not_named() -> None:
    with pytest.raises(InvalidValue) as refused:
        asked(renting(STARTER, call_concurrency=9), PRO)
    assert refused.value.field == "quantities.call_concurrency"


def test_named_quantities_are_the_whole_so_that_what_is_left_out_falls_to_what_is_included() -> None:
    quoted = asked(renting(STARTER, phone_number=5, call_concurrency=4), STARTER, {"phone_number": 5})
    assert subscription_of(quoted.after).next_terms == Terms("starter", 1, {"phone_number": 5, "call_concurrency": 2})


def test_the_plan_alone_undoes_a_cancellation_and_changes_nothing_else() -> None:
    before = renting(STARTER, phone_number=4)
    assert asked(cancel(before), STARTER).after == before
    fewer = asked(before, STARTER, {"phone_number": 2}).after
    assert asked(cancel(fewer), STARTER).after == fewer
    cheaper = asked(renting(PRO, phone_number=4), STARTER, {"phone_number": 2}).after
    assert asked(cancel(cheaper), STARTER).after == cheaper


def test_the_present_plan_alone_takes_back_another_one_that_was_scheduled_and_keeps_the_units() -> None:
    before = renting(PRO, phone_number=4)
    assert asked(asked(before, STARTER, {}).after, PRO).after == before


def test_a_decrease_that_is_scheduled_stays_so_under_another_version_of_the_plan() -> None:
    fewer = asked(renting(PRO, phone_number=4), PRO, {"phone_number": 2}).after
    moved = asked(fewer, PRO_2).after
    assert subscription_of(moved).terms == Terms("pro", 2, {"phone_number": 4})
    assert subscription_of(moved).next_terms == Terms("pro", 2, {"phone_number": 2})


def test_a_scheduled_version_without_a_feature_does_not_hide_that_the_present_one_rents_it() -> None:
    before = renting(PRO, phone_number=4, call_concurrency=3)
    to_come = change(before, next_terms=Terms("pro", 2, {"phone_number": 4}))
    assert choose_terms(to_come, PLANS, PRO, None) == subscription_of(before).terms


def test_a_new_subscription_has_the_included_units_also_where_one_that_ended_had_more() -> None:
    gone = advance(cancel(renting(STARTER, phone_number=4)), PLANS, PERIOD_END)
    for before in (gone, wallet()):
        assert choose_terms(before, PLANS, STARTER, None).quantities == {"phone_number": 1, "call_concurrency": 2}


def test_units_that_only_came_with_the_old_plan_go_with_it_and_nobody_pays_for_them_unasked() -> None:
    generous = plan(
        calls_feature(), plan_id="generous", base_price="20", recurring=(numbers("3", included=4), slots("8"))
    )
    plans = {**PLANS, generous.key: generous}
    nothing_named: tuple[dict[str, int] | None, ...] = (None, {})
    for quantities in nothing_named:
        quoted = asked(renting(generous), PRO, quantities, plans=plans)
        assert (dict(subscription_of(quoted.after).quantities), subscription_of(quoted.after).next_terms) == (
            {"phone_number": 1, "call_concurrency": 2},
            None,
        )
        down = asked(renting(PRO), replace(generous, base_price_micros=0), quantities, plans=plans)
        assert subscription_of(down.after).coming_terms.quantities == {"phone_number": 4, "call_concurrency": 2}
    rented = asked(renting(generous, phone_number=5), PRO, {}, plans=plans).after
    assert subscription_of(rented).quantities["phone_number"] == 5


def test_more_than_stripe_charges_at_once_now_or_at_the_next_renewal_is_refused_and_its_most_is_not() -> None:
    most = 1 + (999_999 - 30) // 3
    assert asked(renting(STARTER), STARTER, {"phone_number": most}).renewal_charge.card_micros == micros("999999")
    with pytest.raises(InvalidValue, match=r"999999 USD: 1000002 would be due") as refused:
        asked(renting(STARTER), STARTER, {"phone_number": most + 1})
    assert refused.value.field == "quantities"
    with pytest.raises(InvalidValue):
        asked(wallet(), STARTER, {"phone_number": most + 1}, now=NOW)


PRICES = st.integers(min_value=0, max_value=50_000_000)
UNITS = st.integers(min_value=0, max_value=20)


@st.composite
def plans_of_any_price(draw: st.DrawFn, plan_id: str) -> Plan:
    rented = [
        RecurringFeature(key, key, draw(UNITS), draw(PRICES), maximum=draw(st.none() | st.integers(20, 30)))
        for key in draw(st.sets(st.sampled_from(["a", "b", "c"])))
    ]
    base = draw(PRICES)
    return replace(plan(calls_feature(), plan_id=plan_id, recurring=tuple(rented)), base_price_micros=base)


@given(
    old=plans_of_any_price("old"),
    new=plans_of_any_price("new"),
    units=st.dictionaries(st.sampled_from(["a", "b", "c"]), UNITS),
    wanted=st.none() | st.dictionaries(st.sampled_from(["a", "b", "c"]), UNITS),
    second=st.integers(min_value=0, max_value=30 * 86_400 - 1),
)
def test_whatever_is_changed_at_once_costs_its_difference_to_the_micro_unit_and_never_less_than_nothing(
    old: Plan, new: Plan, units: dict[str, int], wanted: dict[str, int] | None, second: int
) -> None:
    def of(plan: Plan, quantities: dict[str, int]) -> dict[str, int]:
        return {key: quantities[key] for key in plan.recurring_features if key in quantities}

    before = renting(old, **of(old, units))
    had = subscription_of(before).quantities
    for key, feature in new.recurring_features.items():
        if feature.maximum is not None and had.get(key, 0) > feature.maximum:
            return
    moment = PERIOD_START + timedelta(seconds=second)
    plans = {each.key: each for each in (old, new)}
    quoted = asked(before, new, None if wanted is None else of(new, wanted), now=moment, plans=plans)
    month, after = Month(PERIOD_START, PERIOD_END), subscription_of(quoted.after)
    price_before = old.monthly_price_micros(had)
    price_after = plans[after.terms.plan_key].monthly_price_micros(after.quantities)
    due = month.price_of_rest(price_after, moment) - month.price_of_rest(price_before, moment)
    assert quoted.charge.price_micros == due >= 0
    kept = plans[after.terms.plan_key].recurring_features
    rented = {key: units for key, units in had.items() if units > old.recurring_features[key].included}
    assert all(after.quantities[key] >= units for key, units in rented.items() if key in kept)
    assert after.coming_terms == choose_terms(before, plans, new, None if wanted is None else of(new, wanted))
