"""Settling: rate ended calls, draw the allowance, deduct the rest, write the entries. Pure and in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.errors import UnratableLine
from billing.domain.guards import require_charge, require_length
from billing.domain.ledger import (
    PAID_CREDIT,
    PROMOTIONAL_CREDIT,
    USAGE_REVENUE,
    CountedIn,
    LedgerEntry,
    RatedLine,
    UsageRecord,
    make_postings,
)
from billing.domain.plan import Plan, PlanKey
from billing.domain.rating import Metered, meter, rate
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
        counted_in = _counted_in(subscription, period, event)
        try:
            settled = _settle_one(wallet, event, plan, counted=counted, counted_in=counted_in, now=now)
        except UnratableLine as refusal:
            rejections.append(Rejection(event, refusal.code, refusal.detail))
            continue
        wallet = settled.wallet
        entries.extend(settled.entries)
    for each in _periods(subscription):
        counted = counters[_span(each)]
        if counted.used != each.used:
            subscription = subscription.with_used(each, counted.used, counted.bought, plans[each.plan_key])
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


def _counted_in(subscription: Subscription, period: Period, event: UsageEvent) -> CountedIn | None:
    if not subscription.entitles(period, event.occurred_at):
        return "none"
    return "previous" if period == subscription.previous_period else None


def _settle_one(
    wallet: Wallet, event: UsageEvent, plan: Plan, *, counted: _Counters, counted_in: CountedIn | None, now: datetime
) -> Posted:
    """Charge one event and add it to `counted`, the period's counters: the wallet takes them over once for all events.

    What is used while a period is not paid is paid from credit, and counts towards nothing.
    """
    lines: list[RatedLine] = []
    entitled = counted_in != "none"
    for metered in _meter(event, plan, counted.used):
        key = metered.feature.key
        used_before, bought_before = counted.used.get(key, 0), counted.bought.get(key, 0)
        rated = rate(metered, used_before, bought_millionths=bought_before, entitled=entitled)
        if entitled:
            counted.used[key] = used_before + rated.billed_millionths
            if rated.bought_millionths:
                counted.bought[key] = bought_before + rated.bought_millionths
        lines.append(rated)
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
        dimensions=event.told_apart_by,
        counted_in=counted_in,
    )
    charged = post(
        wallet,
        spent.wallet,
        cause=event.cause,
        kind="usage",
        now=now,
        postings=make_postings(
            (PROMOTIONAL_CREDIT, -spent.promotional_micros), (PAID_CREDIT, -spent.paid_micros), (USAGE_REVENUE, charge)
        ),
        usage=record,
        drawn=spent.drawn,
        fingerprint=event.fingerprint,
        rejection_id=None if event.replay is None else event.replay.rejection_id,
    )
    return charged if event.marker is None else _mark(charged, event, event.marker, now)


def _meter(event: UsageEvent, plan: Plan, used: Mapping[str, int]) -> list[Metered]:
    """The event's lines in the plan's units. Raises UnratableLine: for a feature, else a unit, a length, the charge."""
    metered = meter(plan, event.lines_of(plan.calls_without_usage))
    if not metered:
        raise UnratableLine("unknown_feature", f"plan {plan.plan_id} has no feature that counts the time of calls")
    if event.replay is not None and event.replay.confirmed:
        return metered
    if plan.calls.check_length and event.length is not None:
        require_length(plan, metered, event.length)
    require_charge(plan, metered, used)
    return metered


def _mark(charged: Posted, event: UsageEvent, cause: str, now: datetime) -> Posted:
    """Take the cause under which the event came first, too: an entry of nothing, in the charge's own transaction."""
    marked = post(
        charged.wallet,
        charged.wallet,
        cause=cause,
        kind="replay_marker",
        now=now,
        code="replay_marker",
        charged_as=event.cause,
        postings=(),
        fingerprint=None if event.replay is None else event.replay.content,
        rejection_id=None if event.replay is None else event.replay.rejection_id,
    )
    return Posted(marked.wallet, charged.entries + marked.entries)
