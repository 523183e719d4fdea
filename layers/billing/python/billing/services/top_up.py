"""Buy credit: on Stripe's page, or at once with a saved card."""

import hashlib
import json
import logging
from dataclasses import replace
from datetime import datetime

from billing.domain.card import Card
from billing.domain.charge_limits import largest_charge_micros, least_charge_micros
from billing.domain.debt import debt_payment
from billing.domain.decimals import format_millionths
from billing.domain.errors import IdempotencyKeyReused, InvalidValue
from billing.domain.money import Money
from billing.domain.transaction import CHECKOUT_CHECK, CardFace, Transaction, chargeable, new_charge
from billing.domain.wallet import Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services.accounts import find_wallet
from billing.services.cards import find_card
from billing.services.charge_card import charge_card, find_charge
from billing.services.stripe_events import bring_up_to_date
from billing.services.wallet_as_of import as_of
from billing.store.store import Store
from billing.store.transactions import HistoryFilter

_PAGES = 3
"""How many pages one request looks at. Two at once would be odd already; more is Stripe's trouble."""

_RECENT = 50
"""Of an account's top-ups, among which those that are under way are looked for."""

log = logging.getLogger(__name__)


def top_up(
    store: Store,
    gateway: Gateway,
    account_id: str,
    *,
    micros: int,
    payment_method_id: str | None,
    transaction_id: str,
    return_url: str,
    now: datetime,
) -> Transaction:
    """Start a top-up, once for its transaction id, and return it as it is by then (see `charge_card`).

    Without a saved card it is at Checkout, with the address of a page; without a page where Stripe did not answer: the
    same request again opens it. The same request also gives a new page for one that expired. Raises AccountNotFound,
    CardNotFound, InvalidValue for an amount out of bounds, AccountCanceled for more than a canceled account owes,
    Conflict (`idempotency_key_reused`) for other content under the same id.
    """
    wallet = as_of(store, find_wallet(store, account_id).without_expired_grants(now), now)[0]
    fingerprint = hashlib.sha256(json.dumps([micros, payment_method_id, return_url]).encode()).hexdigest()[:32]
    known = store.transactions.get(transaction_id)
    if known is None and payment_method_id is None:
        page = _page_of_debt(store, wallet, micros)
        if page is not None:
            return _again(store, gateway, wallet, page, return_url=return_url, now=now)
    transaction = known
    if transaction is None:
        amount = _amount(store, wallet, micros)
        card = None if payment_method_id is None else find_card(store, account_id, payment_method_id, usable=True)
        seed = _seed(wallet, amount, card, transaction_id, now)
        transaction = store.transactions.create(replace(seed, fingerprint=fingerprint))
    if transaction.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if known is None:
        return charge_card(store, gateway, transaction, return_url=return_url, now=now)
    return _again(store, gateway, wallet, transaction, return_url=return_url, now=now)


def check_amount(store: Store, wallet: Wallet, micros: int) -> None:
    """Raises InvalidValue below the plan's minimum top-up or what a card can be charged, and above the ceiling."""
    subscription = wallet.subscription
    plan = None if subscription is None else store.plans.version(*subscription.period.plan_key)
    _check_bounds(wallet.currency, micros, 0 if plan is None else plan.minimum_top_up_micros)


def _check_bounds(currency: str, micros: int, minimum_micros: int) -> None:
    largest = largest_charge_micros(currency)
    # A plan may have been written with a minimum above the ceiling: then only the ceiling itself can be bought.
    least = max(least_charge_micros(currency), min(minimum_micros, largest))
    if micros < least:
        raise InvalidValue(f"must be at least {format_millionths(least)} {currency}", field="amount")
    if micros > largest:
        raise InvalidValue(f"must be at most {format_millionths(largest)} {currency}", field="amount")


def _amount(store: Store, wallet: Wallet, micros: int) -> int:
    """What to charge. Of a canceled account it is a debt's payment, for which no plan has a minimum."""
    if wallet.status != "canceled":
        check_amount(store, wallet, micros)
        return micros
    under_way = sum(each.amount_micros for each in _open_payments(store, wallet.account_id))
    micros = debt_payment(replace(wallet, paid_micros=wallet.paid_micros + under_way), micros)
    _check_bounds(wallet.currency, micros, 0)
    return micros


def _page_of_debt(store: Store, wallet: Wallet, micros: int) -> Transaction | None:
    """The page on which a canceled account can pay as much already: a second one could be paid, too.

    Raises AccountCanceled.
    """
    if wallet.status != "canceled":
        return None
    amount = chargeable(debt_payment(wallet, micros), wallet.currency)
    pages = [each for each in _open_payments(store, wallet.account_id) if each.status == "Checkout"]
    return next((each for each in pages if each.amount_micros == amount), None)


def _open_payments(store: Store, account_id: str) -> list[Transaction]:
    """The newest top-ups that may still be paid. The history is read a moment late: two at once are not seen."""
    wanted = HistoryFilter(kind="top_up")
    recent = store.transactions.page(account_id, _RECENT, None, wanted).items
    return [each for each in recent if each.status in {"Processing", "Checkout"} and each.check_at is not None]


def _again(
    store: Store, gateway: Gateway, wallet: Wallet, transaction: Transaction, *, return_url: str, now: datetime
) -> Transaction:
    """Answer a repeated request: with its page if that is open, with what was done there, else with a new page.

    Stripe repeats its former answer to the same key, so a page that was opened just now may have expired, too.
    """
    for _ in range(_PAGES):
        if transaction.status == "Checkout" and transaction.session_id is None:
            _require_debt(wallet, transaction)
        if transaction.status != "Checkout" or transaction.session_id is None:
            transaction = charge_card(store, gateway, transaction, return_url=return_url, now=now)
        if transaction.status != "Checkout" or transaction.session_id is None:
            return transaction
        try:
            page = gateway.session(transaction.session_id)
        except PaymentsUnavailable as trouble:
            facts = {"transaction_id": transaction.transaction_id, "reason": str(trouble)}
            log.warning("the page could not be looked at, so its address is given again", extra=facts)
            return transaction
        if page.status == "complete" and page.payment_intent_id is not None:
            bring_up_to_date(store, gateway, page.payment_intent_id, now)
            return find_charge(store, transaction.transaction_id)
        if page.status != "expired":
            return transaction
        _require_debt(wallet, transaction)
        transaction = _without_page(store, transaction, now)
    return transaction


def _require_debt(wallet: Wallet, transaction: Transaction) -> None:
    """A new page is a new offer: a canceled account must still owe what it pays there. Raises AccountCanceled."""
    if wallet.status == "canceled":
        debt_payment(wallet, transaction.amount_micros)


def _without_page(store: Store, transaction: Transaction, now: datetime) -> Transaction:
    """The transaction ready for another page, under a further key; as it is by now if somebody else was faster.

    It is written before Stripe is asked: two requests then ask with the same key, and get one page.
    """
    bare = replace(
        transaction, session_id=None, url=None, attempt=transaction.attempt + 1, check_at=now + CHECKOUT_CHECK
    )
    moved = store.transactions.move(transaction, bare)
    return replace(bare, version=transaction.version + 1) if moved else find_charge(store, transaction.transaction_id)


def _seed(wallet: Wallet, micros: int, card: Card | None, transaction_id: str, now: datetime) -> Transaction:
    """The transaction as it is recorded before Stripe hears of it."""
    amount = Money(chargeable(micros, wallet.currency), wallet.currency)
    charge = new_charge(transaction_id, wallet.account_id, "top_up", amount, card, now=now)
    if card is None:
        return replace(charge, status="Checkout", check_at=now + CHECKOUT_CHECK)
    return replace(charge, card=CardFace(card.brand, card.last4))
