"""Credit by hand: an administrator's adjustment of the balance, and promotional credit that expires."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime

from billing.domain.errors import Conflict, IdempotencyKeyReused, InvalidValue
from billing.domain.ledger import LedgerEntry
from billing.domain.transaction import Transaction, adjustment
from billing.domain.wallet import MAX_GRANTS, Posted, Wallet, adjust, expire_grants, grant_credit
from billing.services.change_wallet import Change, change_wallet
from billing.store.books import Books
from billing.store.database import Database
from billing.store.transactions import new_transaction_put

_ID_DIGITS = 24


def id_from_key(account_id: str, idempotency_key: str) -> str:
    """The id of what an idempotency key stands for: the same key of the same account is the same thing, for ever."""
    return hashlib.sha256(json.dumps([account_id, idempotency_key]).encode()).hexdigest()[:_ID_DIGITS]


def adjust_balance(
    database: Database, account_id: str, *, micros: int, reason: str, by: str, adjustment_id: str, now: datetime
) -> LedgerEntry:
    """Add paid credit, or take it where `micros` is negative; once for an adjustment id.

    The billing history shows it as a transaction, written with the entry or not at all. It is no payment: it is told as
    none, and a suspended auto-refill stays suspended.

    The same id with the same content returns the entry of the first time. Raises AccountNotFound, InvalidValue for an
    amount of zero, Conflict (`idempotency_key_reused`) for other content.
    """
    if micros == 0:
        raise InvalidValue("must not be zero", field="amount")
    fingerprint = digest("adjustment", micros, reason, by)

    def post(wallet: Wallet) -> Posted:
        return adjust(
            wallet, micros, adjustment_id=adjustment_id, reason=reason, by=by, now=now, fingerprint=fingerprint
        )

    return post_once(database, account_id, post, now, row=lambda entry: adjustment(entry, adjustment_id))


def give_credit(
    database: Database, account_id: str, *, micros: int, expires_at: datetime, reason: str, grant_id: str, now: datetime
) -> LedgerEntry:
    """Grant promotional credit; once for a grant id, as an adjustment is. No money moves: the history has no row of it.

    Raises AccountNotFound, InvalidValue, Conflict (`idempotency_key_reused`, `too_many_grants`).
    """
    if micros <= 0:
        raise InvalidValue("must be more than zero", field="amount")
    fingerprint = digest("grant", micros, expires_at.isoformat(), reason)

    def post(wallet: Wallet) -> Posted:
        return grant_credit(
            wallet, micros, grant_id=grant_id, expires_at=expires_at, reason=reason, now=now, fingerprint=fingerprint
        )

    def check(wallet: Wallet) -> None:
        if expires_at <= now:
            raise InvalidValue("must be in the future", field="expires_at")
        if len(wallet.grants) >= MAX_GRANTS:
            raise Conflict(f"an account has at most {MAX_GRANTS} credit grants at a time", code="too_many_grants")

    return post_once(database, account_id, post, now, check=check)


def post_once(
    database: Database,
    account_id: str,
    post: Callable[[Wallet], Posted],
    now: datetime,
    *,
    check: Callable[[Wallet], None] | None = None,
    row: Callable[[LedgerEntry], Transaction] | None = None,
) -> LedgerEntry:
    """The entry that `post` makes, with its row of the history, or the entry of its cause that exists.

    A repeated request is not checked again, and writes nothing.
    """
    books = Books(database)

    def decide(wallet: Wallet) -> Posted | Change:
        expired = expire_grants(wallet, now)
        posted = post(expired.wallet)
        (entry,) = posted.entries
        written = books.entries([entry.cause]).get(entry.cause)
        if written is not None:
            _expect_same(written, entry)
            return Posted(wallet, (written,))
        if check is not None:
            check(expired.wallet)
        rows = () if row is None else (new_transaction_put(database, row(entry)),)
        return Change(Posted(posted.wallet, (*expired.entries, entry)), rows)

    return change_wallet(database, account_id, decide, now=now).entries[-1]


def _expect_same(written: LedgerEntry, entry: LedgerEntry) -> None:
    if written.fingerprint != entry.fingerprint:
        raise IdempotencyKeyReused


def digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
