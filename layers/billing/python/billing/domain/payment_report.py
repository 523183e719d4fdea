"""A payment's report applied to its transaction and its account: the one way from an outcome to the books."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from billing.domain.change import Change, Moved
from billing.domain.payment import post_payment
from billing.domain.plan_change import abandon_change, complete_change
from billing.domain.refill_breaker import after_failed, after_paid, look_after_payment
from billing.domain.renewal import complete_renewal, drop_purpose, fail_renewal
from billing.domain.transaction import PaymentReport, Transaction, TransactionKind, record
from billing.domain.wallet import Posted, Wallet

Effect = Literal["unchanged", "moved", "paid", "failed", "refused", "unknown", "paid_twice"]

_PAID: Mapping[TransactionKind, Callable[[Wallet, Transaction, datetime], Posted]] = {
    "top_up": post_payment,
    "auto_refill": post_payment,
    "renewal": complete_renewal,
    "plan_change": complete_change,
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What a report did. `refused`, `unknown` and `paid_twice` are money that arrived and that nobody was credited."""

    effect: Effect
    transaction: Transaction | None

    @property
    def needs_operator(self) -> bool:
        return self.effect in {"refused", "unknown", "paid_twice"}


def apply_report(wallet: Wallet, transaction: Transaction, report: PaymentReport, now: datetime) -> Change[Applied]:
    """Move the transaction, and with it what the account has, owes or waits for. What is known changes nothing."""
    after = record(transaction, report, now)
    effect = _effect(transaction, after, report)
    if after == transaction:
        return Change(Posted(wallet), Applied(effect, transaction))
    posted = _consequence(wallet, transaction, after, now)
    if after.is_for_subscription and any(entry.kind == "payment" for entry in posted.entries):
        after = drop_purpose(after)
    written = replace(after, version=transaction.version + 1)
    return Change(posted, Applied(effect, written), (Moved(transaction, after),))


def _effect(before: Transaction, after: Transaction, report: PaymentReport) -> Effect:
    if report.outcome == "succeeded" and after.status == "Failed":
        return "refused" if after != before else "unchanged"
    if before.status == "Paid":
        another = report.outcome == "succeeded" and report.payment_intent_id != before.payment_intent_id
        return "paid_twice" if another else "unchanged"
    if after.status == before.status:
        return "moved" if after != before else "unchanged"
    return "paid" if after.status == "Paid" else "failed" if after.status == "Failed" else "moved"


def _consequence(wallet: Wallet, before: Transaction, after: Transaction, now: datetime) -> Posted:
    if after.status == before.status:
        return Posted(wallet)
    if after.status == "Paid":
        posted = _PAID[after.kind](after_paid(wallet, after), after, now)
        return replace(posted, wallet=look_after_payment(wallet, posted.wallet, after, now))
    if after.status == "Failed" and after.failure is not None:
        wallet = abandon_change(fail_renewal(wallet, after, now), after)
        return Posted(after_failed(wallet, after, after.failure, now))
    return Posted(wallet)
