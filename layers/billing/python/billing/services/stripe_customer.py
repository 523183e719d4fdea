"""The account's customer at Stripe: made when it is first needed, kept up to date, and made anew if it was deleted."""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from billing.domain.account import Account
from billing.payments.errors import CustomerDeleted, PaymentsMisconfigured, PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.payments.settings import StripeNotConfigured
from billing.services.accounts import AccountNotFound
from billing.services.lose_cards import lose_cards
from billing.store.accounts import StripeCustomer
from billing.store.store import Store

T = TypeVar("T")

log = logging.getLogger(__name__)


def stripe_customer(store: Store, gateway: Gateway, account_id: str, now: datetime) -> str:
    """Its id. If Stripe does not have the account's present name and address, it is told them first.

    Raises AccountNotFound, PaymentsUnavailable, CustomerDeleted (see `with_customer`).
    """
    found = store.accounts.with_customer(account_id)
    if found is None:
        raise AccountNotFound(account_id)
    account, customer = found
    if customer is None:
        made = gateway.create_customer(account, now)
        return store.accounts.keep_customer(account_id, made, customer_digest(account))
    _tell(store, gateway, account, customer)
    return customer.customer_id


def with_customer(store: Store, gateway: Gateway, account_id: str, now: datetime, use: Callable[[str], T]) -> T:
    """Use the account's customer. If it was deleted at Stripe, its cards are gone: another one is made, and used.

    Raises AccountNotFound, PaymentsUnavailable, StoreBusy, and what `use` raises.
    """
    try:
        return use(stripe_customer(store, gateway, account_id, now))
    except CustomerDeleted:
        replace_customer(store, gateway, account_id, now)
        return use(stripe_customer(store, gateway, account_id, now))


def replace_customer(store: Store, gateway: Gateway, account_id: str, now: datetime) -> None:
    """Lose the cards of a customer that was deleted at Stripe, and put one other customer in its place.

    The cards first: who dies in between finds the deleted one again. Of several workers the first one's is kept.
    """
    lose_cards(store, gateway, account_id, now)
    account, deleted = store.accounts.with_customer(account_id) or (None, None)
    if account is None or deleted is None or not gateway.is_deleted(deleted.customer_id):
        return
    made = gateway.create_customer(account, now, instead_of=deleted.customer_id)
    store.accounts.replace_customer(account_id, deleted.customer_id, made, customer_digest(account))
    log.warning("the customer was deleted at Stripe, and made anew", extra={"account_id": account_id})


def follow_account(store: Store, gateway: Callable[[], Gateway], account_id: str) -> None:
    """Tell Stripe of a changed name or address, if the account has a customer there.

    If Stripe does not answer, the next use of the customer tells it.
    """
    account, customer = store.accounts.with_customer(account_id) or (None, None)
    if account is None or customer is None:
        return
    try:
        _tell(store, gateway(), account, customer)
    except (PaymentsUnavailable, StripeNotConfigured, CustomerDeleted) as trouble:
        level = logging.ERROR if isinstance(trouble, PaymentsMisconfigured | StripeNotConfigured) else logging.WARNING
        log.log(level, "Stripe was not told of a change", extra={"account_id": account_id, "reason": str(trouble)})


def _tell(store: Store, gateway: Gateway, account: Account, customer: StripeCustomer) -> None:
    """Nothing where Stripe knows it. A refusal is no reason not to charge: it is logged, and tried again next time."""
    digest = customer_digest(account)
    if customer.digest == digest:
        return
    try:
        gateway.update_customer(customer.customer_id, account)
    except CustomerDeleted:
        raise
    except StripeRefused as refusal:
        facts = {"account_id": account.account_id, "reason": refusal.detail}
        log.warning("Stripe refused a customer's name or address", extra=facts)
        return
    store.accounts.mark_customer(account.account_id, customer, digest)


def customer_digest(account: Account) -> str:
    """Of what Stripe is told of an account."""
    return hashlib.sha256(json.dumps([account.name, account.email]).encode()).hexdigest()[:32]
