"""Buy credit: on Stripe's page, or at once with a saved card."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from billing.domain.card import Card
from billing.domain.charge_limits import largest_charge_micros, least_charge_micros
from billing.domain.decimals import format_millionths
from billing.domain.errors import IdempotencyKeyReused, InvalidValue
from billing.domain.transaction import CHECKOUT_CHECK, PROCESSING_CHECK, CardFace, Transaction, chargeable
from billing.domain.wallet import Wallet
from billing.payments.gateway import Gateway
from billing.services.accounts import AccountNotFound
from billing.services.cards import find_card
from billing.services.charge_card import charge_card
from billing.store.database import Database
from billing.store.plans import Plans
from billing.store.transactions import Transactions
from billing.store.wallets import Wallets


def top_up(
    database: Database,
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
    same request again opens it. Raises AccountNotFound, CardNotFound, InvalidValue for an amount out of bounds,
    Conflict (`idempotency_key_reused`) for other content under the same id.
    """
    wallet = Wallets(database).get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    transactions = Transactions(database)
    fingerprint = hashlib.sha256(json.dumps([micros, payment_method_id, return_url]).encode()).hexdigest()[:32]
    transaction = transactions.get(transaction_id)
    if transaction is None:
        check_amount(database, wallet, micros)
        card = None if payment_method_id is None else find_card(database, account_id, payment_method_id, usable=True)
        seed = _seed(wallet, micros, card, transaction_id, now)
        transaction = transactions.create(replace(seed, fingerprint=fingerprint))
    if transaction.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return charge_card(database, gateway, transaction_id, return_url=return_url, now=now)


def check_amount(database: Database, wallet: Wallet, micros: int, field: str = "amount") -> None:
    """Raises InvalidValue below the plan's minimum top-up or what a card can be charged, and above the ceiling."""
    least = least_charge_micros(wallet.currency)
    if wallet.period is not None:
        least = max(least, Plans(database).version(*wallet.period.plan_key).minimum_top_up_micros)
    if micros < least:
        raise InvalidValue(f"must be at least {format_millionths(least)} {wallet.currency}", field=field)
    largest = largest_charge_micros(wallet.currency)
    if micros > largest:
        raise InvalidValue(f"must be at most {format_millionths(largest)} {wallet.currency}", field=field)


def _seed(wallet: Wallet, micros: int, card: Card | None, transaction_id: str, now: datetime) -> Transaction:
    """The transaction as it is recorded before Stripe hears of it."""
    return Transaction(
        transaction_id=transaction_id,
        account_id=wallet.account_id,
        kind="top_up",
        status="Checkout" if card is None else "Processing",
        amount_micros=chargeable(micros, wallet.currency),
        currency=wallet.currency,
        created_at=now,
        check_at=now + (CHECKOUT_CHECK if card is None else PROCESSING_CHECK),
        payment_method_id=None if card is None else card.payment_method_id,
        card_fingerprint=None if card is None else card.fingerprint,
        card=None if card is None else CardFace(card.brand, card.last4),
    )
