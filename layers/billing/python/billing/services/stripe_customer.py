"""The account's customer at Stripe, made when it is first needed."""

from datetime import datetime

from billing.payments.gateway import Gateway
from billing.services.accounts import find_account
from billing.store.store import Store


def stripe_customer(store: Store, gateway: Gateway, account_id: str, now: datetime) -> str:
    """Its id. Raises AccountNotFound, PaymentsUnavailable."""
    known = store.accounts.stripe_customer(account_id)
    if known is not None:
        return known
    made = gateway.create_customer(find_account(store, account_id), now)
    return store.accounts.keep_stripe_customer(account_id, made)
