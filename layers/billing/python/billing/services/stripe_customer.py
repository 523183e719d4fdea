"""The account's customer at Stripe, made when it is first needed."""

from datetime import datetime

from billing.payments.gateway import Gateway
from billing.services.accounts import find_account
from billing.store.accounts import Accounts
from billing.store.database import Database


def stripe_customer(database: Database, gateway: Gateway, account_id: str, now: datetime) -> str:
    """Its id. Raises AccountNotFound, PaymentsUnavailable."""
    accounts = Accounts(database)
    known = accounts.stripe_customer(account_id)
    if known is not None:
        return known
    made = gateway.create_customer(find_account(accounts, account_id), now)
    return accounts.keep_stripe_customer(account_id, made)
