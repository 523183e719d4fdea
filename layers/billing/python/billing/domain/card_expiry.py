"""When a card's end is announced: 30 days ahead, and 7."""

from datetime import UTC, datetime, timedelta

from billing.domain.card import Card

ANNOUNCED_DAYS = (30, 7)
_MONTHS_A_YEAR = 12


def expires_at(card: Card) -> datetime:
    """A card is good to the end of the month it names, UTC."""
    return datetime(
        card.exp_year + card.exp_month // _MONTHS_A_YEAR, card.exp_month % _MONTHS_A_YEAR + 1, 1, tzinfo=UTC
    )


def announcement_due(card: Card, now: datetime) -> int | None:
    """Which announcement, by its days ahead, is to be made now; None where it was made, or there is none to make.

    A day on which nobody looked is made up for, and a card added late is announced once.
    """
    left = expires_at(card) - now
    stages = [days for days in ANNOUNCED_DAYS if timedelta() < left <= timedelta(days=days)]
    if not card.is_usable or not stages:
        return None
    stage, told = min(stages), card.expiry_told_days
    return stage if told is None or stage < told else None
