"""Void a charge by hand, once."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.errors import NotFound
from billing.domain.ledger import LedgerEntry, position_of, void_cause
from billing.domain.void import AlreadyVoided, void_charge
from billing.domain.wallet import Posted, Wallet
from billing.services.accounts import find_account
from billing.services.adjust_balance import digest
from billing.services.change_wallet import change_wallet
from billing.store.store import Store


class UsageRecordNotFound(NotFound):
    code = "usage_record_not_found"

    def __init__(self, record_id: str) -> None:
        super().__init__(f'there is no usage record "{record_id}"')


def void_usage(
    store: Store, account_id: str, record_id: str, *, reason: str, by: str, key: str, now: datetime
) -> LedgerEntry:
    """Void what a usage record charged. Returns the entry; the same `key` with the same content returns it again.

    Raises AccountNotFound, UsageRecordNotFound (also a moment after it was settled), AlreadyVoided.
    """
    find_account(store, account_id)
    position = position_of(record_id)
    charge = None if position is None else store.books.at(account_id, position)
    if charge is None or charge.kind != "usage":
        raise UsageRecordNotFound(record_id)
    fingerprint = digest("void", key, reason, by)

    def decide(wallet: Wallet) -> Change[LedgerEntry]:
        written = store.books.entry(void_cause(charge.cause))
        if written is None:
            return void_charge(wallet, charge, reason=reason, by=by, now=now, fingerprint=fingerprint)
        if written.fingerprint != fingerprint:
            raise AlreadyVoided
        return Change(Posted(wallet), written)

    return change_wallet(store, account_id, decide).answer
