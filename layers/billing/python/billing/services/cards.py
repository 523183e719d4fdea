"""An account's cards: list them, choose the default, remove one."""

import logging
from dataclasses import dataclass
from datetime import datetime

from billing.domain import card_changes
from billing.domain.card import Card
from billing.domain.card_changes import Removal
from billing.domain.change import Change
from billing.domain.errors import Conflict, NotFound
from billing.domain.instants import format_instant
from billing.domain.wallet import Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services.accounts import find_wallet
from billing.services.change_wallet import change_wallet, known_first
from billing.services.renew_subscription import renew_now
from billing.store.paging import Listing, page_of
from billing.store.store import Store
from billing.words.decline_texts import why_not_paid

log = logging.getLogger(__name__)


class CardNotFound(NotFound):
    code = "payment_method_not_found"

    def __init__(self, payment_method_id: str, *, field: str | None = None) -> None:
        super().__init__(f'there is no payment method "{payment_method_id}"', field=field)


@dataclass(frozen=True, slots=True)
class CardList:
    """A page of cards, the first added first, and the id of the default one. Cards that were not kept say why."""

    cards: Listing[Card]
    default_id: str | None


def list_cards(store: Store, account_id: str, limit: int, cursor: str | None) -> CardList:
    """Raises AccountNotFound, InvalidValue (cursor)."""
    wallet = find_wallet(store, account_id)
    default = None if wallet.default_card is None else wallet.default_card.payment_method_id
    listed = [card for card in store.cards.of_account(account_id) if card.is_listed]
    return CardList(
        page_of(listed, lambda card: (format_instant(card.added_at), card.fingerprint), limit, cursor), default
    )


def default_card(store: Store, wallet: Wallet) -> Card | None:
    """The card behind the wallet's default."""
    if wallet.default_card is None:
        return None
    return store.cards.get(wallet.account_id, wallet.default_card.fingerprint)


def find_card(store: Store, account_id: str, payment_method_id: str, *, usable: bool = False) -> Card:
    """Raises CardNotFound, and Conflict (`card_not_verified`) where `usable` and it is not."""
    cards = store.cards.of_account(account_id)
    card = next((each for each in cards if each.payment_method_id == payment_method_id and each.is_listed), None)
    if card is None:
        raise CardNotFound(payment_method_id, field="payment_method" if usable else None)
    if usable and not card.is_usable:
        state = "is gone" if card.verification == "gone" else "was not kept"
        why = "is being verified" if card.failure is None else f"{state}: {why_not_paid(card.failure)}"
        raise Conflict(f"the card {why}", code="card_not_verified", field="payment_method")
    return card


def make_default(store: Store, account_id: str, payment_method_id: str, now: datetime) -> Card:
    """Make a verified card the default. Auto-refill goes on with it at once. Raises CardNotFound, Conflict."""
    change_wallet(
        store,
        account_id,
        lambda wallet: card_changes.make_default(
            wallet, find_card(store, account_id, payment_method_id, usable=True), now
        ),
    )
    return find_card(store, account_id, payment_method_id)


def remove_card(store: Store, gateway: Gateway, account_id: str, payment_method_id: str) -> Removal:
    """Remove a card here, then at Stripe; where Stripe does not answer, reconciliation finishes it.

    The last card switches auto-refill off. Raises CardNotFound, CardIsDefault, Conflict while it is being verified.
    """

    def decide(wallet: Wallet) -> Change[Removal]:
        card = find_card(store, account_id, payment_method_id)
        return card_changes.remove(wallet, card, store.cards.of_account(account_id))

    removal = change_wallet(store, account_id, decide).answer
    try:
        finish_removal(store, gateway, removal.card)
    except PaymentsUnavailable as trouble:
        log.warning("a removed card is still at Stripe", extra={"account_id": account_id, "reason": str(trouble)})
    return removal


def finish_removal(store: Store, gateway: Gateway, card: Card) -> None:
    """Let Stripe forget a card that was removed here, then forget it, too. Raises PaymentsUnavailable."""
    gateway.detach(card.payment_method_id)
    store.cards.forget(card)


def refresh_card(store: Store, gateway: Gateway, account_id: str, payment_method_id: str, now: datetime) -> None:
    """Take over what the card's network changed: a renewed card has a new expiry date (see `with_new_date`).

    Raises PaymentsUnavailable, StoreBusy.
    """
    seen = gateway.method(payment_method_id)
    known = card_of_method(store, account_id, payment_method_id)
    if known is None:
        return
    current = known_first(known, lambda: card_of_method(store, account_id, payment_method_id))

    def decide(wallet: Wallet) -> Change[bool]:
        card = current()
        return card_changes.record_network_date(wallet, card, seen.as_card(account_id, card.added_at), now)

    change = change_wallet(store, account_id, decide)
    if change.answer and change.wallet.is_past_due:
        renew_now(store, gateway, account_id, now)


def card_of_method(store: Store, account_id: str, payment_method_id: str) -> Card | None:
    """The account's card that is charged by this payment method."""
    cards = store.cards.of_account(account_id)
    return next((each for each in cards if each.payment_method_id == payment_method_id), None)
