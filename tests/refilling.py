"""An account with auto-refill, decided on values, and what a test asks of it in short."""

from dataclasses import replace
from datetime import datetime, timedelta

from billing.domain.auto_refill import with_refill
from billing.domain.card import Card
from billing.domain.card_changes import (
    with_new_date,
)
from billing.domain.money import Money
from billing.domain.refill_breaker import after_dispute
from billing.domain.refill_settings import RefillSettings, configure
from billing.domain.transaction import Transaction, new_charge
from billing.domain.wallet import DefaultCard, Posted, Wallet
from tests.builders import NOW, micros, plan, wallet

CARD = DefaultCard("pm_1", "fingerprint-1")
A_MINUTE = timedelta(minutes=1)
A_PAYMENT = new_charge("tx_0", "acme", "top_up", Money(micros("10"), "USD"), CARD, now=NOW)


def refilling(*, paid: str, threshold: str = "20", amount: str = "100", limit: str | None = None) -> Wallet:
    most = None if limit is None else micros(limit)
    wanted = RefillSettings(
        enabled=True, threshold_micros=micros(threshold), amount_micros=micros(amount), monthly_limit_micros=most
    )
    return configure(wallet(paid=paid, on=plan(), default_card=CARD), wanted)


def started(before: Wallet, now: datetime = NOW) -> tuple[Wallet, Transaction | None]:
    posted = with_refill(Posted(before), now)
    return posted.wallet, posted.refill


def disputed_on(before: Wallet) -> Wallet:
    """A payment by the default card is disputed."""
    return after_dispute(before, A_PAYMENT)


def a_card(name: str) -> Card:
    return Card("acme", f"fingerprint-{name}", f"pm_{name}", "visa", "4242", 12, 2030, "verified", NOW)


def with_limit(before: Wallet, limit: str) -> Wallet:
    return configure(
        before,
        RefillSettings(
            enabled=True, threshold_micros=micros("20"), amount_micros=micros("100"), monthly_limit_micros=micros(limit)
        ),
    )


def both(state: tuple[Wallet, Transaction | None]) -> tuple[Wallet, Transaction]:
    before, refill = state
    assert refill is not None
    return before, refill


def renewed(before: Wallet) -> Wallet:
    return with_new_date(before, replace(a_card("1"), payment_method_id="pm_new"), NOW)
