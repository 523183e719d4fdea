"""Reset a usage cycle: an administrator sets the consumed counters to zero."""

from datetime import datetime

from billing.domain.ledger import LedgerEntry
from billing.domain.subscription import reset_usage as reset
from billing.domain.wallet import Posted, Wallet
from billing.services.adjust_balance import digest, post_once
from billing.services.wallet_as_of import as_of
from billing.store.database import Database
from billing.store.plans import Plans


def reset_usage(
    database: Database, plans: Plans, account_id: str, *, reason: str, by: str, reset_id: str, now: datetime
) -> LedgerEntry:
    """Make the period's allowances whole; once for a reset id. The entry is the trail: who, why, what was counted.

    Raises AccountNotFound, NoSubscription, Conflict (`idempotency_key_reused`) for other content.
    """
    fingerprint = digest("usage_reset", reason, by)

    def post(wallet: Wallet) -> Posted:
        present, _ = as_of(plans, wallet, now)
        return reset(present, reset_id=reset_id, reason=reason, by=by, now=now, fingerprint=fingerprint)

    return post_once(database, account_id, post, now)
