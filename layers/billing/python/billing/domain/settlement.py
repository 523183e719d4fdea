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
from billing.domain.subscription import advance
from billing.domain.usage import UsageEvent
from billing.domain.wallet import Period, Posted, Wallet, expire_grants, post, spend


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
    posted = expire_grants(wallet, now)
    wallet, entries, rejections = posted.wallet, list(posted.entries), list[Rejection]()
    wallet = advance(wallet, plans, now)
    counters = {_span(period): _Counters(dict(period.used), dict(period.bought)) for period in _periods(wallet)}
    for event in events:
        period = wallet.period_of(event.occurred_at, event.arrived_at)
        if period is None:
            rejections.append(Rejection(event, "no_plan", f"account {wallet.account_id} has no plan"))
            continue
        try:
            counted, plan = counters[_span(period)], plans[period.plan_key]
            settled = _settle_one(wallet, event, period, plan, counted=counted, now=now)
        except UnratableLine as refusal:
            rejections.append(Rejection(event, refusal.code, refusal.detail))
            continue
        wallet = settled.wallet
        entries.extend(settled.entries)
    for period in _periods(wallet):
        counted = counters[_span(period)]
        if counted.used != period.used:
            wallet = wallet.with_used(period, counted.used, counted.bought)
    posted = with_refill(Posted(wallet, tuple(entries)), now)
    return Settlement(replace(posted, wallet=posted.wallet.with_alerts()), tuple(rejections))


@dataclass(frozen=True, slots=True)
class _Counters:
    """A period's counters while a batch is settled (see `Period`)."""

    used: dict[str, int]
    bought: dict[str, int]


def _periods(wallet: Wallet) -> list[Period]:
    return [period for period in (wallet.previous_period, wallet.period) if period is not None]


def _span(period: Period) -> tuple[datetime, datetime]:
    """What tells a wallet's periods apart: one that ended in its first second has the other's start."""
    return period.start, period.end


def _settle_one(
    wallet: Wallet, event: UsageEvent, period: Period, plan: Plan, *, counted: _Counters, now: datetime
) -> Posted:
    """Charge one event and add it to `counted`, the period's counters: the wallet takes them over once for all events.

    What is used while a period is not paid is paid from credit, and counts towards nothing.
    """
    entitled = wallet.entitles(period, event.occurred_at)
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
