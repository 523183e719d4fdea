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
month that went by unpaid is never charged: a try is for the month it is made in, and needs no card if that is free. The
customer may pay it by hand in between (see `renewal_payment`): due, failed or locked, it is paid then.

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
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from billing.domain.dunning import Dunning
from billing.domain.errors import Conflict, InvalidValue, NotFound
from billing.domain.low_allowance import Told, told_after
from billing.domain.plan import Plan, PlanKey
from billing.domain.stored import ByName, ByPosition
from billing.domain.terms import Terms

SubscriptionStatus = Literal["active", "past_due", "canceled"]
PeriodPayment = Literal["paid", "due", "failed"]

LATE_CALL_WINDOW = timedelta(hours=48)
TRUST = timedelta(hours=72)
"""So long after a card was asked for a month, its allowance is given on trust. Then Stripe's answer is waited for."""
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


@dataclass(frozen=True, slots=True)
class Period(ByName):
    """A subscription period under one plan version: [start, end) and what it consumed, in metered millionths.

    `used` is all that was consumed of a feature, `bought` the part of it that was priced and so drew no allowance; a
    feature of which nothing was bought is not in it. `payment` is `due` from the renewal's second until its charge is
    answered, and `failed` until a later try pays it. `asked_at` is when a card was first asked for one that is due.
    `told` is of which features the customer was told that little is left (see `low_allowance`). Since `reset_at` all is
    counted anew.

    Stored by name: a new field goes last, with a default.
    """

    plan_id: str
    plan_version: int
    start: datetime
    end: datetime
    used: Mapping[str, int] = field(default_factory=dict)
    bought: Mapping[str, int] = field(default_factory=dict)
    payment: PeriodPayment = "paid"
    asked_at: datetime | None = None
    told: Mapping[str, Told] = field(default_factory=dict)
    reset_at: datetime | None = None

    @property
    def plan_key(self) -> PlanKey:
        return self.plan_id, self.plan_version

    def is_trusted(self, moment: datetime) -> bool:
        """Whether its allowance may be drawn then: it is paid, or nobody has waited 72 h for the answer.

        Asked on 1 March at 00:01, no answer: a call that ends on 4 March at 00:00 draws it, one at 00:01 does not.
        """
        if self.payment == "due" and self.asked_at is not None:
            return moment < self.asked_at + TRUST
        return self.payment != "failed"

    def used_of(self, feature: str) -> int:
        return self.used.get(feature, 0)

    def bought_of(self, feature: str) -> int:
        return self.bought.get(feature, 0)

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


PaymentWay = Literal["card", "page", "credit"]


@dataclass(frozen=True, slots=True)
class OwnPayment(ByPosition):
    """What the customer did last to pay an open renewal (see `renewal_payment`).

    `open_until`: until then they can pay on a page, and no card is asked. It stays until Stripe says that the page is
    over; None where it is, or where it is no page.

    Stored by position: a new field goes last, with a default.
    """

    transaction_id: str
    way: PaymentWay
    open_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an account is subscribed to, or was until it ended: then it is `canceled`.

    `quantities` are the recurring features' units in all, included ones among them; `anchor_day` is the day of the
    month that renews. `next_terms` hold from the next renewal on; `dunning` is there while a renewal is not paid.
    `own_payment` is of the present month. `dead_card` is the payment method that was asked for the unpaid renewal and
    will never work again, as its bank said. `changed_at` is when the terms were last changed in the present month.
    """

    period: Period
    anchor_day: int
    quantities: Mapping[str, int] = field(default_factory=dict)
    previous_period: Period | None = None
    next_terms: Terms | None = None
    cancel_at_period_end: bool = False
    dunning: Dunning | None = None
    canceled: bool = False
    own_payment: OwnPayment | None = None
    dead_card: str | None = None
    changed_at: datetime | None = None

    @property
    def status(self) -> SubscriptionStatus:
        if self.canceled:
            return "canceled"
        return "active" if self.dunning is None else "past_due"

    @property
    def terms(self) -> Terms:
        """The present ones."""
        return Terms(self.period.plan_id, self.period.plan_version, self.quantities)

    @property
    def coming_terms(self) -> Terms:
        """The terms of the next renewal."""
        return self.next_terms or self.terms

    @property
    def plan_keys(self) -> set[PlanKey]:
        """The plan versions that a decision about this subscription may need."""
        terms = (self.period, self.previous_period, self.next_terms)
        return {each.plan_key for each in terms if each is not None}

    @property
    def due_at(self) -> datetime | None:
        """When a sweep must look at it: its renewal, its end, the next try of a renewal that failed, or a page's end.

        While a page is open no card is asked.
        """
        due, page_ends = self._due_at, self.page_ends_at
        if page_ends is None or self.period.payment == "paid":
            return due
        return page_ends if due is None else max(due, page_ends)

    @property
    def _due_at(self) -> datetime | None:
        if self.canceled:
            return None
        if self.dunning is not None:
            return self.dunning.next_attempt_at
        return self.period.start if self.period.payment == "due" else self.period.end

    @property
    def page_ends_at(self) -> datetime | None:
        """Until when the customer can pay the open renewal on a page; also in the past, until Stripe has closed it."""
        return None if self.own_payment is None else self.own_payment.open_until

    def is_month_over(self, now: datetime) -> bool:
        """Whether the next month begins, or the subscription ends. A month that is not paid is not over."""
        return not self.canceled and self.period.payment == "paid" and self.period.end <= now

    def period_of(self, occurred_at: datetime, arrived_at: datetime) -> Period:
        """The period a call settles in: where it ended; an old one until 48 h after the renewal."""
        previous, current = self.previous_period, self.period
        if previous and previous.covers(occurred_at) and arrived_at <= current.start + LATE_CALL_WINDOW:
            return previous
        return current

    def entitles(self, period: Period, occurred_at: datetime) -> bool:
        """Whether a call that ended then draws the period's allowance: not where it is unpaid, or was the last one."""
        return period.is_trusted(occurred_at) and not (self.canceled and occurred_at >= period.end)

    def with_used(
        self, period: Period, used: Mapping[str, int], bought: Mapping[str, int], plan: Plan
    ) -> "Subscription":
        """`plan` is the period's. What a former period has left is told to nobody."""
        counted = replace(period, used=used, bought=bought)
        if period == self.previous_period:
            return replace(self, previous_period=counted)
        return replace(self, period=replace(counted, told=told_after(period.told, plan, used, bought)))


def month_after(start: datetime, anchor_day: int) -> datetime:
    """The next renewal after `start`: the anchor day of the next month, or its last day where it is shorter.

    The time of the day stays: 31 January, 28 February, 31 March.
    """
    year, month = start.year + start.month // _MONTHS_A_YEAR, start.month % _MONTHS_A_YEAR + 1
    return start.replace(year=year, month=month, day=min(anchor_day, calendar.monthrange(year, month)[1]))


def check_quantities(plan: Plan, quantities: Mapping[str, int]) -> dict[str, int]:
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


def begin_next_month(subscription: Subscription, plans: Mapping[PlanKey, Plan]) -> Subscription:
    """The month after the present one, on the terms that were to come. One that costs money is due (see `renewal`)."""
    ended, terms = subscription.period, subscription.coming_terms
    price = plans[terms.plan_key].monthly_price_micros(terms.quantities)
    period = Period(
        terms.plan_id,
        terms.plan_version,
        start=ended.end,
        end=month_after(ended.end, subscription.anchor_day),
        payment="due" if price else "paid",
    )
    quantities = dict(terms.quantities)
    return replace(
        subscription,
        period=period,
        previous_period=replace(ended, told={}),
        quantities=quantities,
        next_terms=None,
        own_payment=None,
        changed_at=None,
    )


def end(subscription: Subscription) -> Subscription:
    """Nothing is to come any more, and nothing is tried again."""
    return replace(
        subscription, canceled=True, cancel_at_period_end=False, next_terms=None, dunning=None, dead_card=None
    )


def renewal_shard(account_id: str) -> int:
    """Renewals of one day are spread over RENEWAL_SHARDS partitions of the index."""
    return zlib.crc32(account_id.encode()) % RENEWAL_SHARDS
