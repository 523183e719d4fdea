"""The life of a wallet's subscription: it begins, goes on month by month, changes its terms, and ends."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing.domain.ledger import Counted, usage_reset_cause
from billing.domain.plan import Plan, PlanKey
from billing.domain.subscription import (
    ChangePending,
    NoSubscription,
    Period,
    Subscription,
    begin_next_month,
    end,
    month_after,
)
from billing.domain.terms import Terms
from billing.domain.wallet import Posted, Wallet, post


def subscribe(wallet: Wallet, terms: Terms, starts_at: datetime, *, later: Terms | None = None) -> Wallet:
    """Begin a new subscription, paid, at that whole second: on `terms`, and on `later` from its first renewal."""
    before = wallet.subscription
    # One that was canceled unpaid ended before its month did: later calls belong to the new subscription.
    ended = None if before is None else replace(before.period, end=min(before.period.end, starts_at), told={})
    begun = Subscription(
        period=Period(terms.plan_id, terms.plan_version, starts_at, month_after(starts_at, starts_at.day)),
        anchor_day=starts_at.day,
        quantities=dict(terms.quantities),
        previous_period=ended,
        next_terms=later,
    )
    return replace(wallet, subscription=begun, pending_change=None)


def change_terms(wallet: Wallet, terms: Terms, *, later: Terms | None = None) -> Wallet:
    """Put the subscription on `terms` at once, and on `later` from the next renewal; a cancellation is undone.

    The present period and its anchor go on. What was used of the old allowance counts against the new one; what was
    bought beyond it does not. Raises NoSubscription.
    """
    before = wallet.require_subscription()
    changed = replace(
        before,
        period=replace(before.period, plan_id=terms.plan_id, plan_version=terms.plan_version),
        quantities=dict(terms.quantities),
        next_terms=later,
        cancel_at_period_end=False,
    )
    return replace(wallet, subscription=changed, pending_change=None)


def advance(wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime) -> Wallet:
    """The wallet in the period that `now` lies in. `plans` holds the versions that `wallet.plan_keys` names.

    From the renewal's second on a call belongs to the new period, whose included quantities are whole; what was unused
    is gone. So a month that costs money begins on trust: its payment is `due`, which the renewal confirms a moment
    later or takes back (see `renewal`), and no further month begins before it did. A month that costs nothing needs
    nothing. A subscription that was canceled ends. While a change is being paid the period stands: what the customer
    was told it costs must stay true.
    """
    before = subscription = wallet.subscription
    if before is None or subscription is None or wallet.pending_change is not None:
        return wallet
    while subscription.is_month_over(now):
        is_last = subscription.cancel_at_period_end
        subscription = end(subscription) if is_last else begin_next_month(subscription, plans)
    return wallet if subscription is before else replace(wallet, subscription=subscription)


def cancel(wallet: Wallet) -> Wallet:
    """End the subscription with its period, which is paid; at once where it is not, since then there is nothing to end.

    Canceling twice changes nothing. Raises NoSubscription, ChangePending.
    """
    subscription = wallet.require_subscription()
    if subscription.canceled:
        return wallet
    if wallet.pending_change is not None:
        raise ChangePending
    is_unpaid = subscription.period.payment == "failed"
    ending = end(subscription) if is_unpaid else replace(subscription, cancel_at_period_end=True)
    return replace(wallet, subscription=ending)


def reset_usage(wallet: Wallet, *, reset_id: str, reason: str, by: str, now: datetime, fingerprint: str) -> Posted:
    """Begin counting again in the present period: whole allowances. The entry keeps what the counters were, and why.

    Raises NoSubscription.
    """
    running = wallet.running
    if running is None:
        raise NoSubscription
    period = running.period
    counted = tuple(
        Counted(feature, period.used_of(feature), period.bought_of(feature)) for feature in sorted(period.used)
    )
    return post(
        wallet,
        replace(wallet, subscription=replace(running, period=replace(period, used={}, bought={}, reset_at=now))),
        cause=usage_reset_cause(wallet.account_id, reset_id),
        kind="usage_reset",
        now=now,
        code="usage_reset",
        description=reason,
        counted=counted,
        postings=(),
        by=by,
        fingerprint=fingerprint,
    )
