"""The rules of auto-refill, held to what was seen of an account: what was charged, and what was asked of it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.auto_refill import with_refill
from billing.domain.card import Card
from billing.domain.change import Added, Change, Moved
from billing.domain.dispute import DisputeMovement, DisputeReport, record_dispute
from billing.domain.ledger import LedgerEntry
from billing.domain.money import Money
from billing.domain.refill_settings import RefillSettings, configure
from billing.domain.transaction import DisputeStatus, PaymentReport, Transaction
from billing.domain.wallet import DefaultCard, Posted, Wallet
from tests.builders import NOW, calls_feature, change, micros, plan, wallet

PLAN = plan(calls_feature(price_per_minute="6"), plan_id="طلب")
PLANS = {PLAN.key: PLAN}
CEILING = micros("10000")
A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
FINAL = ("lost_card", "authentication_required", "expired_card")
"""After one of these nobody is asked again by itself."""


@dataclass(frozen=True)
class Started:
    """A refill as it was when it started, and the settings and the balance that it answered."""

    refill: Transaction
    before: Wallet
    at: datetime

    @property
    def surplus_micros(self) -> int:
        """What it leaves above the threshold."""
        refill = self.before.refill
        assert refill is not None
        return self.before.balance_micros + self.refill.amount_micros - refill.threshold_micros


def cards() -> list[Card]:
    return [
        Card("acme", f"fingerprint-{name}", f"pm_{name}", "visa", "4242", 12, 2030, "verified", NOW) for name in "ab"
    ]


class RefillRules:
    """An account, and all that has happened to it. `write` is what a service does with a decision."""

    def __init__(self) -> None:
        self.now = NOW
        self.number = 0
        self.cards = cards()
        self.wallet = wallet(paid="100", on=PLAN, default_card=DefaultCard("pm_a", "fingerprint-a"))
        self.wallet = change(self.wallet, period=replace(self.period, end=NOW + 400 * A_DAY))
        self.transactions: dict[str, Transaction] = {}
        self.entries: list[LedgerEntry] = []
        self.answers: dict[str, PaymentReport] = {}  # at the bank, heard of or not
        self.started: list[Started] = []
        self.spent_micros = 0
        """Since the last refill started: calls, and whatever else took credit."""
        self.confirmed_at = 0
        """How many refills had started when the customer last saved the settings."""
        self.stops: dict[str, str] = {}
        """By what, and of which card: a refill was refunded or a payment disputed, and it may not go on since."""
        self.declined: list[tuple[datetime, str]] = []
        """Of the default card, since it last paid, was chosen, or the customer paid by hand."""
        self.number_now: dict[str, str] = {}
        self._save(threshold="20", amount="100", limit=None, enabled=True)

    @property
    def period(self) -> Any:
        return self.wallet.require_subscription().period

    @property
    def refill(self) -> Any:
        assert self.wallet.refill is not None
        return self.wallet.refill

    def write(self, decision: Change[Any], *, may_start: bool = False, now: datetime | None = None) -> None:
        """What a service does with a decision, and what the decision may do."""
        before, after = self.wallet, decision.wallet.with_alerts()
        for row in decision.also:
            if isinstance(row, Added | Moved):
                written: Any = row.row if isinstance(row, Added) else row.after
                if isinstance(written, Transaction):
                    self.transactions[written.transaction_id] = written
                else:
                    self.cards = [written if each.fingerprint == written.fingerprint else each for each in self.cards]
        self.entries.extend(decision.posted.entries)
        self.spent_micros += sum(max(0, -entry.amount_micros) for entry in decision.posted.entries)
        refill = decision.posted.refill
        if refill is not None:
            assert may_start, "started by what must not start one"
            credit = before.balance_micros + sum(entry.amount_micros for entry in decision.posted.entries)
            self._check_start(refill, replace(after, paid_micros=after.paid_micros + credit - after.balance_micros))
            self.transactions[refill.transaction_id] = refill
            self.started.append(Started(refill, after, now or self.now))
            self.spent_micros = 0
        self.wallet = replace(after, version=before.version + 1)

    def _check_start(self, refill: Transaction, at: Wallet) -> None:
        wanted = self.refill_of(at)
        assert wanted.enabled, "switched off"
        assert at.status in {"active", "paused"}, "locked or canceled"
        assert not at.is_ending, "the subscription ends"
        assert not self.stops, "refunded or disputed, and nobody said that it is to go on"
        others = [each for each in self.transactions.values() if each.kind == "auto_refill"]
        assert all(each.status != "Processing" for each in others), "two at a time"
        assert at.balance_micros < max(1, wanted.threshold_micros), "nothing is missing"
        self._check_amount(refill, at)
        self._check_pace(refill)
        self._check_declines(refill)

    def _check_amount(self, refill: Transaction, at: Wallet) -> None:
        wanted = self.refill_of(at)
        missing = max(1, wanted.threshold_micros) - at.balance_micros
        assert missing <= CEILING, "a mistake of that size is charged to nobody"
        most = CEILING
        if wanted.monthly_limit_micros is not None:
            most = min(most, wanted.monthly_limit_micros - self.charged_in_month_of(refill))
        multiples, rest = divmod(refill.amount_micros, wanted.amount_micros)
        assert multiples >= 1
        assert rest == 0, "no whole multiple"
        assert refill.amount_micros <= most, "above the month's limit or the most of one charge"
        assert refill.amount_micros - wanted.amount_micros < missing, "more than is needed"
        assert refill.amount_micros >= missing or refill.amount_micros + wanted.amount_micros > most, "too little"

    def charged_in_month_of(self, refill: Transaction) -> int:
        month = refill.created_at.astimezone(UTC).strftime("%Y-%m")
        return sum(
            each.amount_micros - each.refunded_micros
            for each in self.transactions.values()
            if each.kind == "auto_refill"
            and each.status != "Failed"
            and each.created_at.astimezone(UTC).strftime("%Y-%m") == month
        )

    def _check_pace(self, refill: Transaction) -> None:
        day = refill.created_at.astimezone(UTC).date()
        since_saved = self.started[self.confirmed_at :]
        assert sum(each.at.astimezone(UTC).date() == day for each in since_saved) < 10, "the eleventh of a day"
        if not self.started:
            return
        last = self.started[-1]
        assert refill.created_at - last.at >= timedelta(seconds=60), "within a minute of the last one"
        if self.transactions[last.refill.transaction_id].status == "Paid" and self.confirmed_at < len(self.started):
            assert self.spent_micros > last.surplus_micros, "a second one for one fall below the threshold"

    def _check_declines(self, refill: Transaction) -> None:
        if not self.declined:
            return
        at, code = self.declined[-1]
        assert code not in FINAL, "asked again where asking is no use"
        assert len(self.declined) < 3, "asked a fourth time"
        wait = timedelta(hours=1 if len(self.declined) == 1 else 24)
        assert refill.created_at >= at + wait, "asked again too soon"

    @staticmethod
    def refill_of(at: Wallet) -> Any:
        assert at.refill is not None
        return at.refill

    def _check_wanted(self, pending: Transaction) -> None:
        refill = self.refill
        assert refill.enabled
        assert self.wallet.status in {"active", "paused"}
        assert not self.wallet.is_ending
        assert not self.stops
        missing = refill.threshold_micros - self.wallet.balance_micros
        assert 0 < missing <= CEILING, "an old intention, and the money came otherwise"
        assert pending.amount_micros - refill.amount_micros < missing, "more than would be asked for now"
        assert pending.payment_method_id == self._default().payment_method_id

    def _default(self) -> Card:
        default = self.wallet.default_card
        return next(each for each in self.cards if default is not None and each.fingerprint == default.fingerprint)

    def _save(self, threshold: str, amount: str, limit: str | None, *, enabled: bool) -> None:
        wanted = RefillSettings(enabled, micros(threshold), micros(amount), None if limit is None else micros(limit))
        self.stops = {}
        self.confirmed_at = len(self.started)
        self.write(Change(with_refill(Posted(configure(self.wallet, wanted)), self.now), None), may_start=True)

    def _decide(self, paid: Transaction, decided: DisputeStatus) -> None:
        if decided == "won":
            self.stops.pop(f"dp_{paid.transaction_id}", None)
            if self._default().fingerprint not in self.stops.values():
                self._no_dispute_stops()
        self._dispute(paid, decided)

    def _no_dispute_stops(self) -> None:
        self.stops = {name: card for name, card in self.stops.items() if name == "refunded"}

    def _dispute(self, paid: Transaction, status: DisputeStatus) -> None:
        self.write(record_dispute(self.wallet, paid, disputed(paid, status), {}, self.now))


def disputed(paid: Transaction, status: DisputeStatus) -> DisputeReport:
    """A dispute of the whole payment: its bank takes it when it is opened, and gives it back when it is won."""
    whole = Money(paid.amount_micros, paid.currency)
    taken = DisputeMovement(f"txn_{paid.transaction_id}", replace(whole, micros=-whole.micros))
    given_back = DisputeMovement(f"txn_{paid.transaction_id}_back", whole)
    movements = (taken, given_back) if status == "won" else (taken,)
    return DisputeReport(f"dp_{paid.transaction_id}", status, whole, movements)
