"""An account with a subscription, in a real store, that pays through the Stripe simulator, whose clock moves along."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billing.domain.plan import Plan, RecurringFeature
from billing.domain.plan_change import Quote
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import Period, Subscription
from billing.domain.transaction import Transaction
from billing.domain.wallet import Wallet
from billing.services.cancel_subscription import cancel_subscription
from billing.services.change_subscription import Wanted, change_subscription, preview_subscription
from billing.services.renew_subscription import Renewed, renew_subscription
from billing.services.schedule_renewals import schedule_renewals
from billing.store.plans import Plans
from tests.builders import NOW, PHONE_NUMBERS, calls_feature, micros, plan
from tests.paying_account import Paying

NUMBERS = RecurringFeature("phone_number", PHONE_NUMBERS, included=1, unit_price_micros=micros("3"))
STARTER = plan(
    calls_feature(included_minutes=5, price_per_minute="0.60"), plan_id="starter", base_price="30", recurring=(NUMBERS,)
)
PRO = plan(
    calls_feature(included_minutes=50, price_per_minute="0.30"), plan_id="pro", base_price="90", recurring=(NUMBERS,)
)
FREE = plan(calls_feature(included_minutes=1, price_per_minute="0.90"), plan_id="free", recurring=(NUMBERS,))

RENEWAL = datetime(2026, 12, 23, 12, 0, tzinfo=UTC)
"""A month after NOW."""


@dataclass
class OrderBook:
    """A queue of renewals that keeps what it is sent."""

    orders: list[RenewalOrder] = field(default_factory=list)

    def send(self, orders: Sequence[RenewalOrder]) -> int:
        self.orders.extend(orders)
        return len(orders)


@dataclass(frozen=True)
class Subscriber:
    """The use cases of a subscription, with its moments and plans in short."""

    paying: Paying

    def __post_init__(self) -> None:
        for each in (FREE, STARTER, PRO):
            self.paying.store.current_version(each)

    @property
    def plans(self) -> Plans:
        return Plans(self.paying.database)

    @property
    def wallet(self) -> Wallet:
        return self.paying.wallet

    @property
    def subscription(self) -> Subscription:
        return self.wallet.require_subscription()

    @property
    def period(self) -> Period:
        return self.subscription.period

    @property
    def renewals(self) -> list[Transaction]:
        """The tries of renewals, oldest first."""
        rows = self.paying.store.history(self.paying.account_id)
        return [each for each in rows[::-1] if each.kind == "renewal"]

    @property
    def charges(self) -> list[int]:
        """What Stripe charged in minor units, oldest first: of that, nothing can be hidden."""
        intents = self.paying.read("payment_intents")[::-1]
        return [
            intent["amount_received"]
            for intent in intents
            if intent["status"] == "succeeded" and "talktime_transaction" in intent["metadata"]
        ]

    def at(self, now: datetime) -> None:
        """It is that moment at Stripe, too: it forgets keys by its own clock."""
        self.paying.stripe.control("clock", {"now": int(now.timestamp())})

    def put(self, on: Plan, now: datetime = NOW, **quantities: int) -> Quote:
        return self.ask(Wanted(on.plan_id, quantities), now)

    def preview(self, on: Plan, now: datetime = NOW, **quantities: int) -> Quote:
        return self.ask_price(Wanted(on.plan_id, quantities), now)

    def ask(self, wanted: Wanted, now: datetime = NOW) -> Quote:
        self.at(now)
        return change_subscription(self.paying.store, self.paying.gateway, self.paying.account_id, wanted, now=now)

    def ask_price(self, wanted: Wanted, now: datetime = NOW) -> Quote:
        return preview_subscription(self.paying.store, self.paying.account_id, wanted, now=now)

    def cancel(self, now: datetime) -> Wallet:
        return cancel_subscription(self.paying.store, self.paying.account_id, now)

    def orders(self, now: datetime) -> list[RenewalOrder]:
        book = OrderBook()
        schedule_renewals(self.paying.store, book, now)
        return book.orders

    def renew(self, order: RenewalOrder) -> Renewed:
        self.at(order.time)
        return renew_subscription(self.paying.store, self.paying.gateway, order, order.time)

    def sweep(self, now: datetime) -> list[Renewed]:
        """What a run of the schedule and the worker behind it do."""
        return [self.renew(order) for order in self.orders(now)]

    def subscribed(self, on: Plan = STARTER, **quantities: int) -> "Subscriber":
        """With a good card, and on a plan since NOW."""
        self.paying.add_card()
        self.put(on, NOW, **quantities)
        return self
