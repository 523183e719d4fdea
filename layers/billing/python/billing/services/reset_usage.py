"""Reset a usage cycle: an administrator sets the consumed counters to zero."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.credit_by_hand import count_anew
from billing.domain.ledger import LedgerEntry, usage_reset_cause
from billing.domain.wallet import Wallet
from billing.services.adjust_balance import digest, post_once
from billing.store.store import Store


def reset_usage(store: Store, account_id: str, *, reason: str, by: str, reset_id: str, now: datetime) -> LedgerEntry:
    """Make the period's allowances whole; once for a reset id. The entry is the trail: who, why, what was counted.

    Raises AccountNotFound, NoSubscription, Conflict (`idempotency_key_reused`) for other content.
    """
    fingerprint = digest("usage_reset", reason, by)

    def post(wallet: Wallet) -> Change[LedgerEntry]:
        plans = store.plans.versions(wallet.plan_keys)
        return count_anew(wallet, plans, reset_id=reset_id, reason=reason, by=by, now=now, fingerprint=fingerprint)

    return post_once(store, account_id, usage_reset_cause(account_id, reset_id), fingerprint, post)
