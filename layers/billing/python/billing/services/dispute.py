"""Take over what Stripe says of a dispute, and let an administrator lift what it holds."""

from datetime import datetime

from billing.domain.change import Change
from billing.domain.dispute import DisputeReport, former_causes, record_dispute, require_posted
from billing.domain.dispute_hold import lift_by_hand
from billing.domain.transaction import Transaction
from billing.domain.wallet import Wallet
from billing.services.change_wallet import change_wallet, known_first
from billing.store.store import Store


def apply_dispute(store: Store, transaction: Transaction, report: DisputeReport, now: datetime) -> Transaction:
    """Post what the dispute has moved, once for each balance transaction, in whatever order they are heard of.

    A dispute that is won frees its card: the next sweep tries an unpaid renewal. Returns the transaction as it is then.
    Raises StoreBusy, and RateUnknown once all else is written.
    """
    current = known_first(transaction, lambda: store.transactions.get(transaction.transaction_id))

    def decide(wallet: Wallet) -> Change[Transaction]:
        disputed = current()
        is_known = any(each.dispute_id == report.dispute_id for each in disputed.disputes)
        former = {} if is_known else store.books.entries(former_causes(report.dispute_id))
        return record_dispute(wallet, disputed, report, former, now)

    change = change_wallet(store, transaction.account_id, decide)
    require_posted(change.answer, report)
    return change.answer


def lift_dispute_holds(store: Store, account_id: str, *, reason: str, by: str, now: datetime) -> Wallet:
    """Let cards be asked again, whatever becomes of the disputes. The ledger says by whom.

    Nothing is asked in the same moment: the next sweep tries an unpaid renewal. Where nothing is held, nothing changes.
    Raises AccountNotFound, StoreBusy.
    """
    return change_wallet(store, account_id, lambda wallet: lift_by_hand(wallet, reason=reason, by=by, now=now)).wallet
