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

        **What starts when.** More units start now and cost the rest of the month, to the second. Fewer start at the
        next renewal. Another plan starts now if its month costs as much or more with the units asked for. A cheaper
        one starts at the next renewal. Rented units stay until then, at the new plan's price and within its maximum.
        So nothing is ever refunded. Half of the month is left, a number costs 3.00 and a seat 5.00. Rented are 1
        number and 4 seats. Asked are 2 numbers and 2 seats. Now: 2 and 4, for 1.50. At the renewal: 2 and 2.

        **Which plans.** A key that is bound to the account may name an offered plan in its current version, and the
        account's own. Any other plan is a 404. Nobody moves to an archived plan: 409 `plan_archived`.

        **The charge.** The default card is charged. If it is declined, nothing changes: 402 `card_declined`. If the
        bank wants the customer, it is 402 `authentication_required`: make another card the default and ask again.
        More than Stripe charges at once is refused as `quantities`, before anything is recorded.

        **A price that holds.** Name the `as_of` and `due_now` of a preview that is at most 600 seconds old. The
        change then costs that, or is refused: 409 `price_changed`, with the new preview as `preview`.

        **Once more.** The same request changes nothing that is there already. After a 409 `payment_pending` it goes
        on with the same charge. Another request takes that charge back, within ten minutes if Stripe answers; until
        then it is a 409, too. Of two changes at once one is made. The other one is a 409: ask again in a minute.
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
        """What the same PUT would cost and lead to now, or why it would be refused. Nothing is changed.

        No card is looked at. While a change is being paid it is a 409 `change_pending`, because the price depends on
        it. The price holds for 600 seconds: name the preview's `as_of` and `due_now` in the PUT.
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
        """Cancel at the end of the month, or at once if the month is not paid. Auto-refill starts no more.

        A PUT undoes it until then. If it names the plan alone, it changes nothing else.
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
