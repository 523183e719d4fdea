"""What the world must hear of: pure differences between what a row of a table said before and what it says now.

A difference was decided with the change itself and is told after it, at least once. A notice's id follows from its
cause alone, so that whoever hears it twice can tell.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.domain.card import Card
from billing.domain.card_expiry import expires_at
from billing.domain.decimals import format_millionths
from billing.domain.document import Document
from billing.domain.instants import format_instant
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.notice_facts import (
    AccountLocked,
    AccountPaused,
    AccountResumed,
    AllowanceLow,
    AutoRefillSuspended,
    BalanceLow,
    CardExpiring,
    DisputeOpened,
    Facts,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    ReceiptIssued,
    SubscriptionCanceled,
    SubscriptionPastDue,
    SubscriptionRenewed,
    UsageRejected,
    WebhookEndpointDisabled,
)
from billing.domain.notice_types import NoticeType
from billing.domain.rejection import RejectedEvent, RejectionStatus
from billing.domain.transaction import CardFace, PaymentKind, Refund, Transaction, TransactionKind, TransactionLine
from billing.domain.wallet import AccountStatus, Wallet
from billing.domain.webhook_endpoint import WebhookEndpoint

_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened, told once per `cause`, which is unique among the notices of its type.

    `sequence` is the wallet's version where the wallet decided: of two notices of an account with a sequence, the
    higher one says what holds now. Others are ordered by `occurred_at` alone.
    """

    cause: str
    account_id: str | None
    occurred_at: datetime
    facts: Facts
    sequence: int | None = None

    @property
    def type(self) -> NoticeType:
        return self.facts.type

    @property
    def notice_id(self) -> str:
        """Without a full stop: Standard Webhooks signs `<id>.<timestamp>.<body>`, and an account's id may have one."""
        return f"evt_{hashlib.sha256(f'{self.type}:{self.cause}'.encode()).hexdigest()[:_ID_DIGITS]}"


def of_wallet(before: Wallet | None, after: Wallet, at: datetime) -> list[Notice]:
    """What a change of the wallet means to the account: each of its parts by itself, in the order they are read."""
    if before is None:
        return []
    parts = (_standing, _low_balance, _suspended_refill, _renewed, _past_due, _subscription_ended)
    notices = [notice for part in parts if (notice := part(before, after, at)) is not None]
    return [*notices, *_low_allowances(before, after, at)]


def _standing(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """`account.resumed` says that calls may start again, whether the account was paused or locked.

    An administrator's lock is told also where the account is locked for want of payment: paying does not lift it.
    """
    is_locked_again = after.status == "locked" and before.lock_reason is None and after.lock_reason is not None
    if after.status == "canceled" or (after.status == before.status and not is_locked_again):
        return None
    return _of_wallet(_standing_facts(before.status, after), after, at)


def _standing_facts(previous: AccountStatus, wallet: Wallet) -> AccountResumed | AccountPaused | AccountLocked:
    account_id, balance = wallet.account_id, _balance(wallet)
    if wallet.status == "active":
        return AccountResumed(account_id=account_id, balance=balance, previous_status=previous)
    if wallet.status == "paused":
        return AccountPaused(account_id=account_id, balance=balance, previous_status=previous)
    return AccountLocked(
        account_id=account_id,
        balance=balance,
        previous_status=previous,
        locked_by=wallet.locked_by or "administrator",
        lock_reason=wallet.lock_reason or "",
    )


def _low_balance(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    # Thresholds that were just set are known to whoever set them: nothing has fallen.
    if after.alerted_micros is None or after.alert_thresholds != before.alert_thresholds:
        return None
    if before.alerted_micros is not None and before.alerted_micros <= after.alerted_micros:
        return None
    threshold = Money(after.alerted_micros, after.currency)
    return _of_wallet(BalanceLow(account_id=after.account_id, balance=_balance(after), threshold=threshold), after, at)


def _low_allowances(before: Wallet, after: Wallet, at: datetime) -> list[Notice]:
    was, now = before.subscription, after.subscription
    if now is None:
        return []
    period = now.period
    known = was.period.told if was is not None and was.period.start == period.start else {}
    return [
        _of_wallet(
            AllowanceLow(
                account_id=after.account_id,
                balance=_balance(after),
                plan_id=period.plan_id,
                plan_version=period.plan_version,
                period_start=period.start,
                period_end=period.end,
                feature=feature,
                percent=told.percent,
                included=format_millionths(told.included_millionths),
            ),
            after,
            at,
            cause=f"{after.account_id}:{format_instant(period.start)}:{feature}:{told.percent}:{told.included_millionths}",
        )
        for feature, told in sorted(period.told.items())
        if known.get(feature) != told
    ]


def _suspended_refill(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    was, refill = before.refill, after.refill
    if refill is None or refill.suspended is None or (was is not None and was.suspended is not None):
        return None
    facts = AutoRefillSuspended(account_id=after.account_id, balance=_balance(after), code=refill.suspended)
    return _of_wallet(facts, after, at)


def _renewed(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """Once a period: when it begins, or when it is paid where it began on trust. Then a card was charged for it."""
    was, now = before.running, after.subscription
    if was is None or now is None or was.cancel_at_period_end or now.period.payment != "paid":
        return None
    old, new = was.period, now.period
    paid_now = new.start == old.start and old.payment != "paid"
    if not (paid_now or new.start >= old.end):
        return None
    facts = SubscriptionRenewed(
        account_id=after.account_id,
        balance=_balance(after),
        plan_id=new.plan_id,
        plan_version=new.plan_version,
        period_start=new.start,
        period_end=new.end,
        charged=paid_now and (now.own_payment is None or now.own_payment.way != "credit"),
    )
    return _of_wallet(facts, after, at, cause=f"{after.account_id}:{format_instant(new.start)}")


def _past_due(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """At each failed try, with what it asked for and why it failed. Without a next one the account is locked."""
    was, now = before.subscription, after.subscription
    if now is None or now.dunning is None:
        return None
    old, new, period = None if was is None else was.dunning, now.dunning, now.period
    if old is not None and old.attempts >= new.attempts:
        return None
    failed = new.last
    facts = SubscriptionPastDue(
        account_id=after.account_id,
        balance=_balance(after),
        plan_id=period.plan_id,
        plan_version=period.plan_version,
        period_start=period.start,
        period_end=period.end,
        attempts=new.attempts,
        next_attempt_at=new.next_attempt_at,
        transaction_id=failed.transaction_id,
        amount=Money(failed.amount_micros, after.currency),
        card=None if failed.brand is None or failed.last4 is None else CardFace(failed.brand, failed.last4),
        code=failed.code,
    )
    return _of_wallet(facts, after, at)


def _subscription_ended(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    if before.status == "canceled" or after.status != "canceled" or after.subscription is None:
        return None
    period = after.subscription.period
    facts = SubscriptionCanceled(
        account_id=after.account_id,
        balance=_balance(after),
        plan_id=period.plan_id,
        plan_version=period.plan_version,
        period_start=period.start,
        period_end=period.end,
        ended_at=period.end if period.payment == "paid" else min(at, period.end),
    )
    return _of_wallet(facts, after, at)


def of_transaction(before: Transaction | None, after: Transaction, at: datetime) -> list[Notice]:
    """Money that arrived, was refused or given back, and a dispute that took it; an inquiry takes nothing.

    An adjustment is told if it is money. A payment that was given up because nobody wanted it any more is not: no card
    was asked. What was paid from credit is told by the wallet's own notice.
    """
    kind = after.kind
    if (kind == "adjustment" and not after.received) or (before is None and after.is_paid_from_credit):
        return []
    notices: list[Notice] = []
    if after.status == "Paid" and (before is None or before.status != "Paid"):
        notices.append(_of_transaction(_succeeded(after), after, at))
    if kind == "adjustment":
        return notices
    was_asked = after.failure is None or not after.failure.is_unwanted
    if after.status == "Failed" and was_asked and (before is None or before.status != "Failed"):
        notices.append(_of_transaction(_failed(kind, after), after, at))
    known = frozenset(() if before is None else (each.refund_id for each in before.refunds))
    notices += [
        _of_transaction(_refunded(kind, after, refund), after, at, cause=refund.refund_id)
        for refund in after.refunds
        if refund.refund_id not in known
    ]
    for dispute_id in _disputes_of(after):
        if before is not None and dispute_id in _disputes_of(before):
            continue
        facts = DisputeOpened(
            account_id=after.account_id,
            transaction_id=after.transaction_id,
            kind=kind,
            amount=_amount(after),
            card=after.card,
            dispute_id=dispute_id,
        )
        notices.append(_of_transaction(facts, after, at, cause=dispute_id))
    return notices


def _refunded(kind: PaymentKind, transaction: Transaction, refund: Refund) -> PaymentRefunded:
    return PaymentRefunded(
        account_id=transaction.account_id,
        transaction_id=transaction.transaction_id,
        kind=kind,
        amount=_amount(transaction),
        card=transaction.card,
        refund_id=refund.refund_id,
        refunded=Money(refund.amount_micros, transaction.currency),
    )


def _month_of(kind: TransactionKind, lines: tuple[TransactionLine, ...]) -> TransactionLine | None:
    """The month that a renewal paid: of another payment, or where no month waited for it any more, with none."""
    return lines[0] if kind == "renewal" and lines else None


def _succeeded(transaction: Transaction) -> PaymentSucceeded:
    line = _month_of(transaction.kind, transaction.lines)
    return PaymentSucceeded(
        account_id=transaction.account_id,
        transaction_id=transaction.transaction_id,
        kind=transaction.kind,
        amount=_amount(transaction),
        card=transaction.card,
        period_start=None if line is None else line.period_start,
        period_end=None if line is None else line.period_end,
    )


def _failed(kind: PaymentKind, transaction: Transaction) -> PaymentFailed:
    why = transaction.failure
    return PaymentFailed(
        account_id=transaction.account_id,
        transaction_id=transaction.transaction_id,
        kind=kind,
        amount=_amount(transaction),
        card=transaction.card,
        code=None if why is None else why.code,
    )


def of_document(before: Document | None, after: Document, at: datetime) -> list[Notice]:
    """Once a document: it never changes."""
    if before is not None:
        return []
    content = after.content
    line = _month_of(content.transaction_kind, content.lines)
    facts = ReceiptIssued(
        account_id=content.account_id,
        transaction_id=content.transaction_id,
        kind=content.transaction_kind,
        amount=Money(content.amount_micros, content.currency),
        card=content.card,
        document=content.kind,
        number=after.full_number,
        receipt_number=content.receipt_number,
        moved_at=content.moved_at,
        issued_at=after.issued_at,
        period_start=None if line is None else line.period_start,
        period_end=None if line is None else line.period_end,
    )
    return [Notice(after.full_number, content.account_id, at, facts)]


def of_card(before: Card | None, after: Card, at: datetime) -> list[Notice]:
    """Once for each announcement of its end that is marked on a card."""
    told = after.expiry_told_days
    if before is None or told is None or told == before.expiry_told_days:
        return []
    facts = CardExpiring(
        account_id=after.account_id,
        payment_method_id=after.payment_method_id,
        card=CardFace(after.brand, after.last4),
        expires=Month(after.exp_year, after.exp_month),
        days_left=max(0, (expires_at(after) - at).days),
    )
    cause = f"{after.account_id}:{after.payment_method_id}:{facts.expires}:{told}"
    return [Notice(cause, after.account_id, at, facts)]


def of_rejected_event(
    before: tuple[RejectedEvent, RejectionStatus] | None, after: tuple[RejectedEvent, RejectionStatus], at: datetime
) -> list[Notice]:
    """For an event that is kept, or rejected again after its replay: once a reason and hour (UTC) of the rejection.

    A platform that sends nothing but broken events hears of it once an hour, not once an event. The facts are those of
    the rejection that is told first; all of them are listed. The account is neither part of the cause nor the notice's
    subject: a fault of the platform breaks the events of all its accounts at once, and a notice for each account would
    be the storm again. Every destination hears of all accounts; what it reads then, it reads again after the hour.
    """
    rejected, status = after
    was_open_so = before is not None and before[1] == "open" and before[0].rejected_at == rejected.rejected_at
    if status != "open" or was_open_so:
        return []
    facts = UsageRejected(
        rejection_id=rejected.rejection_id,
        event_id=rejected.event_id,
        account_id=rejected.account_id,
        code=rejected.code,
        detail=rejected.detail,
    )
    hour = format_instant(rejected.rejected_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    return [Notice(f"{rejected.code}:{hour}", None, at, facts)]


def of_webhook_endpoint(before: WebhookEndpoint | None, after: WebhookEndpoint, at: datetime) -> list[Notice]:
    """When it is disabled because it did not answer; what an administrator does by hand is told to nobody."""
    if before is None or not before.enabled or after.enabled or after.disabled_reason is None:
        return []
    facts = WebhookEndpointDisabled(endpoint_id=after.endpoint_id, url=after.url, reason=after.disabled_reason)
    return [Notice(f"{after.endpoint_id}:{format_instant(at)}", None, at, facts)]


def _of_wallet(facts: Facts, wallet: Wallet, at: datetime, *, cause: str | None = None) -> Notice:
    """A write of the wallet is the cause, unless another one is given."""
    return Notice(
        cause=cause or f"{wallet.account_id}:{wallet.version}",
        account_id=wallet.account_id,
        occurred_at=at,
        facts=facts,
        sequence=wallet.version,
    )


def _of_transaction(facts: Facts, transaction: Transaction, at: datetime, *, cause: str | None = None) -> Notice:
    """The transaction is the cause, unless another one is given."""
    return Notice(cause or transaction.transaction_id, transaction.account_id, at, facts)


def _balance(wallet: Wallet) -> Money:
    return Money(wallet.balance_micros, wallet.currency)


def _amount(transaction: Transaction) -> Money:
    return Money(transaction.amount_micros, transaction.currency)


def _disputes_of(transaction: Transaction) -> list[str]:
    """The disputes that take the money back. An inquiry takes nothing. An earlier release kept one of them alone."""
    statuses = {each.dispute_id: each.status for each in transaction.disputes}
    if transaction.dispute_id is not None and transaction.dispute_status is not None:
        statuses.setdefault(transaction.dispute_id, transaction.dispute_status)
    return [dispute_id for dispute_id, status in statuses.items() if status != "inquiry"]
