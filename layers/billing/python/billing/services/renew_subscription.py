"""Renew a subscription: record the try, charge the card, and let the one way of payments say what came of it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from billing.domain.change import Change
from billing.domain.renewal import last_try
from billing.domain.renewal_order import RenewalOrder
from billing.domain.renewal_step import Looked, go_on_with, is_due, next_step, take
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet
from billing.payments.errors import PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.services.change_wallet import change_wallet
from billing.services.charge_card import charge_card
from billing.services.renewal_page import close_page
from billing.store.store import Store

Renewed = Literal["void", "moved", "unasked", "paid", "declined", "unknown"]
"""`void`: there was nothing to do any more; `moved`: a month that costs nothing, or the end of a subscription.

`unasked`: a try's day came, and there was no card to ask.
"""

log = logging.getLogger(__name__)


def renew_subscription(store: Store, gateway: Gateway, order: RenewalOrder, now: datetime) -> Renewed:
    """Do what an order asks for, once, however often it comes and wherever an earlier attempt died.

    Credit that has expired is written off on the way: accounts without calls have it done here.
    The subscription is looked after as of the order's own time, where that is later than `now`: then money moves at
    `now` all the same. Raises StoreBusy.
    """
    moment = max(now, order.time)
    looked = change_wallet(store, order.account_id, lambda wallet: _look(store, wallet, order, moment, now)).answer
    if looked.page is not None:
        return _after_page(store, gateway, looked.page, order, now)
    tried = looked.charge
    if tried is None:
        return "unasked" if looked.unasked else "moved" if looked.moved else "void"
    if tried.status == "Processing":
        tried = charge_card(store, gateway, tried, return_url="", now=now)
    log.info(
        "renewal tried",
        extra={"account_id": order.account_id, "transaction_id": tried.transaction_id, "status": tried.status},
    )
    if tried.failure is not None and tried.failure.is_unwanted:
        return "void"
    return "paid" if tried.status == "Paid" else "declined" if tried.status == "Failed" else "unknown"


def _after_page(store: Store, gateway: Gateway, page: Transaction, order: RenewalOrder, now: datetime) -> Renewed:
    """The customer could pay on a page until now: what came of it must be known before a card is asked."""
    try:
        closed = close_page(store, gateway, page, now)
    except (PaymentsUnavailable, StripeRefused) as trouble:
        log.warning("a page is not closed", extra={"transaction_id": page.transaction_id, "reason": str(trouble)})
        return "unknown"
    if closed.status == "Checkout":
        return renew_subscription(store, gateway, replace(order, due_at=None), now)
    return "paid" if closed.status == "Paid" else "unknown"


def renew_now(store: Store, gateway: Gateway, account_id: str, now: datetime) -> Renewed:
    """Renew what is due by `now` without waiting for a sweep, as when a new default card may pay what is unpaid.

    Raises AccountNotFound, StoreBusy.
    """
    return renew_subscription(store, gateway, RenewalOrder(account_id, None, now), now)


def _look(store: Store, wallet: Wallet, order: RenewalOrder, moment: datetime, now: datetime) -> Change[Looked]:
    if not is_due(wallet, order, moment):
        return Change(Posted(wallet), Looked())
    subscription = wallet.subscription
    if subscription is not None and subscription.page_ends_at is not None and subscription.own_payment is not None:
        return Change(Posted(wallet), Looked(page=store.transactions.get(subscription.own_payment.transaction_id)))
    made = last_try(wallet)
    tried = None if made is None else store.transactions.get(made)
    if tried is not None and tried.status == "Processing":
        return go_on_with(wallet, tried)
    step = next_step(wallet, store.plans.versions(wallet.plan_keys), moment, now=now)
    if step.charge is not None and step.charge.transaction_id != made:
        tried = store.transactions.get(step.charge.transaction_id)
    return take(step, tried, moment)


def count_renewals(outcomes: Sequence[Renewed]) -> dict[str, int]:
    """What became of some renewals, by the names of the metrics."""
    return {
        "RenewalsPaid": outcomes.count("paid"),
        "RenewalsDeclined": outcomes.count("declined"),
        "RenewalsUnanswered": outcomes.count("unknown"),
        "RenewalsWithoutCharge": outcomes.count("moved"),
        "RenewalsNotAsked": outcomes.count("unasked"),
        "RenewalsVoid": outcomes.count("void"),
    }
