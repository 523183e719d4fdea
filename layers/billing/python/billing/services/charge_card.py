"""Charge a saved card for a transaction that was recorded before: by hand, by a refill, by a renewal."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.declines import Failure, failure
from billing.domain.transaction import CHECKOUT_CHECK, PROCESSING_CHECK, PaymentReport, Transaction
from billing.payments.errors import PaymentsMisconfigured, PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.payments.reading import TRANSACTION_KEY, Intent
from billing.services.apply_payment import apply_payment
from billing.services.stripe_customer import stripe_customer
from billing.store.database import Database
from billing.store.transactions import Transactions

# Stripe forgets an idempotency key after 24 hours; an hour of grace for clocks and queues.
_KEY_LIFE = timedelta(hours=23)
_OF_THE_AMOUNT = frozenset({"amount_too_large", "amount_too_small"})

log = logging.getLogger(__name__)


def charge_card(
    database: Database, gateway: Gateway, transaction_id: str, *, return_url: str, now: datetime
) -> Transaction:
    """Charge a transaction that is Processing, at most once whatever happens, and record the outcome.

    Returns it as it is then: Paid; Failed; Checkout with the address of a page, where the bank demands the customer of
    a top-up; or Processing still, where Stripe gave no answer: the webhook or reconciliation finishes it. One that is
    not Processing is returned as it is. Raises LookupError for one that does not exist, StoreBusy.
    """
    transaction = _get(database, transaction_id)
    try:
        if transaction.status == "Processing":
            transaction = _charge(database, gateway, transaction, now)
        if transaction.status == "Checkout" and transaction.url is None:
            transaction = open_page(database, gateway, transaction, return_url=return_url, now=now)
    except PaymentsUnavailable as trouble:
        level = logging.ERROR if isinstance(trouble, PaymentsMisconfigured) else logging.WARNING
        log.log(level, "Stripe did not answer", extra={"transaction_id": transaction_id, "reason": str(trouble)})
        return _get(database, transaction_id)
    return transaction


def open_page(
    database: Database, gateway: Gateway, transaction: Transaction, *, return_url: str, now: datetime
) -> Transaction:
    """Give a transaction at Checkout its hosted page; one that has a page keeps it. Raises PaymentsUnavailable."""
    if transaction.url is not None or transaction.status != "Checkout":
        return transaction
    customer = stripe_customer(database, gateway, transaction.account_id, now)
    if transaction.payment_intent_id is not None:
        # Two ways to pay one transaction would be one too many.
        gateway.release(transaction.payment_intent_id)
    try:
        page = gateway.open_payment_page(transaction, customer, return_url)
    except PaymentsUnavailable as trouble:
        _use_another_key(database, transaction, trouble, now)
        raise
    paged = replace(transaction, session_id=page.session_id, url=page.url, check_at=now + CHECKOUT_CHECK)
    moved = Transactions(database).move(transaction, paged)
    return replace(paged, version=transaction.version + 1) if moved else _get(database, transaction.transaction_id)


def _charge(database: Database, gateway: Gateway, transaction: Transaction, now: datetime) -> Transaction:
    customer = stripe_customer(database, gateway, transaction.account_id, now)
    if transaction.attempt or now - transaction.created_at > _KEY_LIFE:
        found = charge_at_stripe(gateway, transaction, customer)
        if found is not None:
            return _recorded(database, found.report, now)
    try:
        intent = gateway.charge(transaction, customer)
    except StripeRefused as refusal:
        log.warning("Stripe refused", extra={"transaction_id": transaction.transaction_id, "reason": refusal.detail})
        code = "invalid_amount" if refusal.code in _OF_THE_AMOUNT else "card_unusable"
        return give_up(database, transaction, failure(code), now)
    except PaymentsUnavailable as trouble:
        _use_another_key(database, transaction, trouble, now)
        raise
    return _recorded(database, intent.report, now)


def charge_at_stripe(gateway: Gateway, transaction: Transaction, customer_id: str) -> Intent | None:
    """The payment that Stripe has for the transaction, one that succeeded before any other."""
    about = gateway.intents_about(customer_id, TRANSACTION_KEY, transaction.transaction_id, transaction.created_at)
    return next((intent for intent in about if intent.report.outcome == "succeeded"), about[0] if about else None)


def give_up(database: Database, transaction: Transaction, why: Failure, now: datetime) -> Transaction:
    """Record that no payment came of it."""
    report = PaymentReport(
        transaction_id=transaction.transaction_id,
        account_id=transaction.account_id,
        payment_intent_id=None,
        outcome="declined",
        received_micros=0,
        currency=transaction.currency,
        failure=why,
    )
    return _recorded(database, report, now)


def _use_another_key(database: Database, transaction: Transaction, trouble: PaymentsUnavailable, now: datetime) -> None:
    """Stripe repeats an error of its own to the same key: the next attempt looks it up, then uses another."""
    if trouble.spoiled:
        spoiled = replace(transaction, attempt=transaction.attempt + 1, check_at=now + PROCESSING_CHECK)
        Transactions(database).move(transaction, spoiled)


def _recorded(database: Database, report: PaymentReport, now: datetime) -> Transaction:
    applied = apply_payment(database, report, now)
    return applied.transaction or _get(database, report.transaction_id)


def _get(database: Database, transaction_id: str) -> Transaction:
    transaction = Transactions(database).get(transaction_id)
    if transaction is None:
        raise LookupError(f"there is no transaction {transaction_id}")
    return transaction
