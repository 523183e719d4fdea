"""Bring up to date what an event of Stripe's is about.

An event says only that something happened. What holds now is read from Stripe, not from the event's snapshot: so events
may come late, twice, in reverse, or two at a time, and the books are the same. It costs a request or two an event.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from billing.domain.dispute import DisputeReport, RateUnknown
from billing.domain.payment_report import Applied
from billing.domain.stripe_event import StripeEvent
from billing.domain.transaction import Transaction
from billing.payments.gateway import Gateway
from billing.payments.reading import Intent
from billing.services.add_card import keep_card, verify_card
from billing.services.apply_payment import apply_payment
from billing.services.cards import card_of_method, refresh_card
from billing.services.dispute import apply_dispute
from billing.services.refund import apply_refund
from billing.store.store import Store

log = logging.getLogger(__name__)


def handle_event(store: Store, gateway: Gateway, event: StripeEvent, now: datetime) -> Applied | None:
    """Handle one event, any number of times. Returns what it did to a transaction, if to any.

    Raises PaymentsUnavailable and StoreBusy: then again later.
    """
    family = event.type.rpartition(".")[0]
    match family:
        case "checkout.session" if event.payment_intent_id is not None:
            return bring_up_to_date(store, gateway, event.payment_intent_id, now, page_is_complete=True)
        case "checkout.session":
            return finish_page(store, gateway, event.object_id, now)
        case "payment_intent":
            return bring_up_to_date(store, gateway, event.object_id, now)
        case "charge" | "refund" | "charge.dispute":
            payment = event.payment_intent_id or gateway.payment_of(family.removeprefix("charge."), event.object_id)
            return None if payment is None else bring_up_to_date(store, gateway, payment, now)
        case "payment_method":
            _refresh_method(store, gateway, event.object_id, now)
            return None
        case _:
            log.info("event ignored", extra={"event_id": event.event_id, "type": event.type})
            return None


def finish_page(store: Store, gateway: Gateway, session_id: str, now: datetime) -> Applied | None:
    """Take over what the customer did on a hosted page: a card entered, or a payment made."""
    page = gateway.session(session_id)
    if page.foreign:
        log.info("foreign page ignored", extra={"session_id": session_id})
        return None
    if page.status != "complete":
        return None
    if page.mode == "setup":
        if page.payment_method_id is not None:
            keep_card(store, gateway, page.account_id, page.payment_method_id, now)
        return None
    if page.payment_intent_id is None:
        return None
    return bring_up_to_date(store, gateway, page.payment_intent_id, now, page_is_complete=True)


def bring_up_to_date(
    store: Store, gateway: Gateway, payment_intent_id: str, now: datetime, *, page_is_complete: bool = False
) -> Applied | None:
    """Record all that Stripe knows of a payment: its outcome, its refunds, its disputes, in this order.

    The money has to arrive before it can be taken back; an event that is early finds it so all the same.
    `page_is_complete`: it was made on a hosted page that is.
    """
    intent = gateway.intent(payment_intent_id)
    if intent.foreign:
        log.info("foreign payment ignored", extra={"payment_intent_id": payment_intent_id})
        return None
    if intent.card_id is not None:
        _finish_verification(store, gateway, intent, now)
        return None
    report = replace(intent.report, page_is_complete=page_is_complete)
    applied = apply_payment(store, report, now)
    transaction = applied.transaction
    if transaction is None or transaction.payment_intent_id != payment_intent_id or transaction.status != "Paid":
        return applied
    if intent.refunded or transaction.refunds:  # once the bank returns a refund, the charge counts it no more
        for made in gateway.refunds(payment_intent_id):
            transaction = apply_refund(store, transaction, made.refund, now)
    if intent.disputed:
        _apply_disputes(store, transaction, gateway.disputes(payment_intent_id), now)
    return applied


def _apply_disputes(store: Store, transaction: Transaction, reports: Sequence[DisputeReport], now: datetime) -> None:
    """One that a person must look at does not hold up the others. Raises RateUnknown when all are done."""
    unknown: RateUnknown | None = None
    for report in reports:
        try:
            transaction = apply_dispute(store, transaction, report, now)
        except RateUnknown as trouble:
            unknown = trouble
    if unknown is not None:
        raise unknown


def _finish_verification(store: Store, gateway: Gateway, hold: Intent, now: datetime) -> None:
    """A hold is open only while its card is pending: whatever else is found of it, it is released."""
    card = card_of_method(store, hold.report.account_id, hold.card_id or "")
    if card is not None and card.verification == "pending":
        verify_card(store, gateway, card, now)
    elif hold.report.outcome == "held":
        gateway.release(hold.intent_id)


def _refresh_method(store: Store, gateway: Gateway, payment_method_id: str, now: datetime) -> None:
    """Others that share the Stripe account have payment methods, too, and not all of them are cards."""
    method = gateway.method(payment_method_id)
    if method.card is None or method.customer_id is None:
        log.info("payment method ignored", extra={"payment_method_id": payment_method_id, "type": method.type})
        return
    account_id = gateway.account_of(method.customer_id)
    if account_id is None:
        log.info("foreign payment method ignored", extra={"payment_method_id": payment_method_id})
        return
    refresh_card(store, gateway, account_id, payment_method_id, now)
