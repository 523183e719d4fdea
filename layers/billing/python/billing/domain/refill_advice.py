"""What a customer can do about an auto-refill that does not start: a code and its facts (`words/refill_texts.py`)."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.auto_refill import DEFICIT_TOO_LARGE, TOO_MANY, month_start
from billing.domain.declines import NEEDS_CUSTOMER
from billing.domain.refill_breaker import DISPUTED, REFUNDED
from billing.domain.wallet import Refill, Wallet

_CARD_DECLINED = "card_declined"
_ENDS_WITH_PERIOD = "ends_with_period"
_MONTHLY_LIMIT = "monthly_limit"

_SUSPENSIONS = frozenset({NEEDS_CUSTOMER, DEFICIT_TOO_LARGE, DISPUTED, REFUNDED, TOO_MANY})
ADVICE_CODES = _SUSPENSIONS | {_CARD_DECLINED, _ENDS_WITH_PERIOD, _MONTHLY_LIMIT}


@dataclass(frozen=True, slots=True)
class Advice:
    """One of ADVICE_CODES; `goes_on_at` is when a monthly limit leaves room again, None of all other codes."""

    code: str
    goes_on_at: datetime | None = None


def advise(wallet: Wallet) -> Advice | None:
    """About an auto-refill that is suspended, waits for the next month, or has no next one; None where all is well."""
    refill = wallet.refill
    if refill is None:
        return None
    if wallet.is_ending and refill.enabled:
        return Advice(_ENDS_WITH_PERIOD)
    if refill.suspended is not None:
        return advise_on(refill.suspended)
    return Advice(_MONTHLY_LIMIT, refill.next_attempt_at) if waits_for_month(refill) else None


def advise_on(suspended: str) -> Advice:
    """About a suspension, by its code: each decline of a card is the same to the customer."""
    return Advice(suspended if suspended in _SUSPENSIONS else _CARD_DECLINED)


def waits_for_month(refill: Refill) -> bool:
    """Whether the month's limit leaves no room, so that it goes on with the next month. A decline waits, too."""
    waits_until = refill.next_attempt_at
    return (
        refill.suspended is None
        and waits_until is not None
        and not refill.failures
        and waits_until == month_start(waits_until)
    )
