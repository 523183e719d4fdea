"""Which plan an account has, with what quantities, and what a change of that costs."""

from collections.abc import Callable
from uuid import uuid4

from billing.contracts.api.credit import LedgerEntryView
from billing.contracts.api.routing import Call, route
from billing.contracts.api.subscriptions import (
    SubscriptionBody,
    SubscriptionChangeView,
    SubscriptionView,
    UsageResetBody,
)
from billing.payments.gateway import Gateway
from billing.services.adjust_balance import id_from_key
from billing.services.cancel_subscription import cancel_subscription
from billing.services.change_subscription import Wanted, change_subscription, preview_subscription
from billing.services.reset_usage import reset_usage
from billing.store.database import Database
from billing.store.plans import Plans


class SubscriptionsRoutes:
    def __init__(self, database: Database, gateway: Callable[[], Gateway]) -> None:
        self._database = database
        self._gateway = gateway
        self._plans = Plans(database)

    @route("PUT", "/v1/accounts/{account_id}/subscription", scope="billing:write", refusals=(402, 409))
    def put_subscription(self, call: Call, account_id: str, body: SubscriptionBody) -> SubscriptionChangeView:
        """Put the account on a plan and quantities, and charge what is due for it now. It undoes a cancellation.

        More takes effect at once, prorated to the second; less at the next renewal. Another plan takes effect at once
        where its month costs as much or more, and at the next renewal where it costs less. The same once more changes
        nothing. After a 503 `payment_pending`, the same request goes on with the same charge.
        """
        quote = change_subscription(
            self._database, self._gateway(), self._plans, account_id, _wanted(body), now=call.now
        )
        return SubscriptionChangeView.of(quote)

    @route("POST", "/v1/accounts/{account_id}/subscription/preview", scope="billing:write", refusals=(409,))
    def preview_subscription(self, call: Call, account_id: str, body: SubscriptionBody) -> SubscriptionChangeView:
        """What the same PUT would cost and lead to now. Nothing is changed."""
        return SubscriptionChangeView.of(
            preview_subscription(self._database, self._plans, account_id, _wanted(body), now=call.now)
        )

    @route("DELETE", "/v1/accounts/{account_id}/subscription", scope="billing:write", refusals=(409,))
    def cancel_subscription(self, call: Call, account_id: str) -> SubscriptionView:
        """Cancel at the end of the period; at once where the period is not paid. A PUT undoes it until then."""
        return SubscriptionView.of(cancel_subscription(self._database, self._plans, account_id, call.now))

    @route(
        "POST",
        "/v1/accounts/{account_id}/subscription/usage-reset",
        scope="admin",
        status=201,
        idempotent=True,
        refusals=(409,),
    )
    def reset_usage(self, call: Call, account_id: str, body: UsageResetBody) -> LedgerEntryView:
        """Count the period's usage from zero again. The entry says who did it, why, and what was counted."""
        key = call.idempotency_key
        entry = reset_usage(
            self._database,
            self._plans,
            account_id,
            reason=body.reason,
            by=body.by,
            reset_id=uuid4().hex if key is None else id_from_key(account_id, key),
            now=call.now,
        )
        return LedgerEntryView.of(entry)


def _wanted(body: SubscriptionBody) -> Wanted:
    return Wanted(body.plan_id, body.quantities, body.version)
