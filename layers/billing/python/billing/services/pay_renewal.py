"""Pay an open renewal by hand: by the default card, on a page, or from credit (see `renewal_payment`)."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from billing.domain.change import Change
from billing.domain.errors import CardDeclined
from billing.domain.renewal import OpenRenewal, last_try
from billing.domain.renewal_payment import (
    CardIsDead,
    PaymentUnderWay,
    Wish,
    open_page,
    pay_by_card,
    pay_from_credit,
    present_renewal,
)
from billing.domain.subscription import PaymentWay
from billing.domain.transaction import PAGE_SLACK, Transaction
from billing.domain.wallet import Posted, Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services import charge_card as charging
from billing.services.accounts import find_wallet
from billing.services.change_wallet import change_wallet
from billing.services.renewal_page import close_page, record_page
from billing.store.store import Store
from billing.store.transactions import HistoryFilter
from billing.words.decline_texts import why_not_paid

_DECIDE: Final[dict[PaymentWay, Callable[[OpenRenewal, Wish, datetime], Change[Transaction]]]] = {
    "card": pay_by_card,
    "page": open_page,
    "credit": pay_from_credit,
}

_RECENT = 50
"""Of an account's renewals, among which an earlier request is looked for."""

log = logging.getLogger(__name__)


def pay_renewal(
    store: Store, gateway: Gateway, account_id: str, wish: Wish, *, return_url: str, now: datetime
) -> Transaction:
    """Pay the renewal that is open, and return its transaction as it then is: see `charge_card`, and Paid from credit.

    The same request with the same key answers the same transaction, as it then is; one at Checkout has a new page where
    the last one is over. A page that was paid meanwhile is the answer to any request.

    Raises AccountNotFound, NothingToPay, PaymentUnderWay, NotEnoughCredit, CardRequired, CardDeclined for a dead card,
    IdempotencyKeyReused, PaymentsUnavailable where it is not known what became of an open page, StoreBusy.
    """
    wallet = find_wallet(store, account_id)
    own = _own_payment(store, wallet)
    before = _asked_before(store, account_id, own, wish)
    if before is not None and before.status != "Checkout":
        return before
    ends_at = None if wallet.subscription is None else wallet.subscription.page_ends_at
    if own is not None and ends_at is not None:
        page = _settle_page(store, gateway, own, now, is_wanted=wish.way == "page" and now < ends_at)
        if page is not None:
            return _with_address(store, gateway, page, return_url, now)
    try:
        made = change_wallet(store, account_id, lambda wallet: _decide(store, wallet, wish, now)).answer
    except CardIsDead as dead:
        raise CardDeclined(why_not_paid(dead.why)) from dead
    if wish.way == "card":
        return charging.charge_card(store, gateway, made, return_url="", now=now)
    return _with_address(store, gateway, made, return_url, now)


def _own_payment(store: Store, wallet: Wallet) -> Transaction | None:
    own = None if wallet.subscription is None else wallet.subscription.own_payment
    return None if own is None else store.transactions.get(own.transaction_id)


def _asked_before(store: Store, account_id: str, own: Transaction | None, wish: Wish) -> Transaction | None:
    """What came of the same request before. Raises IdempotencyKeyReused for another one with the same key.

    The last one is known for sure; earlier ones are found in the history, which is read a moment late.
    """
    if wish.request is None:
        return None
    if own is not None and wish.is_of(own):
        return own
    recent = store.transactions.page(account_id, _RECENT, None, HistoryFilter(kind="renewal")).items
    return next((each for each in recent if wish.is_of(each)), None)


def _settle_page(
    store: Store, gateway: Gateway, page: Transaction, now: datetime, *, is_wanted: bool
) -> Transaction | None:
    """The page that answers the request: one that is open, or that was paid. None: it is over, and nothing came of it.

    One that is not wanted is closed. Raises PaymentUnderWay for a bank debit.
    """
    if is_wanted and page.status == "Checkout":
        page = _look_at(store, gateway, page, now)
    else:
        page = close_page(store, gateway, page, now)
    if page.status == "Processing":
        raise PaymentUnderWay
    return page if page.status == "Paid" or (is_wanted and page.check_at is not None) else None


def _look_at(store: Store, gateway: Gateway, page: Transaction, now: datetime) -> Transaction:
    try:
        if page.session_id is not None:
            return record_page(store, gateway, page, gateway.session(page.session_id), now)
    except PaymentsUnavailable as trouble:
        facts = {"transaction_id": page.transaction_id, "reason": str(trouble)}
        log.warning("the page could not be looked at, so its address is given again", extra=facts)
        return page
    # Stripe gave no answer when it was to be opened. It opens none that would be over too soon.
    return page if now - page.created_at < PAGE_SLACK else close_page(store, gateway, page, now)


def _decide(store: Store, wallet: Wallet, wish: Wish, now: datetime) -> Change[Transaction]:
    made = last_try(wallet)
    found = present_renewal(wallet, store.plans.versions(wallet.plan_keys), now)
    for transaction_id in {made, found.transaction_id} - {None}:
        tried = store.transactions.get(transaction_id or "")
        if tried is not None and tried.status == "Processing":
            raise PaymentUnderWay
    if wallet.subscription is not None and wallet.subscription.page_ends_at is not None:
        return _made_meanwhile(store, wallet, wish)
    return _DECIDE[wish.way](found, wish, now)


def _made_meanwhile(store: Store, wallet: Wallet, wish: Wish) -> Change[Transaction]:
    """Somebody else was faster: their page is the answer to whoever wants a page. Raises PaymentUnderWay."""
    page = _own_payment(store, wallet)
    if wish.way != "page" or page is None or page.status != "Checkout":
        raise PaymentUnderWay
    return Change(Posted(wallet), page)


def _with_address(
    store: Store, gateway: Gateway, transaction: Transaction, return_url: str, now: datetime
) -> Transaction:
    """Without an address where Stripe gives no answer: the same request again opens the page."""
    try:
        return charging.open_page(store, gateway, transaction, return_url=return_url, now=now)
    except PaymentsUnavailable as trouble:
        facts = {"transaction_id": transaction.transaction_id, "reason": str(trouble)}
        log.warning("Stripe did not open a page", extra=facts)
        return transaction
