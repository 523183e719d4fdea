"""Renew a subscription: record the try, charge the card, and let the one way of payments say what came of it."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Literal

from billing.domain.renewal import next_try, renewal_failed
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import due_at
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet, expire_grants
from billing.payments.gateway import Gateway
from billing.services.change_wallet import Change, change_wallet
from billing.services.charge_card import charge_card
from billing.services.wallet_as_of import as_of
from billing.store.database import Database
from billing.store.plans import Plans
from billing.store.transactions import Transactions, new_transaction_put

Renewed = Literal["void", "moved", "paid", "declined", "unknown"]
"""`void`: there was nothing to do any more; `moved`: a month that costs nothing, or the end of a subscription."""

log = logging.getLogger(__name__)


def renew_subscription(
    database: Database, gateway: Gateway, plans: Plans, order: RenewalOrder, now: datetime
) -> Renewed:
    """Do what an order asks for, once, however often it comes and wherever an earlier attempt died.

    Credit that has expired is written off on the way: accounts without calls have it done here.
    The subscription is looked after as of the order's own time, where that is later than `now`: then money moves at
    `now` all the same. Raises StoreBusy.
    """
    return _renew(database, gateway, plans, order, now)


def renew_now(database: Database, gateway: Gateway, plans: Plans, account_id: str, now: datetime) -> Renewed:
    """Renew what is due by `now` without waiting for a sweep, as when a new default card may pay what is unpaid.

    Raises AccountNotFound, StoreBusy.
    """
    return _renew(database, gateway, plans, RenewalOrder(account_id, None, now), now)


def _renew(database: Database, gateway: Gateway, plans: Plans, order: RenewalOrder, now: datetime) -> Renewed:
    moment = max(now, order.time)
    transactions = Transactions(database)
    moved = False
    tried: Transaction | None = None

    def decide(wallet: Wallet) -> Posted | Change:
        nonlocal moved, tried
        moved, tried = False, None
        when = due_at(wallet)
        if when is None or when > moment or order.due_at not in {None, when}:
            return Posted(wallet)
        expired = expire_grants(wallet, now)
        present, _ = as_of(plans, expired.wallet, moment)
        found = next_try(present, plans.versions(present.plan_keys), moment, asked_at=now)
        if found is None:
            moved = present != expired.wallet
            return replace(expired, wallet=present)
        tried = transactions.get(found.transaction.transaction_id)
        if tried is not None:
            return replace(expired, wallet=found.wallet)
        tried = found.transaction
        asked = found.wallet if tried.status == "Processing" else renewal_failed(found.wallet, tried, moment)
        return Change(replace(expired, wallet=asked), (new_transaction_put(database, tried),))

    change_wallet(database, order.account_id, decide, now=now)
    if tried is None:
        return "moved" if moved else "void"
    if tried.status == "Processing":
        tried = charge_card(database, gateway, tried.transaction_id, return_url="", now=now)
    log.info(
        "renewal tried",
        extra={"account_id": order.account_id, "transaction_id": tried.transaction_id, "status": tried.status},
    )
    return "paid" if tried.status == "Paid" else "declined" if tried.status == "Failed" else "unknown"
