"""Credit by hand: an administrator's adjustment, promotional credit, usage that counts anew. Once for its own id.

A request that comes again finds the entry of the first time by its cause, and writes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from billing.domain.auto_refill import look_soon, within_reach
from billing.domain.change import Added, Change
from billing.domain.errors import Conflict, IdempotencyKeyReused, InvalidValue
from billing.domain.ledger import LedgerEntry
from billing.domain.plan import Plan, PlanKey
from billing.domain.subscription_life import advance, reset_usage
from billing.domain.transaction import record_adjustment
from billing.domain.wallet import MAX_GRANTS, Posted, Wallet, adjust, expire_grants, grant_credit

Post = Callable[[Wallet], Change[LedgerEntry]]


def post_once(wallet: Wallet, written: LedgerEntry | None, fingerprint: str, post: Post) -> Change[LedgerEntry]:
    """What `post` makes of the wallet, or the entry that was `written` under its cause. A repetition is not checked.

    `fingerprint` is the digest of what is asked for. Raises IdempotencyKeyReused.
    """
    return post(wallet) if written is None else Change(Posted(wallet), same_as(written, fingerprint))


def same_as(written: LedgerEntry, fingerprint: str) -> LedgerEntry:
    """The entry, which says what is asked for. Raises IdempotencyKeyReused where it says something else."""
    if written.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return written


def adjust_by_hand(
    wallet: Wallet,
    micros: int,
    *,
    adjustment_id: str,
    reason: str,
    by: str,
    now: datetime,
    fingerprint: str,
    received: bool = False,
) -> Change[LedgerEntry]:
    """Add paid credit, or take it where `micros` is negative. The billing history gets a row of it.

    `received` says that it is money: a wire transfer, and no goodwill.

    It starts no refill: what an administrator took is not to be charged again.
    """
    expired = _expired(wallet, now)
    posted = adjust(
        expired.wallet, micros, adjustment_id=adjustment_id, reason=reason, by=by, now=now, fingerprint=fingerprint
    )
    if micros > 0:
        posted = replace(posted, wallet=within_reach(posted.wallet, now))
    change = _with_expired(expired, posted)
    return replace(change, also=(Added(record_adjustment(change.answer, adjustment_id, received=received)),))


def give_credit(
    wallet: Wallet, micros: int, *, grant_id: str, expires_at: datetime, reason: str, now: datetime, fingerprint: str
) -> Change[LedgerEntry]:
    """Promotional credit that expires. No money moves: the history has no row of it.

    Raises InvalidValue for an end that is not in the future, Conflict (`too_many_grants`).
    """
    expired = _expired(wallet, now)
    if expires_at <= now:
        raise InvalidValue("must be in the future", field="expires_at")
    if len(expired.wallet.grants) >= MAX_GRANTS:
        raise Conflict(f"an account has at most {MAX_GRANTS} credit grants at a time", code="too_many_grants")
    posted = grant_credit(
        expired.wallet,
        micros,
        grant_id=grant_id,
        expires_at=expires_at,
        reason=reason,
        now=now,
        fingerprint=fingerprint,
    )
    return _with_expired(expired, posted)


def count_anew(
    wallet: Wallet,
    plans: Mapping[PlanKey, Plan],
    *,
    reset_id: str,
    reason: str,
    by: str,
    now: datetime,
    fingerprint: str,
) -> Change[LedgerEntry]:
    """Make the present period's allowances whole. The entry is the trail: who, why, what was counted before.

    `plans` holds the versions that the wallet names. Raises NoSubscription.
    """
    expired = _expired(wallet, now)
    present = advance(expired.wallet, plans, now)
    return _with_expired(
        expired, reset_usage(present, reset_id=reset_id, reason=reason, by=by, now=now, fingerprint=fingerprint)
    )


def _expired(wallet: Wallet, now: datetime) -> Posted:
    """The wallet without credit that has expired: that may start a refill, which the clock then sees to."""
    expired = expire_grants(wallet, now)
    return replace(expired, wallet=look_soon(expired.wallet, now)) if expired.entries else expired


def _with_expired(expired: Posted, posted: Posted) -> Change[LedgerEntry]:
    return Change(Posted(posted.wallet, (*expired.entries, *posted.entries)), posted.entries[-1])
