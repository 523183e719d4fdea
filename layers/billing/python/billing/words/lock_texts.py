"""Why an account is locked: what an administrator wrote, or that its renewal is not paid."""

from typing import get_args

from billing.domain.wallet import LockedBy, Wallet
from billing.words.phrases import Phrases

LOCKS: Phrases[LockedBy] = Phrases(
    get_args(LockedBy),
    en={"administrator": "$reason", "unpaid_renewal": "The renewal could not be paid."},
    ar={"administrator": "$reason", "unpaid_renewal": "تعذّر دفع تجديد الاشتراك."},
)


def why_locked(wallet: Wallet, language: str = "en") -> str | None:
    """None where the account is not locked."""
    locked_by = wallet.locked_by
    return None if locked_by is None else LOCKS.say(language, locked_by, reason=wallet.lock_reason or "")
