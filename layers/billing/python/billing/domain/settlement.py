"""Settling: rate ended calls, draw the allowance, deduct the rest, write the entries. Pure and in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.errors import UnratableLine
from billing.domain.ledger import (
    PAID_CREDIT,
    PROMOTIONAL_CREDIT,
    USAGE_REVENUE,
    LedgerEntry,
    RatedLine,
    UsageRecord,
    balanced,
)
from billing.domain.plan import Plan, PlanKey
from billing.domain.rating import rate
from billing.domain.subscription import Period, Subscription
from billing.domain.subscription_life import advance
from billing.domain.usage import UsageEvent
from billing.domain.wallet import Posted, Wallet, expire_grants, post, spend


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that cannot be charged, with its stable code; kept for an operator."""

    event: UsageEvent
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a batch of events posts: the wallet after it, its entries, a refill that starts. And what was not rated."""

    posted: Posted
    rejections: tuple[Rejection, ...]

    @property
    def wallet(self) -> Wallet:
        return self.posted.wallet

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        return self.posted.entries


def settle(wallet: Wallet, events: Sequence[UsageEvent], plans: Mapping[PlanKey, Plan], now: datetime) -> Settlement:
    """Settle distinct events of one account in order. An event is charged whole or rejected whole.

    `plans` holds the plan versions that the wallet names. A usage entry has no description: its lines say it all, and
    the ledger's reader puts them into words.
    """
    expired = expire_grants(wallet, now)
    wallet = advance(expired.wallet, plans, now)
    if wallet.subscription is None:
        charged, detail = Posted(wallet), f"account {wallet.account_id} has no plan"
        rejections = [Rejection(event, "no_plan", detail) for event in events]
    else:
        charged, rejections = _charge(wallet, wallet.subscription, events, plans, now)
    posted = Posted(charged.wallet, expired.entries + charged.entries)
    if posted.entries:
        posted = with_refill(posted, now)
    return Settlement(replace(posted, wallet=posted.wallet.with_alerts()), tuple(rejections))


def _charge(
    wallet: Wallet,
    subscription: Subscription,
    events: Sequence[UsageEvent],
    plans: Mapping[PlanKey, Plan],
    now: datetime,
) -> tuple[Posted, list[Rejection]]:
    entries, rejections = list[LedgerEntry](), list[Rejection]()
    counters = {_span(each): _Counters(dict(each.used), dict(each.bought)) for each in _periods(subscription)}
    for event in events:
        period = subscription.period_of(event.occurred_at, event.arrived_at)
        counted, plan = counters[_span(period)], plans[period.plan_key]
        entitled = subscription.entitles(period, event.occurred_at)
        try:
            settled = _settle_one(wallet, event, plan, counted=counted, entitled=entitled, now=now)
        except UnratableLine as refusal:
            rejections.append(Rejection(event, refusal.code, refusal.detail))
            continue
        wallet = settled.wallet
        entries.extend(settled.entries)
    for each in _periods(subscription):
        counted = counters[_span(each)]
        if counted.used != each.used:
            subscription = subscription.with_used(each, counted.used, counted.bought)
    return Posted(replace(wallet, subscription=subscription), tuple(entries)), rejections


@dataclass(frozen=True, slots=True)
class _Counters:
    """A period's counters while a batch is settled (see `Period`)."""

    used: dict[str, int]
    bought: dict[str, int]


def _periods(subscription: Subscription) -> list[Period]:
    return [period for period in (subscription.previous_period, subscription.period) if period is not None]


def _span(period: Period) -> tuple[datetime, datetime]:
    """What tells a subscription's periods apart: one that ended in its first second has the other's start."""
    return period.start, period.end


def _settle_one(
    wallet: Wallet, event: UsageEvent, plan: Plan, *, counted: _Counters, entitled: bool, now: datetime
) -> Posted:
    """Charge one event and add it to `counted`, the period's counters: the wallet takes them over once for all events.

    What is used while a period is not paid is paid from credit, and counts towards nothing.
    """
    used, bought = dict(counted.used), dict(counted.bought)
    lines: list[RatedLine] = []
    for line in event.lines:
        used_before, bought_before = used.get(line.feature, 0), bought.get(line.feature, 0)
        rated = rate(plan, line, used_before, bought_millionths=bought_before, entitled=entitled)
        if entitled:
            used[line.feature] = used_before + rated.billed_millionths
            if rated.bought_millionths:
                bought[line.feature] = bought_before + rated.bought_millionths
        lines.append(rated)
    counted.used.update(used)
    counted.bought.update(bought)
    charge = sum(line.amount_micros for line in lines)
    spent = spend(wallet, charge)
    record = UsageRecord(
        event_id=event.event_id,
        event_type=event.type,
        call_id=event.call_id,
        workspace_id=event.workspace_id,
        occurred_at=event.occurred_at,
        plan_id=plan.plan_id,
        plan_version=plan.version,
        lines=tuple(lines),
    )
    return post(
        wallet,
        spent.wallet,
        cause=event.cause,
        kind="usage",
        now=now,
        description="",
        postings=balanced(
            (PROMOTIONAL_CREDIT, -spent.promotional_micros), (PAID_CREDIT, -spent.paid_micros), (USAGE_REVENUE, charge)
        ),
        usage=record,
        fingerprint=event.fingerprint,
    )
