"""Which plan an account has, with what quantities, and what a change of that costs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

from billing.api.credit import LedgerEntryView
from billing.api.payment_refusals import refuse_unpaid
from billing.api.subscriptions import (
    CanceledSubscriptionView,
    RenewalPaymentBody,
    RenewalPaymentView,
    SubscriptionChangeBody,
    SubscriptionChangeView,
    UsageResetBody,
)
from billing.domain.price_promise import PriceChanged
from billing.domain.renewal_payment import Wish
from billing.payments.gateway import Gateway
from billing.services.adjust_balance import digest, id_from_key
from billing.services.cancel_subscription import cancel_subscription
from billing.services.change_subscription import Wanted, change_subscription, preview_subscription
from billing.services.pay_renewal import pay_renewal
from billing.services.reset_usage import reset_usage
from billing.store.store import Store
from billing.web.http import RequestRefused
from billing.web.routing import KEY_OPTIONAL, PAYMENT_REFUSALS, Call, route

_PLAN = {404: ("plan_not_found",)}
_CONFLICTS = (
    "currency_mismatch",
    "plan_archived",
    "change_pending",
    "renewal_pending",
    "subscription_past_due",
    "price_changed",
)


class SubscriptionsRoutes:
    """`return_url` is where Stripe's pages send customers back to, where a request does not say."""

    def __init__(self, store: Store, gateway: Callable[[], Gateway], return_url: str) -> None:
        self._store = store
        self._gateway = gateway
        self._return_url = return_url

    @route(
        "PUT",
        "/v1/accounts/{account_id}/subscription",
        scope="billing:write",
        refusals={
            **_PLAN,
            402: ("card_required", "card_declined", "authentication_required"),
            409: (*_CONFLICTS, "payment_pending"),
            502: ("payments_refused",),
        },
    )
    def put_subscription(self, call: Call, account_id: str, body: SubscriptionChangeBody) -> SubscriptionChangeView:
        """Put the account on a plan and quantities, and charge what is due for it now. It undoes a cancellation.

        More takes effect at once, prorated to the second; less at the next renewal. Another plan takes effect at once
        where its month, with the quantities asked for, costs as much or more, and at the next renewal where it costs
        less. No rented unit is given back at once: where fewer are asked for, the present ones are kept, and paid for
        under the new plan and within its maximum, until the next renewal. The same once more changes nothing.

        A key that is bound to the account may name a plan that is offered, in its current version, and the account's
        own; any other is a 404, as one that is not there. Nobody moves to a plan that is archived: 409 `plan_archived`.

        The default card is charged. Where it declines, nothing is changed: 402 `card_declined`, or
        `authentication_required` where the bank wants the customer to confirm. No page is offered for that, since the
        change is not kept open: make another card the default, and ask again. What would cost more than Stripe charges
        at once, now or at the next renewal, is refused as `quantities`, before anything is recorded.

        With the `as_of` and `due_now` of a preview that is at most 600 seconds old, it costs what the preview said, or
        is refused: 409 `price_changed`, with the new preview as `preview`. What is there already changes nothing and
        costs nothing, whatever was previewed.

        After a 409 `payment_pending`, the same request goes on with the same charge. Another one takes it back: no card
        is asked for it any more, and what was charged already takes effect first. Until that is known, ten minutes at
        most while Stripe answers, it is a 409, too. Of two changes at once one is made; the other is a 409
        `change_pending` or `payment_pending` while that one is being paid: ask again in a minute.
        """
        with _new_preview():
            quote = change_subscription(self._store, self._gateway(), account_id, _wanted(call, body), now=call.now)
        return SubscriptionChangeView.of(quote)

    @route(
        "POST",
        "/v1/accounts/{account_id}/subscription/preview",
        scope="billing:write",
        refusals={**_PLAN, 409: _CONFLICTS},
    )
    def preview_subscription(self, call: Call, account_id: str, body: SubscriptionChangeBody) -> SubscriptionChangeView:
        """What the same PUT would cost and lead to now, and what it would refuse. Nothing is changed.

        No card is looked at. While a change is being paid, 409 `change_pending`: what it costs decides what this does.
        The price holds for 600 seconds for a PUT that names `as_of` and `due_now`.
        """
        with _new_preview():
            quote = preview_subscription(self._store, account_id, _wanted(call, body), now=call.now)
        return SubscriptionChangeView.of(quote)

    @route(
        "DELETE",
        "/v1/accounts/{account_id}/subscription",
        scope="billing:write",
        refusals={404: ("no_subscription",), 409: ("change_pending",)},
    )
    def cancel_subscription(self, call: Call, account_id: str) -> CanceledSubscriptionView:
        """Cancel at the end of the period; at once where the period is not paid. Auto-refill starts no more.

        A PUT undoes it until then, and nothing else where it names the plan of the next renewal alone.
        """
        wallet = cancel_subscription(self._store, account_id, call.now)
        return CanceledSubscriptionView.of_wallet(wallet)

    @route(
        "POST",
        "/v1/accounts/{account_id}/subscription/payment",
        scope="billing:write",
        status=201,
        keyed=KEY_OPTIONAL,
        refusals={
            402: ("card_required", "card_declined", "authentication_required"),
            409: ("nothing_to_pay", "payment_pending", "not_enough_credit", "idempotency_key_reused"),
            **PAYMENT_REFUSALS,
        },
    )
    def pay_renewal(self, call: Call, account_id: str, body: RenewalPaymentBody) -> RenewalPaymentView:
        """Pay the renewal that is open, now: by the default `card`, on a `page`, or from `credit`. Paying unlocks.

        `card` asks the default card, also one that a dispute holds; not one that is lost, stolen or expired. `page` is
        Stripe's page for any card, open for 30 minutes; no card is asked meanwhile, and asking again answers the same
        page. `card` and `credit` close it first: if it was paid meanwhile, that pays. `credit` takes the whole price
        from the paid credit, or is a 409 `not_enough_credit`; it has no card and no receipt.

        While a payment is not answered yet, it is a 409 `payment_pending`. Without an unpaid renewal it is a 409
        `nothing_to_pay`. The same request with the same Idempotency-Key answers what came of it.
        """
        key = call.idempotency_key
        transaction = pay_renewal(
            self._store,
            self._gateway(),
            account_id,
            Wish(body.way, None if key is None else digest("subscription/payment", account_id, key)),
            return_url=body.return_url or self._return_url,
            now=call.now,
        )
        refuse_unpaid(transaction, by_saved_card=False)
        return RenewalPaymentView.of(transaction)

    @route(
        "POST",
        "/v1/accounts/{account_id}/subscription/usage-reset",
        scope="admin",
        status=201,
        keyed=KEY_OPTIONAL,
        refusals={404: ("no_subscription",)},
    )
    def reset_usage(self, call: Call, account_id: str, body: UsageResetBody) -> LedgerEntryView:
        """Count the period's usage from zero again. The entry says who did it, why, and what was counted."""
        key = call.idempotency_key
        entry = reset_usage(
            self._store,
            account_id,
            reason=body.reason,
            by=body.by,
            reset_id=uuid4().hex if key is None else id_from_key(account_id, key),
            now=call.now,
        )
        return LedgerEntryView.of(entry)


def _wanted(call: Call, body: SubscriptionChangeBody) -> Wanted:
    return Wanted(body.plan_id, body.quantities, body.version, body.promise, by_customer=call.caller.is_customer)


@contextmanager
def _new_preview() -> Iterator[None]:
    """A promise that cannot be kept is refused with what the change would cost and lead to now."""
    try:
        yield
    except PriceChanged as refusal:
        preview = SubscriptionChangeView.of(refusal.quote).model_dump(mode="json")
        raise RequestRefused("price_changed", refusal.detail, preview=preview) from refusal
