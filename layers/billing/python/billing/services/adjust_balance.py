"""Credit by hand: an administrator's adjustment of the balance, and promotional credit that expires."""

import hashlib
import json
from datetime import datetime
from functools import partial

from billing.domain import credit_by_hand
from billing.domain.credit_by_hand import Post
from billing.domain.errors import InvalidValue
from billing.domain.ledger import LedgerEntry, adjustment_cause, grant_cause
from billing.domain.money import Money, is_whole_minor_units
from billing.services.accounts import find_account
from billing.services.change_wallet import change_wallet, known_first
from billing.store.store import Store

_ID_DIGITS = 24


def id_from_key(account_id: str, idempotency_key: str) -> str:
    """The id of what an idempotency key stands for: the same key of the same account is the same thing, for ever."""
    return hashlib.sha256(json.dumps([account_id, idempotency_key]).encode()).hexdigest()[:_ID_DIGITS]


def adjust_balance(
    store: Store,
    account_id: str,
    *,
    micros: int,
    reason: str,
    by: str,
    adjustment_id: str,
    now: datetime,
    received: bool = False,
) -> LedgerEntry:
    """Add paid credit, or take it where `micros` is negative; once for an adjustment id.

    `received` says that it is money that came by another way than a card, which gets a receipt.

    The billing history shows it as a transaction, written with the entry or not at all. It is no payment: it is told as
    none, and lifts no suspension of auto-refill, but that for a deficit which it brings within reach.

    The same id with the same content returns the entry of the first time. Raises AccountNotFound, InvalidValue for an
    amount that is not allowed, Conflict (`idempotency_key_reused`) for other content.
    """
    if micros == 0:
        raise InvalidValue("must not be zero", field="amount")
    if received:
        currency = find_account(store, account_id).currency
        if micros < 0 or not is_whole_minor_units(Money(micros, currency)):
            raise InvalidValue(
                "must be above zero and a whole number of the currency's smallest unit: it is money received",
                field="amount",
            )
    fingerprint = digest("adjustment", micros, reason, by, *(["received"] if received else []))
    post = partial(
        credit_by_hand.adjust_by_hand,
        micros=micros,
        adjustment_id=adjustment_id,
        reason=reason,
        by=by,
        received=received,
        now=now,
        fingerprint=fingerprint,
    )
    return post_once(store, account_id, adjustment_cause(account_id, adjustment_id), fingerprint, post)


def give_credit(
    store: Store, account_id: str, *, micros: int, expires_at: datetime, reason: str, grant_id: str, now: datetime
) -> LedgerEntry:
    """Grant promotional credit; once for a grant id, as an adjustment is. No money moves: the history has no row of it.

    Raises AccountNotFound, InvalidValue, Conflict (`idempotency_key_reused`, `too_many_grants`).
    """
    if micros <= 0:
        raise InvalidValue("must be more than zero", field="amount")
    fingerprint = digest("grant", micros, expires_at.isoformat(), reason)
    post = partial(
        credit_by_hand.give_credit,
        micros=micros,
        grant_id=grant_id,
        expires_at=expires_at,
        reason=reason,
        now=now,
        fingerprint=fingerprint,
    )
    return post_once(store, account_id, grant_cause(account_id, grant_id), fingerprint, post)


def post_once(store: Store, account_id: str, cause: str, fingerprint: str, post: Post) -> LedgerEntry:
    """The entry of this cause: as `post` makes it, with what is written beside it, or as it exists already.

    A repetition writes nothing, and starts nothing.
    """
    written = store.books.entry(cause)
    if written is not None:
        return credit_by_hand.same_as(written, fingerprint)
    current = known_first(written, lambda: store.books.entry(cause))
    return change_wallet(
        store,
        account_id,
        lambda wallet: credit_by_hand.post_once(wallet, current(), fingerprint, post),
    ).answer


def digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
