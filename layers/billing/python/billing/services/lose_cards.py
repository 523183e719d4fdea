"""Cards that Stripe has no longer for us: their customer was deleted there, or they were detached by hand."""

import logging
from datetime import datetime

from billing.domain.card_changes import record_lost
from billing.payments.gateway import Gateway
from billing.services.change_wallet import change_wallet
from billing.store.store import Store

log = logging.getLogger(__name__)


def lose_cards(
    store: Store, gateway: Gateway, account_id: str, now: datetime, *, payment_method_id: str | None = None
) -> None:
    """Mark those of the account's cards as gone, or this one, that are no customer's at Stripe any more.

    Stripe is asked for each: a card that was added since is another one's. Raises PaymentsUnavailable, StoreBusy.
    """
    for card in store.cards.of_account(account_id):
        if card.verification not in {"pending", "verified"} or payment_method_id not in {None, card.payment_method_id}:
            continue
        if gateway.method(card.payment_method_id).customer_id is not None:
            continue
        fingerprint = card.fingerprint
        change_wallet(
            store,
            account_id,
            lambda wallet, fingerprint=fingerprint: record_lost(  # type: ignore[misc]
                wallet, store.cards.of_account(account_id), fingerprint, now
            ),
        )
        log.warning(
            "a card is gone at Stripe", extra={"account_id": account_id, "payment_method_id": card.payment_method_id}
        )
