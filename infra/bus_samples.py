"""A notice of each type as it might be told: what the samples in events/bus/ are written from."""

from collections.abc import Mapping
from datetime import UTC, datetime

from billing.domain.complete import complete
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
from billing.domain.notice_types import NOTICE_TYPES, NoticeType
from billing.domain.notices import Notice
from billing.domain.transaction import CardFace

_ACCOUNT = "acme"
_AT = datetime(2026, 11, 23, 9, 15, 3, 120_000, tzinfo=UTC)
_LAST_MONTH, _THIS_MONTH, _NEXT_MONTH = (datetime(2026, month, 23, 9, 15, 2, tzinfo=UTC) for month in (10, 11, 12))
_VERSION = 4711
_CARD = CardFace("visa", "4242")
_PAYMENT, _RENEWAL = "tx_4f1d2c3b4a5968778695a4b3", "tx_90b1c2d3e4f5061728394a5b"
_NO_FUNDS = "The card has insufficient funds. Use another card, or try again once it has."


def _usd(amount: str) -> Money:
    return Money.parse(amount, "USD", negative=True)


def _of_wallet(facts: Facts, cause: str = str(_VERSION)) -> Notice:
    return Notice(f"{_ACCOUNT}:{cause}", _ACCOUNT, _AT, facts, sequence=_VERSION)


def _account_paused() -> Notice:
    return _of_wallet(AccountPaused(account_id=_ACCOUNT, balance=_usd("-0.035"), previous_status="active"))


def _account_resumed() -> Notice:
    return _of_wallet(AccountResumed(account_id=_ACCOUNT, balance=_usd("49.965"), previous_status="paused"))


def _account_locked() -> Notice:
    facts = AccountLocked(
        account_id=_ACCOUNT,
        balance=_usd("12.3456"),
        previous_status="active",
        locked_by="administrator",
        lock_reason="chargebacks under review",
    )
    return _of_wallet(facts)


def _balance_low() -> Notice:
    return _of_wallet(BalanceLow(account_id=_ACCOUNT, balance=_usd("4.9812"), threshold=_usd("5")))


def _allowance_low() -> Notice:
    facts = AllowanceLow(
        account_id=_ACCOUNT,
        balance=_usd("12.3456"),
        plan_id="starter",
        plan_version=3,
        period_start=_THIS_MONTH,
        period_end=_NEXT_MONTH,
        feature="call_minutes",
        percent=80,
        included="500",
    )
    return _of_wallet(facts, f"{format_instant(_THIS_MONTH)}:call_minutes:80:500000000")


def _auto_refill_suspended() -> Notice:
    facts = AutoRefillSuspended(
        account_id=_ACCOUNT,
        balance=_usd("4.9812"),
        code="expired_card",
        reason="The card was declined. Pay by hand or change the default card to resume.",
    )
    return _of_wallet(facts)


def _subscription_renewed() -> Notice:
    facts = SubscriptionRenewed(
        account_id=_ACCOUNT,
        balance=_usd("12.3456"),
        plan_id="starter",
        plan_version=3,
        period_start=_THIS_MONTH,
        period_end=_NEXT_MONTH,
        charged=True,
    )
    return _of_wallet(facts, format_instant(_THIS_MONTH))


def _subscription_past_due() -> Notice:
    facts = SubscriptionPastDue(
        account_id=_ACCOUNT,
        balance=_usd("12.3456"),
        plan_id="starter",
        plan_version=3,
        period_start=_THIS_MONTH,
        period_end=_NEXT_MONTH,
        attempts=1,
        next_attempt_at=_THIS_MONTH.replace(day=24),
        transaction_id=_RENEWAL,
        amount=_usd("49"),
        card=_CARD,
        code="insufficient_funds",
        reason=_NO_FUNDS,
    )
    return _of_wallet(facts)


def _subscription_canceled() -> Notice:
    facts = SubscriptionCanceled(
        account_id=_ACCOUNT,
        balance=_usd("12.3456"),
        plan_id="starter",
        plan_version=3,
        period_start=_LAST_MONTH,
        period_end=_THIS_MONTH,
        ended_at=_THIS_MONTH,
    )
    return _of_wallet(facts)


def _payment_succeeded() -> Notice:
    facts = PaymentSucceeded(
        account_id=_ACCOUNT,
        transaction_id=_PAYMENT,
        kind="auto_refill",
        amount=_usd("100"),
        card=_CARD,
        period_start=None,
        period_end=None,
    )
    return Notice(_PAYMENT, _ACCOUNT, _AT, facts)


def _payment_failed() -> Notice:
    facts = PaymentFailed(
        account_id=_ACCOUNT,
        transaction_id=_PAYMENT,
        kind="auto_refill",
        amount=_usd("100"),
        card=_CARD,
        code="insufficient_funds",
        reason=_NO_FUNDS,
    )
    return Notice(_PAYMENT, _ACCOUNT, _AT, facts)


def _payment_refunded() -> Notice:
    facts = PaymentRefunded(
        account_id=_ACCOUNT,
        transaction_id=_PAYMENT,
        kind="auto_refill",
        amount=_usd("100"),
        card=_CARD,
        refund_id="re_1Qx",
        refunded=_usd("20"),
    )
    return Notice(facts.refund_id, _ACCOUNT, _AT, facts)


def _receipt_issued() -> Notice:
    facts = ReceiptIssued(
        account_id=_ACCOUNT,
        transaction_id=_RENEWAL,
        kind="renewal",
        amount=_usd("53"),
        card=_CARD,
        document="receipt",
        number="TT-2026-000123",
        receipt_number=None,
        moved_at=_THIS_MONTH,
        issued_at=_AT,
        period_start=_THIS_MONTH,
        period_end=_NEXT_MONTH,
    )
    return Notice(facts.number, _ACCOUNT, _AT, facts)


def _dispute_opened() -> Notice:
    facts = DisputeOpened(
        account_id=_ACCOUNT,
        transaction_id=_PAYMENT,
        kind="auto_refill",
        amount=_usd("100"),
        card=_CARD,
        dispute_id="du_1Qx",
    )
    return Notice(facts.dispute_id, _ACCOUNT, _AT, facts)


def _card_expiring() -> Notice:
    facts = CardExpiring(
        account_id=_ACCOUNT, payment_method_id="pm_1Qx", card=_CARD, expires=Month(2026, 12), days_left=30
    )
    cause = f"{_ACCOUNT}:{facts.payment_method_id}:{facts.expires}:{facts.days_left}"
    return Notice(cause, _ACCOUNT, _AT, facts)


def _usage_rejected() -> Notice:
    facts = UsageRejected(
        rejection_id="9c2f1ad0b3e4455f8899aabbccddeeff",
        event_id="0f9c2f1a",
        account_id=None,
        code="unknown_workspace",
        detail='there is no workspace "43"',
    )
    hour = format_instant(_AT.replace(minute=0, second=0, microsecond=0))
    return Notice(f"{facts.code}:{hour}", None, _AT, facts)


def _webhook_endpoint_disabled() -> Notice:
    facts = WebhookEndpointDisabled(
        endpoint_id="we_0123456789abcdef01234567",
        url="https://platform.example/hooks/billing",
        reason="it has taken nothing for 3 days",
    )
    return Notice(f"{facts.endpoint_id}:{format_instant(_AT)}", None, _AT, facts)


SAMPLES: Mapping[NoticeType, Notice] = complete(
    {
        notice.type: notice
        for notice in (
            _account_paused(),
            _account_resumed(),
            _account_locked(),
            _balance_low(),
            _allowance_low(),
            _payment_succeeded(),
            _payment_failed(),
            _payment_refunded(),
            _receipt_issued(),
            _auto_refill_suspended(),
            _subscription_renewed(),
            _subscription_past_due(),
            _subscription_canceled(),
            _card_expiring(),
            _dispute_opened(),
            _usage_rejected(),
            _webhook_endpoint_disabled(),
        )
    },
    NOTICE_TYPES,
)
