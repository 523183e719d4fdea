"""The wallet: what decides money and permission for one account, as one small immutable value."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from billing.domain.ledger import (
    PAID_CREDIT,
    PROMOTION_EXPENSE,
    PROMOTIONAL_CREDIT,
    RECEIVABLE,
    Counted,
    Drawn,
    EntryCode,
    EntryKind,
    LedgerEntry,
    Posting,
    UsageRecord,
    adjustment_cause,
    grant_cause,
    make_postings,
)
from billing.domain.low_balance import alerted_after
from billing.domain.plan import PlanKey
from billing.domain.stored import ByName, ByPosition
from billing.domain.subscription import NoSubscription, Subscription
from billing.domain.terms import PendingChange

if TYPE_CHECKING:
    from billing.domain.transaction import Transaction

LockedBy = Literal["administrator", "unpaid_renewal"]

MAX_GRANTS = 8
MAX_HOLDS = 20

AccountStatus = Literal["active", "paused", "locked", "canceled"]


@dataclass(frozen=True, slots=True)
class Grant(ByName):
    """Promotional credit with an expiry date, spent before paid credit.

    Stored by name: a new field goes last, with a default.
    """

    grant_id: str
    remaining_micros: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DefaultCard(ByPosition):
    """The card that refills and renewals use: one by construction, since the wallet names it.

    Stored by position: a new field goes last, with a default.
    """

    payment_method_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DisputeHold(ByPosition):
    """A dispute for which nothing is charged by itself to the card with this fingerprint (see `dispute_hold`).

    Stored by position: a new field goes last, with a default.
    """

    dispute_id: str
    card_fingerprint: str


@dataclass(frozen=True, slots=True)
class Refill(ByName):
    """Auto-refill: what the customer wants, what is under way, and the breaker (see `auto_refill`, `refill_breaker`).

    `pending` is the transaction of the refill under way, `started` counts them. `charged_micros` is what refills
    charged or are charging in `month` ("2026-11"), `started_today` how many started on `day` ("2026-11-23"), in UTC.
    After `failures` of the card with the fingerprint `breaker_card`, it is not asked again before `retry_at`, and never
    after the third. `next_attempt_at` is when the clock must look. `stopped` says that a payment by the card with the
    fingerprint `stopped_card` was refunded or disputed; `refunded_card` beside a dispute that one by this card was
    refunded, too ("" where it is not known). `suspended` is the one reason why none starts that the customer is told:
    the parts may have more.

    Stored by name: a new field goes last, with a default.
    """

    enabled: bool = False
    threshold_micros: int = 0
    amount_micros: int = 0
    monthly_limit_micros: int | None = None
    pending: str | None = None
    started: int = 0
    month: str | None = None
    charged_micros: int = 0
    failures: int = 0
    breaker_card: str | None = None
    next_attempt_at: datetime | None = None
    suspended: str | None = None
    last_attempt_at: datetime | None = None
    last_failure: str | None = None
    day: str | None = None
    started_today: int = 0
    retry_at: datetime | None = None
    stopped: str | None = None
    stopped_card: str | None = None
    refunded_card: str | None = None


@dataclass(frozen=True, slots=True)
class Wallet(ByName):
    """One account's credit, subscription and standing.

    `version` counts writes, `sequence` numbers ledger entries, `posted_at` is the last entry's moment.
    `pending_change` is a change that a card is being charged for: also of a first subscription, before there is one.
    `alert_thresholds` are the customer's, `alerted_micros` is the lowest of which he was told (see `low_balance`).
    `newer` is what a newer release stored with the subscription.
    """

    account_id: str
    currency: str
    paid_micros: int = 0
    grants: tuple[Grant, ...] = ()
    paused: bool = False
    lock_reason: str | None = None
    subscription: Subscription | None = None
    pending_change: PendingChange | None = None
    default_card: DefaultCard | None = None
    refill: Refill | None = None
    sequence: int = 0
    posted_at: datetime | None = None
    alert_thresholds: tuple[int, ...] = ()
    alerted_micros: int | None = None
    version: int = 0
    holds: tuple[DisputeHold, ...] = ()

    @property
    def promotional_micros(self) -> int:
        return sum(grant.remaining_micros for grant in self.grants)

    @property
    def balance_micros(self) -> int:
        return self.paid_micros + self.promotional_micros

    @property
    def status(self) -> AccountStatus:
        if self.subscription is not None and self.subscription.canceled:
            return "canceled"
        if self.is_locked:
            return "locked"
        return "paused" if self.paused else "active"

    @property
    def is_locked(self) -> bool:
        """By an administrator, whom `lock_reason` quotes, or for an unpaid renewal. One does not lift the other."""
        dunning = None if self.subscription is None else self.subscription.dunning
        return self.lock_reason is not None or (dunning is not None and dunning.locked)

    @property
    def locked_by(self) -> LockedBy | None:
        """None where the account is not locked."""
        if self.lock_reason is not None:
            return "administrator"
        return "unpaid_renewal" if self.is_locked else None

    @property
    def is_past_due(self) -> bool:
        """Whether a renewal waits to be paid."""
        return self.subscription is not None and self.subscription.dunning is not None

    @property
    def is_default_held(self) -> bool:
        """Whether a dispute keeps the default card from being charged by itself."""
        card = self.default_card
        return card is not None and any(hold.card_fingerprint == card.fingerprint for hold in self.holds)

    @property
    def plan_keys(self) -> set[PlanKey]:
        """The plan versions that a decision about this wallet may need."""
        return set() if self.subscription is None else self.subscription.plan_keys

    @property
    def running(self) -> Subscription | None:
        """The subscription, unless it has ended."""
        return None if self.subscription is None or self.subscription.canceled else self.subscription

    def require_subscription(self) -> Subscription:
        """The subscription, also one that has ended. Raises NoSubscription where there never was one."""
        if self.subscription is None:
            raise NoSubscription
        return self.subscription

    @property
    def waits_until(self) -> datetime | None:
        """When somebody must look at it though nothing happens: credit expires, or auto-refill's next try has come.

        When the subscription must be looked at, `Subscription.due_at` says.
        """
        moments = [grant.expires_at for grant in self.grants]
        refill = self.refill
        # An account of which no refill may start must not wait before all others.
        if refill is not None and refill.next_attempt_at is not None and self.may_refill:
            moments.append(refill.next_attempt_at)
        return min(moments, default=None)

    @property
    def may_refill(self) -> bool:
        """Whether auto-refill is on, calls may be paid from credit, and the subscription is not about to end."""
        is_on = self.refill is not None and self.refill.enabled
        return is_on and not self.is_ending and self.status in {"active", "paused"}

    @property
    def is_ending(self) -> bool:
        """Whether the subscription was canceled and goes on until its period is over."""
        return self.subscription is not None and self.subscription.cancel_at_period_end

    def without_expired_grants(self, now: datetime) -> "Wallet":
        """The wallet as of `now` for a reader; writers use `expire_grants`, which records what was lost."""
        return replace(self, grants=tuple(grant for grant in self.grants if grant.expires_at > now)).with_standing()

    def with_standing(self) -> "Wallet":
        """Paused as soon as the balance is negative; resumed only above zero; zero changes nothing."""
        balance = self.balance_micros
        if balance < 0:
            return replace(self, paused=True)
        return replace(self, paused=False) if balance > 0 and self.paused else self

    def with_alerts(self) -> "Wallet":
        """Told of each threshold crossed. The last step of a change: it must see the refill that the change starts."""
        if not self.alert_thresholds and self.alerted_micros is None:
            return self
        pending = self.refill is not None and self.refill.pending is not None
        alerted = alerted_after(self.alert_thresholds, self.alerted_micros, self.balance_micros, refill_pending=pending)
        return self if alerted == self.alerted_micros else replace(self, alerted_micros=alerted)


@dataclass(frozen=True, slots=True)
class Spend:
    """How a charge was taken from the wallet."""

    wallet: Wallet
    drawn: tuple[Drawn, ...]
    paid_micros: int

    @property
    def promotional_micros(self) -> int:
        return sum(each.micros for each in self.drawn)


def spend(wallet: Wallet, micros: int) -> Spend:
    """Take a charge: promotional credit first, the soonest to expire first, the rest from paid credit."""
    left = micros
    grants: list[Grant] = []
    drawn: list[Drawn] = []
    for grant in sorted(wallet.grants, key=lambda grant: (grant.expires_at, grant.grant_id)):
        taken = min(left, grant.remaining_micros)
        left -= taken
        if taken:
            drawn.append(Drawn(grant.grant_id, taken, grant.expires_at))
        if grant.remaining_micros > taken:
            grants.append(replace(grant, remaining_micros=grant.remaining_micros - taken))
    after = replace(wallet, paid_micros=wallet.paid_micros - left, grants=tuple(grants))
    return Spend(after.with_standing(), drawn=tuple(drawn), paid_micros=left)


@dataclass(frozen=True, slots=True)
class Posted:
    """A wallet, the entries that brought it there, in order, and the refill that this started."""

    wallet: Wallet
    entries: tuple[LedgerEntry, ...] = ()
    refill: "Transaction | None" = None


def post(
    before: Wallet,
    after: Wallet,
    *,
    cause: str,
    kind: EntryKind,
    now: datetime,
    postings: tuple[Posting, ...],
    code: EntryCode | None = None,
    description: str = "",
    usage: UsageRecord | None = None,
    by: str | None = None,
    fingerprint: str | None = None,
    rejection_id: str | None = None,
    charged_as: str | None = None,
    counted: tuple[Counted, ...] = (),
    drawn: tuple[Drawn, ...] = (),
) -> Posted:
    """Number the entry that leads from `before` to `after`. Its moment is never before the last entry's.

    Machines' clocks differ by milliseconds; an account's history reads in order all the same.
    """
    posted_at = max(now, before.posted_at) if before.posted_at else now
    wallet = replace(after, sequence=before.sequence + 1, posted_at=posted_at).with_standing()
    entry = LedgerEntry(
        cause=cause,
        account_id=wallet.account_id,
        sequence=wallet.sequence,
        kind=kind,
        amount_micros=wallet.balance_micros - before.balance_micros,
        balance_after_micros=wallet.balance_micros,
        currency=wallet.currency,
        posted_at=posted_at,
        description=description,
        postings=postings,
        usage=usage,
        by=by,
        fingerprint=fingerprint,
        rejection_id=rejection_id,
        code=code,
        charged_as=charged_as,
        counted=counted,
        drawn=drawn,
    )
    return Posted(wallet, (entry,))


def expire_grants(wallet: Wallet, now: datetime) -> Posted:
    """Write off each promotional credit that has expired, by an entry of its own."""
    entries: list[LedgerEntry] = []
    for grant in wallet.grants:
        if grant.expires_at > now:
            continue
        after = replace(wallet, grants=tuple(other for other in wallet.grants if other is not grant))
        lost = grant.remaining_micros
        posted = post(
            wallet,
            after,
            cause=f"grant_expiry:{wallet.account_id}:{grant.grant_id}",
            kind="grant_expiry",
            now=now,
            code="grant_expired",
            postings=make_postings((PROMOTIONAL_CREDIT, -lost), (PROMOTION_EXPENSE, lost)),
        )
        wallet = posted.wallet
        entries.extend(posted.entries)
    return Posted(wallet, tuple(entries))


def adjust(
    wallet: Wallet, micros: int, *, adjustment_id: str, reason: str, by: str, now: datetime, fingerprint: str
) -> Posted:
    """Add or remove paid credit by hand; the counterpart is what the customer owes or is owed outside a card."""
    return post(
        wallet,
        replace(wallet, paid_micros=wallet.paid_micros + micros),
        cause=adjustment_cause(wallet.account_id, adjustment_id),
        kind="adjustment",
        now=now,
        description=reason,
        postings=make_postings((PAID_CREDIT, micros), (RECEIVABLE, -micros)),
        by=by,
        fingerprint=fingerprint,
    )


def grant_credit(
    wallet: Wallet, micros: int, *, grant_id: str, expires_at: datetime, reason: str, now: datetime, fingerprint: str
) -> Posted:
    """Give promotional credit that expires."""
    return post(
        wallet,
        replace(wallet, grants=(*wallet.grants, Grant(grant_id, micros, expires_at))),
        cause=grant_cause(wallet.account_id, grant_id),
        kind="credit_grant",
        now=now,
        description=reason,
        postings=make_postings((PROMOTIONAL_CREDIT, micros), (PROMOTION_EXPENSE, -micros)),
        fingerprint=fingerprint,
    )
