"""Subscriptions: the terms an account is on, the months they run in, and what becomes of them when a month ends.

    none, canceled ---- subscribed ----> paid <---------------+--------------------+
                                          |                   |                    |
                        the month is over |                   | charged            | a try is paid
                                          v                   |                    |
                                         due -----------------+                    |
                                          |                                        |
                     declined, or no card |                                        |
                                          v                                        |
                              +------> failed -------------------------------------+
                              |           |                                        |
      an administrator's      |           | the last try is declined               |
      unlock: one more try    |           v                                        |
                              +------- locked -------------------------------------+

`paid`, `due` and `failed` are `Period.payment`; a failed month also has `dunning`, which is locked in the end. To a
customer paid and due are "active", failed and locked are "past_due". If the next month costs nothing, paid is followed
by paid. A failed month is tried again 1, 3 and 7 days after its first failure, and at once with a new default card. A
month that went by unpaid is never charged: a try is for the month it is made in, and needs no card if that is free.

    paid, due ------ cancel ----> cancel_at_period_end ------ the month is over -------------> canceled
                                      |      |
                    changed: goes on  |      +-------- it was due, and is declined ----------> canceled
                                      v
                                  as before
    failed, locked ---------------------------------- cancel --------------------------------> canceled

    none, paid, canceled ---- a change that costs something now ----> pending_change ---- charged ----> paid, as wanted
                                                                             |
                                                                             +----------- declined ---> as before

While a change is pending the month does not end, and nobody can cancel or ask for another change. A change that costs
nothing now waits for nothing: it holds at once, or from the next renewal on as `next_terms`.
"""

import calendar
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from billing.domain.decimals import format_millionths
from billing.domain.errors import Conflict, InvalidValue, NotFound
from billing.domain.ledger import usage_reset_cause
from billing.domain.plan import Plan, PlanKey
from billing.domain.terms import Terms
from billing.domain.wallet import Period, Posted, Wallet, post

SubscriptionStatus = Literal["active", "past_due", "canceled"]

RENEWAL_SHARDS = 16
_MONTHS_A_YEAR = 12


class NoSubscription(NotFound):
    code = "no_subscription"

    def __init__(self) -> None:
        super().__init__("the account has no subscription")


class ChangePending(Conflict):
    """A change is being paid: until that is answered, no other one can be priced."""

    def __init__(self) -> None:
        super().__init__("a change of this subscription is being paid; ask again in a minute", code="change_pending")


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
            raise InvalidValue(f"is not a recurring feature of plan {plan.plan_id}", field=f"quantities.{key}")
        if feature.maximum is not None and units > feature.maximum:
            raise InvalidValue(f"must be at most {feature.maximum}", field=f"quantities.{key}")
    return {key: max(feature.included, quantities.get(key, 0)) for key, feature in plan.recurring_features.items()}


def is_subscribed(wallet: Wallet) -> bool:
    return wallet.period is not None and not wallet.canceled


def status_of(wallet: Wallet) -> SubscriptionStatus:
    if wallet.canceled:
        return "canceled"
    return "active" if wallet.dunning is None else "past_due"


def present_terms(wallet: Wallet) -> Terms:
    """Raises NoSubscription."""
    if wallet.period is None:
        raise NoSubscription
    return Terms(wallet.period.plan_id, wallet.period.plan_version, wallet.quantities)


def coming_terms(wallet: Wallet) -> Terms:
    """The terms of the next renewal. Raises NoSubscription."""
    return wallet.next_terms or present_terms(wallet)


def with_terms(
    wallet: Wallet, terms: Terms, *, later: Terms | None = None, starts_at: datetime | None = None
) -> Wallet:
    """The wallet on `terms` at once, and on `later` from the next renewal; a cancellation is undone.

    With `starts_at` a new subscription starts, paid, at that whole second. Without, the present period and its anchor
    go on, and what was used of the old allowance counts against the new one; what was bought beyond it does not.
    """
    period = wallet.period
    if starts_at is not None:
        # One that was canceled unpaid ended before its month did: later calls belong to the new subscription.
        ended = None if period is None else replace(period, end=min(period.end, starts_at))
        wallet = replace(wallet, previous_period=ended, anchor_day=starts_at.day, canceled=False, dunning=None)
        period = Period(terms.plan_id, terms.plan_version, starts_at, month_after(starts_at, starts_at.day))
    elif period is None:
        raise NoSubscription
    else:
        period = replace(period, plan_id=terms.plan_id, plan_version=terms.plan_version)
    return replace(
        wallet,
        period=period,
        quantities=dict(terms.quantities),
        next_terms=later,
        cancel_at_period_end=False,
        pending_change=None,
    )


def advance(wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime) -> Wallet:
    """The wallet in the period that `now` lies in. `plans` holds the versions that `wallet.plan_keys` names.

    From the renewal's second on a call belongs to the new period, whose included quantities are whole; what was unused
    is gone. So a month that costs money begins on trust: its payment is `due`, which the renewal confirms a moment
    later or takes back (see `renewal`), and no further month begins before it did. A month that costs nothing needs
    nothing. A subscription that was canceled ends. While a change is being paid the period stands: what the customer
    was told it costs must stay true.
    """
    while _is_over(wallet, now):
        if wallet.cancel_at_period_end:
            return replace(wallet, canceled=True, cancel_at_period_end=False, next_terms=None)
        wallet = in_next_month(wallet, plans)
    return wallet


def _is_over(wallet: Wallet, now: datetime) -> bool:
    period = wallet.period
    return (
        period is not None
        and not wallet.canceled
        and period.end <= now
        and period.payment == "paid"
        and wallet.pending_change is None
    )


def in_next_month(wallet: Wallet, plans: Mapping[PlanKey, Plan]) -> Wallet:
    """The wallet in the month after its present one, on the terms that were to come. Raises NoSubscription."""
    ended, terms = wallet.period, coming_terms(wallet)
    if ended is None or wallet.anchor_day is None:
        raise NoSubscription
    price = plans[terms.plan_key].monthly_price_micros(terms.quantities)
    period = Period(
        terms.plan_id,
        terms.plan_version,
        start=ended.end,
        end=month_after(ended.end, wallet.anchor_day),
        payment="due" if price else "paid",
    )
    return replace(wallet, period=period, previous_period=ended, quantities=dict(terms.quantities), next_terms=None)


def canceled(wallet: Wallet) -> Wallet:
    """End the subscription with its period, which is paid; at once where it is not, since then there is nothing to end.

    Canceling twice changes nothing. Raises NoSubscription, ChangePending.
    """
    if wallet.period is None:
        raise NoSubscription
    if wallet.canceled:
        return wallet
    if wallet.pending_change is not None:
        raise ChangePending
    if wallet.period.payment == "failed":
        return replace(wallet, canceled=True, cancel_at_period_end=False, dunning=None, next_terms=None)
    return replace(wallet, cancel_at_period_end=True)


def due_at(wallet: Wallet) -> datetime | None:
    """When a sweep must look at the subscription: its renewal, its end, or the next try of a failed one."""
    period = wallet.period
    if period is None or wallet.canceled:
        return None
    if wallet.dunning is not None:
        return wallet.dunning.next_attempt_at
    return period.start if period.payment == "due" else period.end


def renewal_shard(account_id: str) -> int:
    """Renewals of one day are spread over RENEWAL_SHARDS partitions of the index."""
    return zlib.crc32(account_id.encode()) % RENEWAL_SHARDS


def reset_usage(wallet: Wallet, *, reset_id: str, reason: str, by: str, now: datetime, fingerprint: str) -> Posted:
    """Begin counting again in the present period: whole allowances. The entry keeps what the counters were, and why.

    Raises NoSubscription.
    """
    period = wallet.period
    if period is None or wallet.canceled:
        raise NoSubscription
    counters = ", ".join(_counted(period, feature) for feature in sorted(period.used)) or "nothing"
    return post(
        wallet,
        replace(wallet, period=replace(period, used={}, bought={})),
        cause=usage_reset_cause(wallet.account_id, reset_id),
        kind="usage_reset",
        now=now,
        description=f"{reason} (counted before, in metered units: {counters})",
        postings=(),
        by=by,
        fingerprint=fingerprint,
    )


def _counted(period: Period, feature: str) -> str:
    used, bought = format_millionths(period.used_of(feature)), period.bought_of(feature)
    return f"{feature} {used}" + (f" of which {format_millionths(bought)} bought" if bought else "")
