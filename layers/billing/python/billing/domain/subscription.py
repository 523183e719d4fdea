"""Subscriptions: which plan version and quantities an account has, and the months they run in."""

import calendar
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing.domain.errors import InvalidValue
from billing.domain.plan import Plan
from billing.domain.wallet import Period, Wallet

_MONTHS_A_YEAR = 12


def month_after(start: datetime, anchor_day: int) -> datetime:
    """The next renewal after `start`: the anchor day of the next month, or its last day where it is shorter.

    The time of the day stays: 31 January, 28 February, 31 March.
    """
    year, month = start.year + start.month // _MONTHS_A_YEAR, start.month % _MONTHS_A_YEAR + 1
    return start.replace(year=year, month=month, day=min(anchor_day, calendar.monthrange(year, month)[1]))


def checked_quantities(plan: Plan, quantities: Mapping[str, int]) -> dict[str, int]:
    """Every recurring feature of the plan with its units in all: as asked, and never below the included ones.

    Raises InvalidValue for a feature the plan does not rent out, or more units than its maximum.
    """
    for key, units in quantities.items():
        feature = plan.recurring_features.get(key)
        if feature is None:
            raise InvalidValue(f'plan {plan.plan_id} has no recurring feature "{key}"', field=f"quantities.{key}")
        if feature.maximum is not None and units > feature.maximum:
            raise InvalidValue(f"must be at most {feature.maximum}", field=f"quantities.{key}")
    return {key: max(feature.included, quantities.get(key, 0)) for key, feature in plan.recurring_features.items()}


def assign_free_plan(wallet: Wallet, plan: Plan, quantities: Mapping[str, int], now: datetime) -> Wallet:
    """Put the account on a plan version that costs nothing by the month.

    A first plan, or one after a canceled subscription, starts a period now. A change keeps the period and its anchor,
    and what was used of the old allowance counts against the new one.
    """
    period = wallet.period
    if period is None or wallet.canceled:
        start = now.replace(microsecond=0)
        period = Period(plan.plan_id, plan.version, start, month_after(start, start.day))
        wallet = replace(wallet, anchor_day=start.day, canceled=False)
    else:
        period = replace(period, plan_id=plan.plan_id, plan_version=plan.version)
    return replace(wallet, period=period, quantities=dict(quantities))


def roll_free_periods(wallet: Wallet, plan: Plan, now: datetime) -> Wallet:
    """The wallet in the period that `now` lies in, where the months in between cost nothing.

    Nothing is charged, so nothing has to be waited for: the included quantities are whole again from the renewal's
    second on, what was unused is gone, and no sweep is needed for it. A wallet whose month costs money is returned as
    it is: its period rolls when the renewal is paid.
    """
    if plan.monthly_price_micros(wallet.quantities) or wallet.canceled:
        return wallet
    while wallet.period is not None and wallet.anchor_day is not None and wallet.period.end <= now:
        ended = wallet.period
        renewed = replace(ended, start=ended.end, end=month_after(ended.end, wallet.anchor_day), used={})
        wallet = replace(wallet, period=renewed, previous_period=ended)
    return wallet
