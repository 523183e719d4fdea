"""Subscriptions on the wire: what is asked for, what it costs now and at the next renewal."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from billing.api.payments import TransactionLineView
from billing.api.plans import MAX_FEATURES
from billing.domain.decimals import format_millionths
from billing.domain.instants import format_instant
from billing.domain.plan_change import Quote
from billing.domain.price_promise import Promise
from billing.domain.subscription import PaymentWay, Subscription, SubscriptionStatus
from billing.domain.terms import Terms
from billing.domain.transaction import Transaction, TransactionStatus
from billing.domain.wallet import Wallet
from billing.web.values import (
    MAX_UNITS,
    Amount,
    Body,
    Currency,
    Example,
    FeatureKey,
    Instant,
    Moment,
    MoneyView,
    PlanId,
    Reason,
    ReturnUrl,
    Units,
    View,
)


class DueNowBody(Body):
    amount: Amount
    currency: Currency


class SubscriptionChangeBody(Body):
    """What the account is to have. The plan of the next renewal alone changes no terms.

    With the `as_of` and `due_now` of its preview, a change costs that, or is refused as `price_changed`.
    """

    example: ClassVar[Example] = {"plan_id": "starter", "quantities": {"phone_number": "2"}}

    plan_id: PlanId
    version: Annotated[int, Field(ge=1, le=MAX_UNITS)] | None = Field(
        default=None,
        description="Leave it out to keep the account's version of its own plan, and to get the current version of "
        "another plan. With the plan alone, a scheduled version stays scheduled.",
    )
    quantities: Annotated[dict[FeatureKey, Units], Field(max_length=MAX_FEATURES)] | None = Field(
        default=None,
        description="The full list of rented units, included ones among them. A feature that you leave out goes "
        "back to its included units at the next renewal. Leave `quantities` out to change only the plan: rented units "
        "stay, and another plan takes over those beyond the old plan's included ones. More than its maximum "
        "is refused by the feature's name. A new subscription has the included units.",
    )
    as_of: Moment | None = Field(
        default=None, description="of a preview, at most 600 seconds old; with it goes `due_now`"
    )
    due_now: Amount | DueNowBody | None = Field(
        default=None, description="of the same preview, as it answered it, or its amount alone"
    )

    @model_validator(mode="after")
    def _is_whole(self) -> "SubscriptionChangeBody":
        if (self.as_of is None) != (self.due_now is None):
            raise PydanticCustomError("invalid_value", "must name as_of and due_now together, or neither")
        return self

    @property
    def promise(self) -> Promise | None:
        if self.as_of is None or self.due_now is None:
            return None
        if isinstance(self.due_now, DueNowBody):
            return Promise(self.as_of, self.due_now.amount, self.due_now.currency)
        return Promise(self.as_of, self.due_now)


class ScheduledChangeView(View):
    """What the next renewal changes."""

    plan_id: str
    version: int
    quantities: dict[str, str]

    @classmethod
    def of(cls, terms: Terms) -> "ScheduledChangeView":
        return cls(plan_id=terms.plan_id, version=terms.plan_version, quantities=_texts(terms.quantities))


class SubscriptionView(View):
    """`quantities` are units in all, the included ones among them.

    While `past_due` a renewal waits to be paid, and is tried again at `next_payment_attempt_at`, if ever.
    """

    status: SubscriptionStatus
    current_period_start: Instant
    current_period_end: Instant
    cancel_at_period_end: bool
    quantities: dict[str, str]
    scheduled: ScheduledChangeView | None
    next_payment_attempt_at: Instant | None

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionView":
        terms, dunning = subscription.next_terms, subscription.dunning
        retry = None if dunning is None else dunning.next_attempt_at
        return cls(
            status=subscription.status,
            current_period_start=format_instant(subscription.period.start),
            current_period_end=format_instant(subscription.period.end),
            cancel_at_period_end=subscription.cancel_at_period_end,
            quantities=_texts(subscription.quantities),
            scheduled=None if terms is None else ScheduledChangeView.of(terms),
            next_payment_attempt_at=None if retry is None else format_instant(retry),
        )


class CanceledSubscriptionView(SubscriptionView):
    """The subscription after its cancellation.

    `auto_refill_stops` says that auto-refill is on, and buys no more credit from now on: what is left is used up.
    """

    auto_refill_stops: bool

    @classmethod
    def of_wallet(cls, wallet: Wallet) -> "CanceledSubscriptionView":
        stops = wallet.refill is not None and wallet.refill.enabled
        view = SubscriptionView.of(wallet.require_subscription())
        return cls(**dict(view), auto_refill_stops=stops)


def _texts(quantities: Mapping[str, int]) -> dict[str, str]:
    return {key: str(units) for key, units in quantities.items()}


class RenewalPaymentBody(Body):
    """How an open renewal is paid. A page leads back to `return_url`."""

    example: ClassVar[Example] = {"with": "page"}

    way: Annotated[PaymentWay, Field(alias="with")]
    return_url: ReturnUrl | None = None


class RenewalPaymentView(View):
    """`Paid`; `Checkout` with the `url` of the page; `Processing` while the answer is not known."""

    transaction_id: str
    status: TransactionStatus
    url: str | None

    @classmethod
    def of(cls, transaction: Transaction) -> "RenewalPaymentView":
        return cls(transaction_id=transaction.transaction_id, status=transaction.status, url=transaction.url)


class UsageResetBody(Body):
    example: ClassVar[Example] = {"reason": "counted twice during the move", "by": "ops@example.com"}

    reason: Reason
    by: Reason


class NextRenewalView(View):
    """The next renewal as things stand: what the default card will be charged, and when."""

    at: Instant
    amount: MoneyView


class PlanVersionView(View):
    plan_id: str
    version: int


class IncludedView(View):
    """What the present month includes of a usage feature, in priced units, now and after the change."""

    feature: str
    now: str
    after: str


class SubscriptionChangeView(View):
    """What a change of the subscription costs now, and the next renewal. The lines add up to `due_now`.

    `as_of` is the second for which it is priced: a change that names it with `due_now` costs that. `plan` is the one
    that is asked for, which may begin with the next renewal.
    """

    as_of: Instant
    plan: PlanVersionView
    due_now: MoneyView
    lines: list[TransactionLineView]
    included: list[IncludedView]
    next_renewal: NextRenewalView | None

    @classmethod
    def of(cls, quote: Quote) -> "SubscriptionChangeView":
        currency = quote.before.currency
        plan_id, version = quote.plan
        return cls(
            as_of=format_instant(quote.as_of),
            plan=PlanVersionView(plan_id=plan_id, version=version),
            due_now=MoneyView.of(quote.charge.card_micros, currency),
            lines=[TransactionLineView.of(line, currency) for line in quote.charge.lines],
            included=[
                IncludedView(
                    feature=each.feature,
                    now=format_millionths(each.now_millionths),
                    after=format_millionths(each.after_millionths),
                )
                for each in quote.included
            ],
            next_renewal=NextRenewalView(
                at=format_instant(quote.renewal_month.start),
                amount=MoneyView.of(quote.renewal_charge.card_micros, currency),
            ),
        )
