"""Random months of an account that moves between plans: each second of a call is drawn of an allowance or bought."""

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.permission import decide
from billing.domain.plan import Plan
from billing.domain.settlement import settle
from billing.domain.subscription_life import change_terms
from billing.domain.terms import Terms
from tests.builders import MICROS, NOW, call, calls_feature, micros, period_of, plan, wallet


def including(minutes: int) -> Plan:
    return plan(calls_feature(included_minutes=minutes, price_per_minute="0.60"), plan_id=f"including-{minutes}")


QUOTAS = {including(minutes).key: minutes * 60 for minutes in (0, 5, 10, 30)}
"""Seconds included, by plan."""
PLANS = {plan_id: including(seconds // 60) for plan_id, seconds in QUOTAS.items()}
CALLS = st.integers(min_value=1, max_value=900)
"""Seconds."""


@given(steps=st.lists(CALLS | st.sampled_from(sorted(PLANS)), max_size=20))
def test_nothing_that_was_bought_is_taken_from_an_allowance_whatever_plans_follow(
    steps: list[int | tuple[str, int]],
) -> None:
    account, on = wallet(on=including(5)), including(5)
    drawn = bought = 0
    for number, step in enumerate(steps):
        left = max(0, QUOTAS[on.key] - drawn)
        if isinstance(step, int):
            account = settle(account, [call(f"e{number}", seconds=str(step))], PLANS, NOW).wallet
            drawn += min(step, left)
            bought += step - min(step, left)
        else:
            account, on = change_terms(account, Terms(*step, quantities={})), PLANS[step]
        assert period_of(account).used_of("call_minutes") == (drawn + bought) * MICROS
        assert period_of(account).bought_of("call_minutes") == bought * MICROS
        assert account.paid_micros == -bought * micros("0.01")
        remaining = on.usage_features["call_minutes"].to_priced(max(0, QUOTAS[on.key] - drawn) * MICROS)
        assert decide(account, on, NOW).allowance_remaining_millionths == remaining
