"""Disputes: the cardholder's bank takes a payment back, and gives it again where the dispute is won.

What a dispute is called says nothing of money: only Stripe's balance transactions move it, each by one entry. A dispute
that is lost may give a part back, one that is won another amount than it took, and a dispute may settle in a currency
that is not the payment's. https://docs.stripe.com/api/disputes/object#dispute_object-balance_transactions
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from billing.domain.change import Change, Moved
from billing.domain.dispute_hold import end_hold, hold, hold_and_stop
from billing.domain.ledger import CARD_CLEARING, LedgerEntry
from billing.domain.money import Money, share
from billing.domain.payment import take_back
from billing.domain.transaction import CREDIT_KINDS, Dispute, DisputeStatus, Transaction
from billing.domain.wallet import Posted, Wallet

# An inquiry moves no money and may become a dispute. A test compares the statuses with those that Stripe describes.
STATUS_OF_STRIPE: Final[Mapping[str, DisputeStatus]] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "inquiry",
    "prevented": "inquiry",
    "needs_response": "opened",
    "under_review": "opened",
    "won": "won",
    "lost": "lost",
}


_IN_ORDER: Final = ("inquiry", "opened", "lost", "won")


class RateUnknown(Exception):
    """A dispute moved money in a currency, and nothing tells how much of the payment that is. Nothing is guessed."""


@dataclass(frozen=True, slots=True)
class DisputeMovement:
    """A balance transaction of a dispute: its `amount` without the fee, which is the seller's; below zero it left."""

    movement_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """What Stripe says now of a dispute.

    `amount` is what is disputed, in the bank's currency. `settled_as` is what the whole payment had come to in the
    seller's balance, None where it is not known.
    """

    dispute_id: str
    status: DisputeStatus
    amount: Money
    movements: tuple[DisputeMovement, ...] = ()
    settled_as: Money | None = None

    def worth(self, movement: DisputeMovement, paid: Money) -> int:
        """What a movement takes of the payment, in micro-units of its currency; below zero it gives back.

        In the payment's currency that is its amount. Otherwise it is the share of what is disputed that it is of all
        that was withdrawn, half up to a minor unit: 50.00 EUR withdrawn as 54.00 USD, 21.60 USD reinstated are 20.00
        EUR. Where what is disputed is in another currency, too, or was not withdrawn in that of the movement alone, it
        is the share of the payment that it is of what the payment settled as. Raises RateUnknown.
        """
        moved = movement.amount
        if moved.currency == paid.currency:
            return -moved.micros
        withdrawn = [each.amount for each in self.movements if each.amount.micros < 0]
        if self.amount.currency == paid.currency and {each.currency for each in withdrawn} == {moved.currency}:
            worth = share(self.amount, abs(moved.micros), -sum(each.micros for each in withdrawn))
        elif self.settled_as is not None and self.settled_as.currency == moved.currency and self.settled_as.micros:
            worth = share(paid, abs(moved.micros), self.settled_as.micros)
        else:
            raise RateUnknown(f"dispute {self.dispute_id}: {movement.movement_id} is in {moved.currency}")
        return worth.micros if moved.micros < 0 else -worth.micros


def dispute_status(stripe_status: str) -> DisputeStatus:
    """Raises KeyError for a status that Stripe did not have when this was written."""
    return STATUS_OF_STRIPE[stripe_status]


def former_causes(dispute_id: str) -> tuple[str, str]:
    """The causes of the entries that releases up to 0.2 posted by a dispute's status: money taken, and given back."""
    return f"dispute:{dispute_id}:opened", f"dispute:{dispute_id}:won"


def record_dispute(
    wallet: Wallet, transaction: Transaction, report: DisputeReport, former: Mapping[str, LedgerEntry], now: datetime
) -> Change[Transaction]:
    """Post what a dispute has moved since it was last heard of; hold the card from its opening on, until it is won.

    `former` are the entries that an earlier release posted of it (see `former_causes`): what they moved counts as
    moved. The answer is the transaction as it is then. A report lists all movements so far, so the books do not depend
    on the order in which reports are heard of. A movement without a known rate is left out: see `require_posted`.
    Raises RateUnknown for one of a dispute that an earlier release posted.
    """
    known = _of(transaction, report)
    is_shown = transaction.dispute_id == report.dispute_id
    before = known.status if known is not None else transaction.dispute_status if is_shown else None
    status = _later(before, report.status)
    dispute = replace(known or Dispute(report.dispute_id, status), status=status)
    if known is None and former:
        moved = _moved(former)
        after, posted = _restated(wallet, _with(transaction, replace(dispute, taken_micros=moved)), report, now)
    else:
        after, posted = _posted(wallet, transaction, dispute, report, now)
    if known is not None and known == _of(after, report):
        return Change(Posted(wallet), transaction)
    held = _held(posted.wallet, transaction, dispute, before, is_former=bool(former), now=now)
    after = replace(after, dispute_id=dispute.dispute_id, dispute_status=status)
    written = replace(after, version=transaction.version + 1)
    return Change(replace(posted, wallet=held), written, (Moved(transaction, after),))


def _later(before: DisputeStatus | None, reported: DisputeStatus) -> DisputeStatus:
    """The further one: a report may be outrun by a later one. What was lost may still be won."""
    return reported if before is None else max(before, reported, key=_IN_ORDER.index)


def require_posted(transaction: Transaction, report: DisputeReport) -> None:
    """Raises RateUnknown for a movement that is not posted, since nothing tells how much of the payment it is."""
    dispute = _of(transaction, report)
    posted = () if dispute is None else dispute.movements
    missing = [each for each in report.movements if each.movement_id not in posted]
    if missing:
        raise RateUnknown(f"dispute {report.dispute_id}: {missing[0].movement_id} is in {missing[0].amount.currency}")


def _of(transaction: Transaction, report: DisputeReport) -> Dispute | None:
    return next((each for each in transaction.disputes if each.dispute_id == report.dispute_id), None)


def _posted(
    wallet: Wallet, transaction: Transaction, dispute: Dispute, report: DisputeReport, now: datetime
) -> tuple[Transaction, Posted]:
    """An entry for each movement that has none yet: what was taken before what is given back of it."""
    posted, after = Posted(wallet), _with(transaction, dispute)
    for movement in sorted(report.movements, key=lambda each: each.amount.micros):
        if movement.movement_id in dispute.movements:
            continue
        try:
            worth = report.worth(movement, Money(transaction.amount_micros, transaction.currency))
        except RateUnknown:
            continue
        dispute = replace(
            dispute,
            taken_micros=dispute.taken_micros + worth,
            movements=(*dispute.movements, movement.movement_id),
        )
        before, after = after, _with(after, dispute)
        if worth:
            one = take_back(
                posted.wallet,
                before,
                after,
                worth,
                cause=f"dispute:{movement.movement_id}",
                kind="dispute",
                code="disputed" if worth > 0 else "dispute_given_back",
                now=now,
            )
            posted = Posted(one.wallet, (*posted.entries, *one.entries))
    return after, posted


def _moved(former: Mapping[str, LedgerEntry]) -> int:
    postings = [posting for entry in former.values() for posting in entry.postings]
    return sum(posting.micros for posting in postings if posting.account == CARD_CLEARING)


def _restated(wallet: Wallet, before: Transaction, report: DisputeReport, now: datetime) -> tuple[Transaction, Posted]:
    """A dispute that was posted by its status: one entry makes of that what the movements say."""
    dispute = before.disputes[-1]
    paid = Money(before.amount_micros, before.currency)
    worth = sum(report.worth(movement, paid) for movement in report.movements)
    movements = tuple(each.movement_id for each in report.movements)
    after = _with(before, replace(dispute, taken_micros=worth, movements=movements))
    # A refunded part was taken once more then, of credit alone.
    gone = before.refunded_micros + sum(each.taken_micros for each in before.disputes)
    too_much = max(0, gone - before.amount_micros) if before.kind in CREDIT_KINDS else 0
    if worth == dispute.taken_micros and not too_much:
        return after, Posted(wallet)
    return after, take_back(
        wallet,
        before,
        after,
        worth - dispute.taken_micros,
        cause=f"dispute:{dispute.dispute_id}:restated",
        kind="dispute",
        code="dispute_corrected",
        now=now,
        too_much_micros=too_much,
    )


def _held(
    wallet: Wallet,
    transaction: Transaction,
    dispute: Dispute,
    before: DisputeStatus | None,
    *,
    is_former: bool,
    now: datetime,
) -> Wallet:
    """An earlier release suspended auto-refill and held no card: what the customer did since then counts."""
    if dispute.status == "won":
        return end_hold(wallet, dispute.dispute_id, now)
    if dispute.status == "inquiry" or (before in {"opened", "lost"} and not is_former):
        return wallet
    return (hold if is_former else hold_and_stop)(wallet, transaction, dispute.dispute_id)


def _with(transaction: Transaction, dispute: Dispute) -> Transaction:
    others = tuple(each for each in transaction.disputes if each.dispute_id != dispute.dispute_id)
    return replace(transaction, disputes=(*others, dispute))
