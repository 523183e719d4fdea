"""What the world must hear of: pure differences between what a row of a table said before and what it says now.

A difference was decided with the change itself and is told after it, at least once. A notice's id follows from its
cause alone, so that whoever hears it twice can tell.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, get_args

from billing.domain.auto_refill import advice
from billing.domain.card import Card
from billing.domain.card_expiry import expires_at
from billing.domain.declines import failure
from billing.domain.dunning import FailedTry
from billing.domain.instants import format_instant
from billing.domain.money import Money
from billing.domain.rejection import RejectedEvent, RejectionStatus
from billing.domain.transaction import CardFace, Transaction
from billing.domain.wallet import Period, Wallet
from billing.domain.webhook_endpoint import WebhookEndpoint

NoticeType = Literal[
    "account.paused",
    "account.resumed",
    "account.locked",
    "balance.low",
    "payment.succeeded",
    "payment.failed",
    "auto_refill.suspended",
    "subscription.renewed",
    "subscription.past_due",
    "subscription.canceled",
    "card.expiring",
    "dispute.opened",
    "usage.rejected",
    "webhook_endpoint.disabled",
]
NOTICE_TYPES: tuple[NoticeType, ...] = get_args(NoticeType)

_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened, told once per `cause`, which is unique among the notices of its type.

    `sequence` is the wallet's version where the wallet decided: of two notices of an account with a sequence, the
    higher one says what holds now. Others are ordered by `occurred_at` alone.
    """

    type: NoticeType
    cause: str
    account_id: str | None
    occurred_at: datetime
    data: Mapping[str, object]
    sequence: int | None = None

    @property
    def notice_id(self) -> str:
        """Without a full stop: Standard Webhooks signs `<id>.<timestamp>.<body>`, and an account's id may have one."""
        return f"evt_{hashlib.sha256(f'{self.type}:{self.cause}'.encode()).hexdigest()[:_ID_DIGITS]}"


def of_wallet(before: Wallet | None, after: Wallet, at: datetime) -> list[Notice]:
    """What a change of the wallet means to the account: each of its parts by itself, in the order they are read."""
    if before is None:
        return []
    parts = (_standing, _low_balance, _suspended_refill, _renewed, _past_due, _subscription_ended)
    return [notice for part in parts if (notice := part(before, after, at)) is not None]


def _standing(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """`account.resumed` says that calls may start again, whether the account was paused or locked.

    An administrator's lock is told also where the account is locked for want of payment: paying does not lift it.
    """
    is_locked_again = after.status == "locked" and before.lock_reason is None and after.lock_reason is not None
    if after.status == "canceled" or (after.status == before.status and not is_locked_again):
        return None
    standing: Mapping[str, NoticeType] = {
        "active": "account.resumed",
        "paused": "account.paused",
        "locked": "account.locked",
    }
    facts: dict[str, object] = {"status": after.status, "previous_status": before.status}
    if after.status == "locked":
        facts["locked_by"] = "unpaid_renewal" if after.lock_reason is None else "administrator"
        facts["lock_reason"] = after.why_locked
    return _of_wallet(standing[after.status], after, at, facts)


def _low_balance(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    # Thresholds that were just set are known to whoever set them: nothing has fallen.
    if after.alerted_micros is None or after.alert_thresholds != before.alert_thresholds:
        return None
    if before.alerted_micros is not None and before.alerted_micros <= after.alerted_micros:
        return None
    return _of_wallet("balance.low", after, at, {"threshold": Money(after.alerted_micros, after.currency).to_wire()})


def _suspended_refill(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    refill = after.refill
    if (
        refill is None
        or refill.suspended is None
        or (before.refill is not None and before.refill.suspended is not None)
    ):
        return None
    return _of_wallet("auto_refill.suspended", after, at, {"code": refill.suspended, "reason": advice(refill)})


def _renewed(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """Once a period: when it begins, or when it is paid where it began on trust. Then a card was charged for it."""
    old, new = before.period, after.period
    ends = before.canceled or before.cancel_at_period_end
    if old is None or new is None or ends or new.payment != "paid":
        return None
    charged = new.start == old.start and old.payment != "paid"
    if not (charged or new.start >= old.end):
        return None
    notice = _of_wallet("subscription.renewed", after, at, {**_subscription(new), "charged": charged})
    return replace(notice, cause=f"{after.account_id}:{format_instant(new.start)}")


def _past_due(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    """At each failed try, with what it asked for and why it failed. Without a next one the account is locked."""
    old, new = before.dunning, after.dunning
    if new is None or after.period is None or (old is not None and old.attempts >= new.attempts):
        return None
    coming = None if new.next_attempt_at is None else format_instant(new.next_attempt_at)
    facts = {
        **_subscription(after.period),
        "attempts": new.attempts,
        "next_attempt_at": coming,
        **_failed_try(new.last, after.currency),
    }
    return _of_wallet("subscription.past_due", after, at, facts)


def _failed_try(failed: FailedTry, currency: str) -> dict[str, object]:
    card = None if failed.brand is None or failed.last4 is None else CardFace(failed.brand, failed.last4)
    return {
        "transaction_id": failed.transaction_id,
        "amount": Money(failed.amount_micros, currency).to_wire(),
        "card": _face(card),
        "code": failed.code,
        "reason": None if failed.code is None else failure(failed.code).message,
    }


def _subscription_ended(before: Wallet, after: Wallet, at: datetime) -> Notice | None:
    if before.canceled or not after.canceled or after.period is None:
        return None
    ended_at = after.period.end if after.period.payment == "paid" else min(at, after.period.end)
    return _of_wallet(
        "subscription.canceled", after, at, {**_subscription(after.period), "ended_at": format_instant(ended_at)}
    )


def of_transaction(before: Transaction | None, after: Transaction, at: datetime) -> list[Notice]:
    """Money that arrived or was refused, and a dispute that took it back; an inquiry takes nothing and is not told."""
    if not after.is_payment:
        return []
    notices: list[Notice] = []
    if after.status == "Paid" and (before is None or before.status != "Paid"):
        notices.append(_of_transaction("payment.succeeded", after, at, _renewed_month(after)))
    if after.status == "Failed" and (before is None or before.status != "Failed"):
        why = after.failure
        facts = {"code": None if why is None else why.code, "reason": None if why is None else why.message}
        notices.append(_of_transaction("payment.failed", after, at, facts))
    if _is_disputed(after) and (before is None or not _is_disputed(before) or before.dispute_id != after.dispute_id):
        told = _of_transaction("dispute.opened", after, at, {"dispute_id": after.dispute_id})
        notices.append(replace(told, cause=f"{after.dispute_id}"))
    return notices


def _renewed_month(transaction: Transaction) -> dict[str, object]:
    """The month that a renewal paid: null of any other payment, and of one that no month waited for any more."""
    line = transaction.lines[0] if transaction.kind == "renewal" and transaction.lines else None
    start, end = (None, None) if line is None else (line.period_start, line.period_end)
    return {
        "period_start": None if start is None else format_instant(start),
        "period_end": None if end is None else format_instant(end),
    }


def of_card(before: Card | None, after: Card, at: datetime) -> list[Notice]:
    """Once for each announcement of its end that is marked on a card."""
    told = after.expiry_told_days
    if before is None or told is None or told == before.expiry_told_days:
        return []
    expires = f"{after.exp_year:04d}-{after.exp_month:02d}"
    data = {
        "account_id": after.account_id,
        "payment_method_id": after.payment_method_id,
        "card": {"brand": after.brand, "last4": after.last4},
        "expires": expires,
        "days_left": max(0, (expires_at(after) - at).days),
    }
    cause = f"{after.account_id}:{after.payment_method_id}:{expires}:{told}"
    return [Notice("card.expiring", cause, after.account_id, at, data)]


def of_rejected_event(
    before: tuple[RejectedEvent, RejectionStatus] | None, after: tuple[RejectedEvent, RejectionStatus], at: datetime
) -> list[Notice]:
    """For an event that is kept, or rejected again after its replay: once a reason and hour (UTC) of the rejection.

    A platform that sends nothing but broken events hears of it once an hour, not once an event. The data are those of
    the rejection that is told first; all of them are listed. The account is neither part of the cause nor the notice's
    subject: a fault of the platform breaks the events of all its accounts at once, and a notice for each account would
    be the storm again. Every destination hears of all accounts; what it reads then, it reads again after the hour.
    """
    rejected, status = after
    was_open_so = before is not None and before[1] == "open" and before[0].rejected_at == rejected.rejected_at
    if status != "open" or was_open_so:
        return []
    data = {
        "rejection_id": rejected.rejection_id,
        "event_id": rejected.event_id,
        "account_id": rejected.account_id,
        "code": rejected.code,
        "detail": rejected.detail,
    }
    hour = format_instant(rejected.rejected_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    return [Notice("usage.rejected", f"{rejected.code}:{hour}", None, at, data)]


def of_webhook_endpoint(before: WebhookEndpoint | None, after: WebhookEndpoint, at: datetime) -> list[Notice]:
    """When it is disabled because it did not answer; what an administrator does by hand is told to nobody."""
    if before is None or not before.enabled or after.enabled or after.disabled_reason is None:
        return []
    data = {"endpoint_id": after.endpoint_id, "url": after.url, "reason": after.disabled_reason}
    return [Notice("webhook_endpoint.disabled", f"{after.endpoint_id}:{format_instant(at)}", None, at, data)]


def _of_wallet(type_: NoticeType, wallet: Wallet, at: datetime, facts: Mapping[str, object]) -> Notice:
    return Notice(
        type=type_,
        cause=f"{wallet.account_id}:{wallet.version}",
        account_id=wallet.account_id,
        occurred_at=at,
        data={
            "account_id": wallet.account_id,
            "balance": Money(wallet.balance_micros, wallet.currency).to_wire(),
            **facts,
        },
        sequence=wallet.version,
    )


def _of_transaction(type_: NoticeType, transaction: Transaction, at: datetime, facts: Mapping[str, object]) -> Notice:
    return Notice(
        type=type_,
        cause=transaction.transaction_id,
        account_id=transaction.account_id,
        occurred_at=at,
        data={
            "account_id": transaction.account_id,
            "transaction_id": transaction.transaction_id,
            "kind": transaction.kind,
            "amount": Money(transaction.amount_micros, transaction.currency).to_wire(),
            "card": _face(transaction.card),
            **facts,
        },
    )


def _face(card: CardFace | None) -> dict[str, str] | None:
    return None if card is None else {"brand": card.brand, "last4": card.last4}


def _subscription(period: Period) -> dict[str, object]:
    return {
        "plan_id": period.plan_id,
        "plan_version": period.plan_version,
        "period_start": format_instant(period.start),
        "period_end": format_instant(period.end),
    }


def _is_disputed(transaction: Transaction) -> bool:
    return transaction.dispute_status not in {None, "inquiry"}
