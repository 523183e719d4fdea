"""Charge a saved card for a transaction that was recorded before: by hand, by a refill, by a renewal."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.declines import NO_LONGER_WANTED, UNUSABLE, Failure
from billing.domain.intention import is_fresh, is_wanted, report_nothing, unless_asked, unless_wanted
from billing.domain.transaction import CHECKOUT_CHECK, PROCESSING_CHECK, PaymentReport, Transaction
from billing.payments.errors import CustomerDeleted, PaymentsMisconfigured, PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.payments.reading import TRANSACTION_KEY, Intent
from billing.services.accounts import find_wallet
from billing.services.apply_payment import Decide, apply_payment
from billing.services.lose_cards import lose_cards
from billing.services.stripe_customer import replace_customer, stripe_customer, with_customer
from billing.store.store import Store

# Stripe forgets an idempotency key after 24 hours; an hour of grace for clocks and queues.
_KEY_LIFE = timedelta(hours=23)
_OF_THE_AMOUNT = frozenset({"amount_too_large", "amount_too_small"})

log = logging.getLogger(__name__)


def charge_card(
    store: Store, gateway: Gateway, transaction: Transaction, *, return_url: str, now: datetime
) -> Transaction:
    """Charge a transaction that is Processing, at most once whatever happens, and record the outcome.

    An old one is charged only while it is wanted, and else given up (see `intention`).

    Returns it as it is then: Paid; Failed; Checkout with the address of a page, where the bank demands the customer of
    a top-up; or Processing still, where Stripe gave no answer: the webhook or reconciliation finishes it. One that is
    not Processing is returned as it is, and so is a bank debit, which its page has asked for. Raises StoreBusy.
    """
    try:
        if transaction.status == "Processing" and transaction.session_id is None:
            transaction = _charge(store, gateway, transaction, now)
        if transaction.status == "Checkout" and transaction.url is None:
            transaction = open_page(store, gateway, transaction, return_url=return_url, now=now)
    except PaymentsUnavailable as trouble:
        level = logging.ERROR if isinstance(trouble, PaymentsMisconfigured) else logging.WARNING
        log.log(
            level, "Stripe did not answer", extra={"transaction_id": transaction.transaction_id, "reason": str(trouble)}
        )
        return _read_again(store, transaction)
    return transaction


def open_page(
    store: Store, gateway: Gateway, transaction: Transaction, *, return_url: str, now: datetime
) -> Transaction:
    """Give a transaction at Checkout its hosted page; one that has a page keeps it. Raises PaymentsUnavailable."""
    if transaction.url is not None or transaction.status != "Checkout":
        return transaction
    if transaction.payment_intent_id is not None:
        # Two ways to pay one transaction would be one too many.
        gateway.release(transaction.payment_intent_id)
    try:
        page = with_customer(
            store,
            gateway,
            transaction.account_id,
            now,
            lambda customer: gateway.open_payment_page(transaction, customer, return_url),
        )
    except PaymentsUnavailable as trouble:
        _use_another_key(store, transaction, trouble, now)
        raise
    paged = replace(transaction, session_id=page.session_id, url=page.url, check_at=now + CHECKOUT_CHECK)
    moved = store.transactions.move(transaction, paged)
    return replace(paged, version=transaction.version + 1) if moved else _read_again(store, transaction)


def _charge(store: Store, gateway: Gateway, transaction: Transaction, now: datetime) -> Transaction:
    fresh = is_fresh(transaction, now)
    # Whoever asks now has just recorded it. Only a refill comes by a stream: by then the account may be locked.
    wanted = (fresh and transaction.kind != "auto_refill") or is_wanted(
        find_wallet(store, transaction.account_id), transaction, now
    )
    if fresh and wanted:
        return _ask(store, gateway, transaction, now)
    if not wanted or transaction.attempt or now - transaction.created_at > _KEY_LIFE:
        found = charge_at_stripe(store, gateway, transaction, now)
        if found is not None:
            return _recorded(store, transaction, found.report, now)
    if not wanted:
        return give_up(store, transaction, Failure(NO_LONGER_WANTED), now, decide=unless_wanted)
    asked = replace(transaction, asked_at=now)
    if not store.transactions.move(transaction, asked):
        return _read_again(store, transaction)  # another one is asking, or has heard the answer
    return _ask(store, gateway, replace(asked, version=transaction.version + 1), now)


def _ask(store: Store, gateway: Gateway, transaction: Transaction, now: datetime) -> Transaction:
    account_id = transaction.account_id
    try:
        intent = gateway.charge(transaction, stripe_customer(store, gateway, account_id, now))
    except CustomerDeleted as refusal:
        log.warning("Stripe refused", extra={"transaction_id": transaction.transaction_id, "reason": refusal.detail})
        replace_customer(store, gateway, account_id, now)
        return _recorded(store, transaction, report_nothing(transaction, Failure(UNUSABLE)), now)
    except StripeRefused as refusal:
        facts = {"transaction_id": transaction.transaction_id, "reason": refusal.detail, "stripe_code": refusal.code}
        log.warning("Stripe refused", extra=facts)
        why = why_refused(refusal)
        refused = _recorded(store, transaction, report_nothing(transaction, why), now)
        if why.code == UNUSABLE:
            lose_cards(store, gateway, account_id, now, payment_method_id=transaction.payment_method_id)
        return refused
    except PaymentsUnavailable as trouble:
        _use_another_key(store, transaction, trouble, now)
        raise
    return _recorded(store, transaction, intent.report, now)


def why_refused(refusal: StripeRefused) -> Failure:
    """Only what Stripe says of the payment method blames the card. Anything else is a mistake of ours."""
    if refusal.code in _OF_THE_AMOUNT:
        return Failure("amount_refused")
    return Failure(UNUSABLE if refusal.param == "payment_method" else "not_completed")


def charge_at_stripe(store: Store, gateway: Gateway, transaction: Transaction, now: datetime) -> Intent | None:
    """The payment that Stripe has for the transaction: one that succeeded before one that may, and that before others.

    None says that it was never asked for. Raises PaymentsUnavailable where that is not known.
    """
    if transaction.session_id is not None and transaction.payment_intent_id is not None:
        return gateway.intent(transaction.payment_intent_id)  # what its page made: there is no other
    name, since = transaction.transaction_id, transaction.created_at
    about = with_customer(
        store,
        gateway,
        transaction.account_id,
        now,
        lambda customer: gateway.intents_about(customer, TRANSACTION_KEY, name, since),
    )
    return min(about, key=lambda intent: (intent.report.outcome != "succeeded", not intent.is_open), default=None)


def withdraw(store: Store, gateway: Gateway, transaction: Transaction, now: datetime) -> Transaction:
    """End a charge that its customer wants no more, without asking a card: as Stripe has it, else given up in time.

    Returns it as it is then; Processing still, where it cannot be known yet. Raises PaymentsUnavailable.
    """
    found = charge_at_stripe(store, gateway, transaction, now)
    if found is not None:
        return _recorded(store, transaction, found.report, now)
    return give_up(store, transaction, Failure(NO_LONGER_WANTED), now)


def give_up(
    store: Store, transaction: Transaction, why: Failure, now: datetime, *, decide: Decide = unless_asked
) -> Transaction:
    """Record that no payment came of what Stripe has never heard of, unless a request may still be on its way."""
    report = report_nothing(transaction, why)
    return apply_payment(store, report, now, known=transaction, decide=decide).transaction or transaction


def _use_another_key(store: Store, transaction: Transaction, trouble: PaymentsUnavailable, now: datetime) -> None:
    """Stripe repeats an error of its own to the same key: the next attempt looks it up, then uses another."""
    if trouble.spoiled:
        spoiled = replace(transaction, attempt=transaction.attempt + 1, check_at=now + PROCESSING_CHECK)
        store.transactions.move(transaction, spoiled)


def _recorded(store: Store, transaction: Transaction, report: PaymentReport, now: datetime) -> Transaction:
    return apply_payment(store, report, now, known=transaction).transaction or transaction


def find_charge(store: Store, transaction_id: str) -> Transaction:
    """A transaction that was recorded before. Raises LookupError."""
    transaction = store.transactions.get(transaction_id)
    if transaction is None:
        raise LookupError(f"there is no transaction {transaction_id}")
    return transaction


def _read_again(store: Store, transaction: Transaction) -> Transaction:
    return find_charge(store, transaction.transaction_id)


def count_refills(refills: Sequence[Transaction]) -> dict[str, int]:
    """What became of some refills, by the names of the metrics."""
    statuses = [refill.status for refill in refills]
    declined = [refill for refill in refills if refill.failure is not None and refill.failure.is_decline]
    return {
        "RefillsPaid": statuses.count("Paid"),
        "RefillsDeclined": len(declined),
        "RefillsUnanswered": statuses.count("Processing"),
    }
