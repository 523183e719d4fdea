"""An account's cards: list them, choose the default, remove one."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.card import Card, with_default_card, with_new_date, without_card
from billing.domain.errors import Conflict, NotFound
from billing.domain.wallet import Posted, Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services.accounts import AccountNotFound
from billing.services.change_wallet import Change, change_wallet
from billing.services.renew_subscription import renew_now
from billing.store.cards import PaymentMethods, card_is_verified, card_put
from billing.store.database import Database
from billing.store.paging import Listing, page_of
from billing.store.plans import Plans
from billing.store.wallets import Wallets

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


def list_cards(database: Database, account_id: str, limit: int, cursor: str | None) -> CardList:
    """Raises AccountNotFound, InvalidValue (cursor)."""
    wallet = Wallets(database).get(account_id)
    if wallet is None:
        raise AccountNotFound(account_id)
    default = None if wallet.default_card is None else wallet.default_card.payment_method_id
    listed = [card for card in PaymentMethods(database).of_account(account_id) if card.is_listed]
    return CardList(page_of(listed, lambda card: (card.added_at, card.fingerprint), limit, cursor), default)


def default_card(database: Database, wallet: Wallet) -> Card | None:
    """The card behind the wallet's default."""
    if wallet.default_card is None:
        return None
    return PaymentMethods(database).get(wallet.account_id, wallet.default_card.fingerprint)


def find_card(database: Database, account_id: str, payment_method_id: str, *, usable: bool = False) -> Card:
    """Raises CardNotFound, and Conflict (`card_not_verified`) where `usable` and it is not."""
    cards = PaymentMethods(database).of_account(account_id)
    card = next((each for each in cards if each.payment_method_id == payment_method_id and each.is_listed), None)
    if card is None:
        raise CardNotFound(payment_method_id, field="payment_method" if usable else None)
    if usable and not card.is_usable:
        why = "is being verified" if card.failure is None else f"was not kept: {card.failure.message}"
        raise Conflict(f"the card {why}", code="card_not_verified", field="payment_method")
    return card


def make_default(database: Database, account_id: str, payment_method_id: str, now: datetime) -> Card:
    """Make a verified card the default. Auto-refill goes on with it at once. Raises CardNotFound, Conflict."""

    def decide(wallet: Wallet) -> Change:
        card = find_card(database, account_id, payment_method_id, usable=True)
        return Change(Posted(with_default_card(wallet, card, now)), (card_is_verified(database, card),))

    change_wallet(database, account_id, decide, now=now)
    return find_card(database, account_id, payment_method_id)


@dataclass(frozen=True, slots=True)
class Removed:
    auto_refill_switched_off: bool


def remove_card(database: Database, gateway: Gateway, account_id: str, payment_method_id: str) -> Removed:
    """Remove a card here, then at Stripe; where Stripe does not answer, reconciliation finishes it.

    The last card switches auto-refill off. Raises CardNotFound, CardIsDefault, Conflict while it is being verified.
    """
    switched_off = False
    removing: Card | None = None

    def decide(wallet: Wallet) -> Change:
        nonlocal switched_off, removing
        card = find_card(database, account_id, payment_method_id)
        if card.verification == "pending":
            raise Conflict("the card is being verified: try again in a minute", code="card_not_verified")
        after = without_card(wallet, card, PaymentMethods(database).of_account(account_id))
        was_on = wallet.refill is not None and wallet.refill.enabled
        switched_off = was_on and after.refill is not None and not after.refill.enabled
        removing = replace(card, verification="removing")
        return Change(Posted(after), (card_put(database, card, removing),))

    change_wallet(database, account_id, decide)
    if removing is not None:
        try:
            finish_removal(database, gateway, removing)
        except PaymentsUnavailable as trouble:
            log.warning("a removed card is still at Stripe", extra={"account_id": account_id, "reason": str(trouble)})
    return Removed(switched_off)


def finish_removal(database: Database, gateway: Gateway, card: Card) -> None:
    """Let Stripe forget a card that was removed here, then forget it, too. Raises PaymentsUnavailable."""
    gateway.detach(card.payment_method_id)
    PaymentMethods(database).forget(card)


def refresh_card(database: Database, gateway: Gateway, account_id: str, payment_method_id: str, now: datetime) -> None:
    """Take over what the card's network changed: a renewed card has a new expiry date (see `with_new_date`).

    Raises PaymentsUnavailable, StoreBusy.
    """
    methods = PaymentMethods(database)
    seen = gateway.method(payment_method_id)
    has_new_date = False

    def find() -> Card | None:
        cards = methods.of_account(account_id)
        return next((each for each in cards if each.payment_method_id == payment_method_id), None)

    def decide(wallet: Wallet) -> Posted | Change:
        nonlocal has_new_date
        has_new_date = False
        card = find()
        now_there = None if card is None else seen.as_card(account_id, card.added_at)
        if card is None or now_there is None:
            return Posted(wallet)
        renewed = card.renewed_as(now_there)
        if renewed == card:
            return Posted(wallet)
        has_new_date = not card.has_date_of(renewed)
        after = with_new_date(wallet, renewed, now) if has_new_date else wallet
        return Change(Posted(after), (card_put(database, card, renewed),))

    if find() is None:
        return
    after = change_wallet(database, account_id, decide, now=now).wallet
    if has_new_date and after.dunning is not None:
        renew_now(database, gateway, Plans(database), account_id, now)
