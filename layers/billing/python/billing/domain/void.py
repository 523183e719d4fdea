"""Void a charge: an entry of its own takes it back. Nothing in the ledger is changed, and no other call rated again.

    370 s at 0.12 a minute, charged       paid credit -0.74, usage revenue +0.74
    voided                                paid credit +0.74, usage revenue -0.74

Money goes back where it came from. What came from a grant that has expired since is written off once more, in the same
entry. Allowance and counters go back while the wallet has the period in which the call was counted; later only money.
"""

from dataclasses import replace
from datetime import datetime

from billing.domain.change import Change
from billing.domain.errors import Conflict
from billing.domain.ledger import (
    PAID_CREDIT,
    PROMOTION_EXPENSE,
    PROMOTIONAL_CREDIT,
    USAGE_REVENUE,
    Drawn,
    LedgerEntry,
    RatedLine,
    UsageRecord,
    make_postings,
    void_cause,
)
from billing.domain.subscription import Period, Subscription
from billing.domain.wallet import Grant, Posted, Wallet, expire_grants, post


class AlreadyVoided(Conflict):
    """A charge is voided once."""

    def __init__(self) -> None:
        super().__init__("this charge was voided before", code="already_voided")


def void_charge(
    wallet: Wallet, charge: LedgerEntry, *, reason: str, by: str, now: datetime, fingerprint: str
) -> Change[LedgerEntry]:
    """Take a usage entry of the wallet's account back. It may resume a paused account, and starts no refill."""
    usage = charge.usage
    if usage is None:
        raise TypeError(f"{charge.cause} charged no usage")
    expired = expire_grants(wallet, now)
    before = expired.wallet
    alive = [each for each in charge.drawn if each.expires_at > now]
    moved = {posting.account: posting.micros for posting in charge.postings}
    back = sum(each.micros for each in alive)
    paid = -moved.get(PAID_CREDIT, 0)
    gone = -moved.get(PROMOTIONAL_CREDIT, 0) - back
    subscription = None if before.subscription is None else _uncounted(before.subscription, charge, usage)
    after = replace(
        before,
        paid_micros=before.paid_micros + paid,
        grants=_restored(before.grants, alive),
        subscription=subscription,
    )
    posted = post(
        before,
        after,
        cause=void_cause(charge.cause),
        kind="void",
        now=now,
        description=reason,
        by=by,
        usage=replace(usage, lines=tuple(map(_negative, usage.lines))),
        fingerprint=fingerprint,
        postings=make_postings(
            (PAID_CREDIT, paid),
            (PROMOTIONAL_CREDIT, back),
            (PROMOTION_EXPENSE, gone),
            (USAGE_REVENUE, -moved.get(USAGE_REVENUE, 0)),
        ),
    )
    return Change(Posted(posted.wallet, expired.entries + posted.entries), posted.entries[0])


def _restored(grants: tuple[Grant, ...], drawn: list[Drawn]) -> tuple[Grant, ...]:
    """Grants with what was drawn of them, also those that were spent and are in the wallet no more."""
    kept = {grant.grant_id: grant for grant in grants}
    for each in drawn:
        known = kept.get(each.grant_id) or Grant(each.grant_id, 0, each.expires_at)
        kept[each.grant_id] = replace(known, remaining_micros=known.remaining_micros + each.micros)
    return tuple(kept.values())


def _uncounted(subscription: Subscription, charge: LedgerEntry, usage: UsageRecord) -> Subscription:
    """The subscription without what the charge counted in one of its periods."""
    period = _period_of(subscription, charge, usage)
    if period is None:
        return subscription
    used, bought = dict(period.used), dict(period.bought)
    for line in usage.lines:
        _take(used, line.feature, line.billed_millionths)
        _take(bought, line.feature, line.bought_millionths)
    counted = replace(period, used=used, bought=bought)
    if period == subscription.period:
        return replace(subscription, period=counted)
    return replace(subscription, previous_period=counted)


def _period_of(subscription: Subscription, charge: LedgerEntry, usage: UsageRecord) -> Period | None:
    """Where it was counted, if the wallet still has that: None after a reset, too, which has counted anew."""
    current, previous = subscription.period, subscription.previous_period
    if usage.counted_in == "none":
        return None
    if charge.posted_at >= current.start:
        period = previous if usage.counted_in == "previous" else current
    else:
        was_current = previous is not None and previous.start <= charge.posted_at and usage.counted_in is None
        period = previous if was_current else None
    if period is None or (period.reset_at is not None and charge.posted_at <= period.reset_at):
        return None
    return period


def _take(counters: dict[str, int], feature: str, millionths: int) -> None:
    left = max(0, counters.get(feature, 0) - millionths)
    if left:
        counters[feature] = left
    else:
        counters.pop(feature, None)


def _negative(line: RatedLine) -> RatedLine:
    return replace(
        line,
        quantity_millionths=-line.quantity_millionths,
        billed_millionths=-line.billed_millionths,
        included_millionths=-line.included_millionths,
        overage_millionths=-line.overage_millionths,
        pay_as_you_go_millionths=-line.pay_as_you_go_millionths,
        amount_micros=-line.amount_micros,
        cost_micros=None if line.cost_micros is None else -line.cost_micros,
    )
