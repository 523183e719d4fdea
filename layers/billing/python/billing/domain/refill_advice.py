"""What a customer is told about an auto-refill that does not start."""

from datetime import UTC

from billing.domain.auto_refill import DEFICIT_TOO_LARGE, TOO_MANY, month_start
from billing.domain.refill_breaker import DISPUTED, REFUNDED
from billing.domain.wallet import Refill, Wallet

ADVICE = {
    "authentication_required": "Your bank wants you to confirm payments. Pay by hand or change the default card.",
    DEFICIT_TOO_LARGE: "The balance is further below the threshold than one charge may be. Check your usage, then pay "
    "by hand or lower the threshold.",
    DISPUTED: "A payment was disputed. Pay by hand, change the default card or save the settings again to resume.",
    REFUNDED: "A refill was refunded. Pay by hand, change the default card or save the settings again to resume.",
    TOO_MANY: "Auto-refill has bought credit many times today. It goes on tomorrow, or once you save the settings.",
}
OTHER_ADVICE = "The card was declined. Pay by hand or change the default card to resume."
ENDING_ADVICE = "The subscription ends with its period: auto-refill buys no more credit."


def advice(wallet: Wallet) -> str | None:
    """What the customer can do about an auto-refill that is suspended, waits for the next month, or has no next one."""
    refill = wallet.refill
    if refill is None:
        return None
    if wallet.is_ending and refill.enabled:
        return ENDING_ADVICE
    if refill.suspended is not None:
        return advice_on(refill.suspended)
    if refill.next_attempt_at is None or not waits_for_month(refill):
        return None
    return (
        f"The monthly limit is reached. Auto-refill goes on at {refill.next_attempt_at.astimezone(UTC):%Y-%m-%d %H:%M} "
        "UTC. Raise the monthly limit or top up by hand to have credit before then."
    )


def advice_on(suspended: str) -> str:
    """What the customer can do about a suspension, by its code."""
    return ADVICE.get(suspended, OTHER_ADVICE)


def waits_for_month(refill: Refill) -> bool:
    """Whether the month's limit leaves no room, so that it goes on with the next month. A decline waits, too."""
    waits_until = refill.next_attempt_at
    return (
        refill.suspended is None
        and waits_until is not None
        and not refill.failures
        and waits_until == month_start(waits_until)
    )
