"""Add a card: on Stripe's page, then proved by a hold of about 1.00 that is voided at once and never captured.

The card's row, `pending`, is the intent: it is written before the hold is placed, and whoever finds it, now or after a
crash, looks what Stripe has of it and brings it to its end. A new expiry date of a card that is there is no row yet:
while it is attached at Stripe, whoever is told of it does the same, and one of the two is detached last.
"""

import logging
from dataclasses import replace
from datetime import datetime

from billing.domain.card import MAX_CARDS, MAX_CARDS_NOT_KEPT, Card
from billing.domain.card_changes import record_entered_date, record_verdict
from billing.domain.declines import UNUSABLE, Failure
from billing.domain.errors import Conflict
from billing.domain.intention import UNCONFIRMED_FOR
from billing.payments.errors import CustomerDeleted, PaymentsUnavailable, StripeRefused
from billing.payments.gateway import Gateway
from billing.payments.reading import CARD_KEY, Intent, SavedMethod
from billing.services.accounts import find_account
from billing.services.cards import card_of_method, finish_removal
from billing.services.change_wallet import change_wallet
from billing.services.renew_subscription import renew_now
from billing.services.stripe_customer import replace_customer, stripe_customer, with_customer
from billing.store.database import StoreBusy
from billing.store.store import Store

log = logging.getLogger(__name__)


def open_card_page(store: Store, gateway: Gateway, account_id: str, *, key: str, return_url: str, now: datetime) -> str:
    """The address of Stripe's page on which the customer adds a card; the same for the same key.

    Raises AccountNotFound, Conflict (`too_many_cards`), PaymentsUnavailable.
    """
    account = find_account(store, account_id)
    cards = store.cards.of_account(account_id)
    not_kept = sum(card.verification in {"failed", "gone"} for card in cards)
    if len(cards) - not_kept >= MAX_CARDS:
        raise Conflict(f"an account has at most {MAX_CARDS} cards", code="too_many_cards")
    if not_kept >= MAX_CARDS_NOT_KEPT:
        raise Conflict("too many cards were declined: remove some of them first", code="too_many_cards")
    page = with_customer(
        store,
        gateway,
        account_id,
        now,
        lambda customer: gateway.open_card_page(account, customer, return_url, key),
    )
    return page.url or return_url


def keep_card(store: Store, gateway: Gateway, account_id: str, payment_method_id: str, now: datetime) -> None:
    """Keep and verify a card that the customer entered. One that the account has already is left at that.

    Another expiry date of the same card takes the place of the old one: of several, the one that was entered last.
    What is no card is not kept. May be called any number of times. Raises PaymentsUnavailable, StoreBusy: then again
    later.
    """
    method = gateway.method(payment_method_id)
    if method.customer_id is None:
        return  # refused or removed since: what is detached cannot be charged
    facts = {"account_id": account_id, "payment_method_id": payment_method_id, "type": method.type}
    entered = method.as_card(account_id, now)
    if entered is None:
        log.warning("not a card, and not kept", extra=facts)
        gateway.detach(payment_method_id)
        return
    known = card_of_method(store, account_id, payment_method_id)
    if known is not None:
        # Its network may have replaced the number since: Stripe then says another one than we keep.
        entered = replace(entered, fingerprint=known.fingerprint)
    _finish_what_is_there(store, gateway, entered, now)
    card = store.cards.add(entered)
    if card.payment_method_id == payment_method_id:
        if card.verification == "pending":
            verify_card(store, gateway, card, now)
        else:
            _forget_older(gateway, method, method.customer_id)
    elif _is_needless(gateway, card, entered, method):
        log.info("card is there already", extra=facts)
        gateway.detach(payment_method_id)
    else:
        # As of its own beginning: a hold of an earlier attempt is then found, however long ago that died.
        _renew_card(store, gateway, card, replace(entered, added_at=method.created_at), now)


def _is_needless(gateway: Gateway, card: Card, entered: Card, method: SavedMethod) -> bool:
    """Whether a card has all that was entered of it. One that was detached at Stripe can no longer be charged."""
    kept = gateway.method(card.payment_method_id)
    return kept.customer_id is not None and (card.has_date_of(entered) or method.created_at < kept.created_at)


def _finish_what_is_there(store: Store, gateway: Gateway, entered: Card, now: datetime) -> None:
    """Bring to its end what is under way with the same card: what was entered since comes after it."""
    there = store.cards.get(entered.account_id, entered.fingerprint)
    if there is None or there.payment_method_id == entered.payment_method_id:
        return
    if there.verification == "removing":
        finish_removal(store, gateway, there)
    elif there.verification == "pending" and not there.has_date_of(entered):
        verify_card(store, gateway, there, now)


def _renew_card(store: Store, gateway: Gateway, card: Card, entered: Card, now: datetime) -> None:
    """Verify the date that was entered for a card, and let it take the old one's place. Declined, the old one stays.

    The one that loses is detached last: what is still attached when this dies is looked at again.
    """
    why = _refusal(store, gateway, entered, now)
    change = change_wallet(
        store,
        card.account_id,
        lambda wallet: record_entered_date(
            wallet,
            card,
            entered,
            current=store.cards.get(card.account_id, card.fingerprint),
            why=why,
            now=now,
        ),
    )
    if change.answer == "outrun":
        raise StoreBusy("the card was changed while a new date of it was verified")
    is_renewed = change.answer == "taken_over"
    log.info("card renewed" if is_renewed else "new date not kept", extra={"account_id": card.account_id})
    if is_renewed and change.wallet.is_past_due:
        renew_now(store, gateway, card.account_id, now)
    gateway.detach(card.payment_method_id if is_renewed else entered.payment_method_id)


def _forget_older(gateway: Gateway, kept: SavedMethod, customer_id: str) -> None:
    """Detach what was entered of a kept card before it: whoever replaced that may have died before this."""
    for other in gateway.cards_of(customer_id):
        if _number_of(other) == _number_of(kept) and other.created_at < kept.created_at:
            gateway.detach(other.payment_method_id)


def _number_of(method: SavedMethod) -> str | None:
    return None if method.card is None else method.card.fingerprint


def verify_card(store: Store, gateway: Gateway, card: Card, now: datetime) -> None:
    """Bring a pending card to its end: verified, or not kept and why. Raises PaymentsUnavailable, StoreBusy."""
    why = _refusal(store, gateway, card, now)
    after = change_wallet(
        store,
        card.account_id,
        lambda wallet: record_verdict(wallet, card, store.cards.get(card.account_id, card.fingerprint), why, now),
    ).wallet
    if after.is_past_due and why is None:
        renew_now(store, gateway, card.account_id, now)
    log.info("card verified" if why is None else "card not kept", extra={"account_id": card.account_id})
    if why is not None:
        # Last: a card that is still attached when this dies is tried again as a whole.
        gateway.detach(card.payment_method_id)


def _refusal(store: Store, gateway: Gateway, card: Card, now: datetime) -> Failure | None:
    """Why the hold was declined, or None: it was placed, now or before a crash, and nothing is held any more."""
    holds = with_customer(
        store,
        gateway,
        card.account_id,
        now,
        lambda customer: gateway.intents_about(customer, CARD_KEY, card.payment_method_id, card.added_at),
    )
    for hold in holds:
        if hold.is_unconfirmed:
            if now - hold.created_at >= UNCONFIRMED_FOR:
                gateway.release(hold.intent_id)
            raise PaymentsUnavailable(f"the bank was not asked for hold {hold.intent_id} yet")
    asked = [hold for hold in holds if hold.was_held or hold.report.outcome != "canceled"]
    if not asked:
        placed = _place_hold(store, gateway, card, now)
        if placed is None:
            return Failure(UNUSABLE)
        asked = [placed]
    for hold in asked:
        if hold.report.outcome == "held":
            gateway.release(hold.intent_id)
    if any(hold.was_held for hold in asked):
        return None
    return asked[0].report.failure or Failure("card_declined")


def _place_hold(store: Store, gateway: Gateway, card: Card, now: datetime) -> Intent | None:
    """None where Stripe has no such card for us."""
    account = find_account(store, card.account_id)
    try:
        customer = stripe_customer(store, gateway, card.account_id, now)
        return gateway.place_hold(card, customer, account.currency, now)
    except StripeRefused as refusal:
        log.warning("no hold", extra={"account_id": card.account_id, "reason": refusal.detail})
        if isinstance(refusal, CustomerDeleted):
            replace_customer(store, gateway, card.account_id, now)
        return None
