"""Add a card: on Stripe's page, then proved by a hold of about 1.00 that is voided at once and never captured.

The card's row, `pending`, is the intent: it is written before the hold is placed, and whoever finds it, now or after a
crash, looks what Stripe has of it and brings it to its end.
"""

import logging
from dataclasses import replace
from datetime import datetime

from billing.domain.card import MAX_CARDS, MAX_CARDS_NOT_KEPT, Card, with_default_card
from billing.domain.declines import Failure, failure
from billing.domain.errors import Conflict
from billing.domain.wallet import Posted, Wallet
from billing.payments.errors import StripeRefused
from billing.payments.gateway import Gateway
from billing.payments.reading import CARD_KEY
from billing.services.accounts import find_account
from billing.services.cards import finish_removal
from billing.services.change_wallet import Change, change_wallet
from billing.services.renew_subscription import renew_now
from billing.services.stripe_customer import stripe_customer
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.payment_methods import PaymentMethods, card_put
from billing.store.plans import Plans

log = logging.getLogger(__name__)


def open_card_page(
    database: Database, gateway: Gateway, account_id: str, *, key: str, return_url: str, now: datetime
) -> str:
    """The address of Stripe's page on which the customer adds a card; the same for the same key.

    Raises AccountNotFound, Conflict (`too_many_cards`), PaymentsUnavailable.
    """
    account = find_account(Accounts(database), account_id)
    cards = PaymentMethods(database).of_account(account_id)
    not_kept = sum(card.verification == "failed" for card in cards)
    if len(cards) - not_kept >= MAX_CARDS:
        raise Conflict(f"an account has at most {MAX_CARDS} cards", code="too_many_cards")
    if not_kept >= MAX_CARDS_NOT_KEPT:
        raise Conflict("too many cards were declined: remove some of them first", code="too_many_cards")
    customer = stripe_customer(database, gateway, account_id, now)
    page = gateway.open_card_page(account, customer, return_url, key)
    return page.url or return_url


def keep_card(database: Database, gateway: Gateway, account_id: str, payment_method_id: str, now: datetime) -> None:
    """Keep and verify a card that the customer entered; one that the account has already is left at that.

    May be called any number of times. Raises PaymentsUnavailable, StoreBusy: then again later.
    """
    method = gateway.method(payment_method_id)
    if method.customer_id is None:
        return  # refused or removed since: what is detached cannot be charged
    cards = PaymentMethods(database)
    before = cards.get(account_id, method.fingerprint)
    if before is not None and before.verification == "removing" and before.payment_method_id != payment_method_id:
        finish_removal(database, gateway, before)
    card = cards.add(method.as_card(account_id, now))
    if card.payment_method_id != payment_method_id:
        log.info("card is there already", extra={"account_id": account_id, "payment_method_id": payment_method_id})
        gateway.detach(payment_method_id)
    elif card.verification == "pending":
        verify_card(database, gateway, card, now)


def verify_card(database: Database, gateway: Gateway, card: Card, now: datetime) -> None:
    """Bring a pending card to its end: verified, or not kept and why. Raises PaymentsUnavailable, StoreBusy."""
    why = _refusal(database, gateway, card, now)
    verdict = replace(card, verification="verified" if why is None else "failed", failure=why)
    methods = PaymentMethods(database)

    def decide(wallet: Wallet) -> Posted | Change:
        current = methods.get(card.account_id, card.fingerprint)
        if current is None or current.verification != "pending" or current.payment_method_id != card.payment_method_id:
            return Posted(wallet)
        is_first = why is None and wallet.default_card is None
        after = with_default_card(wallet, verdict, now) if is_first else wallet
        return Change(Posted(after), (card_put(database, current, verdict),))

    after = change_wallet(database, card.account_id, decide, now=now).wallet
    if after.dunning is not None and why is None:
        renew_now(database, gateway, Plans(database), card.account_id, now)
    log.info("card verified" if why is None else "card not kept", extra={"account_id": card.account_id})
    if why is not None:
        # Last: a card that is still attached when this dies is tried again as a whole.
        gateway.detach(card.payment_method_id)


def _refusal(database: Database, gateway: Gateway, card: Card, now: datetime) -> Failure | None:
    """Why the hold was declined, or None: it was placed, now or before a crash, and nothing is held any more."""
    account = find_account(Accounts(database), card.account_id)
    customer = stripe_customer(database, gateway, card.account_id, now)
    holds = gateway.intents_about(customer, CARD_KEY, card.payment_method_id, card.added_at)
    if not holds:
        try:
            holds = [gateway.place_hold(card, customer, account.currency, now)]
        except StripeRefused as refusal:
            log.warning("no hold", extra={"account_id": card.account_id, "reason": refusal.detail})
            return failure("card_unusable")
    for hold in holds:
        if hold.report.outcome == "held":
            gateway.release(hold.intent_id)
    if any(hold.report.outcome in {"held", "canceled"} for hold in holds):
        return None
    return holds[0].report.failure or failure("card_declined")
