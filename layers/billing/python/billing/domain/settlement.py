"""Settling: rate ended calls, draw the allowance, deduct the rest, write the entries. Pure and in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from billing.domain.payment import Transaction


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that cannot be charged, with its stable code; kept for an operator."""

    event: UsageEvent
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """The wallet after a batch of events, the entries that led there, what could not be rated, a refill it started."""

    wallet: Wallet
    entries: tuple[LedgerEntry, ...]
    rejections: tuple[Rejection, ...]
    refill: "Transaction | None" = None


def settle(wallet: Wallet, events: Sequence[UsageEvent], plans: Mapping[PlanKey, Plan], now: datetime) -> Settlement:
    """Settle distinct events of one account in order. An event is charged whole or rejected whole.

    `plans` holds the plan versions that the wallet names. A usage entry has no description: its lines say it all, and
    the ledger's reader puts them into words.
    """
    posted = expire_grants(wallet, now)
    wallet, entries, rejections = posted.wallet, list(posted.entries), list[Rejection]()
    wallet = advance(wallet, plans, now)
    for event in events:
        period = wallet.period_of(event.occurred_at, event.arrived_at)
        if period is None:
            rejections.append(Rejection(event, "no_plan", f"account {wallet.account_id} has no plan"))
            continue
        try:
            settled = _settle_one(wallet, event, period, plans[period.plan_key], now)
        except UnratableLine as refusal:
            rejections.append(Rejection(event, refusal.code, refusal.detail))
            continue
        wallet = settled.wallet
        entries.extend(settled.entries)
    posted = with_refill(Posted(wallet, tuple(entries)), now)
    return Settlement(posted.wallet.with_alerts(), posted.entries, tuple(rejections), posted.refill)


def _settle_one(wallet: Wallet, event: UsageEvent, period: Period, plan: Plan, now: datetime) -> Posted:
    """Charge one event. What is used while a period is not paid is paid from credit, and counts towards nothing."""
    used = dict(period.used)
    entitled = wallet.entitles(period, event.occurred_at)
    lines: list[RatedLine] = []
    for line in event.lines:
        rated = rate(plan, line, used.get(line.feature, 0), entitled=entitled)
        if entitled:
            used[line.feature] = used.get(line.feature, 0) + rated.billed_millionths
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
    )
    return post(
        wallet,
        spent.wallet.with_used(period, used),
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
