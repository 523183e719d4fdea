"""What a change means to the world: one notice a cause, whatever else changed."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest

from billing.domain.declines import Failure
from billing.domain.dunning import FailedTry
from billing.domain.money import Money
from billing.domain.notice_facts import (
    AccountLocked,
    AccountPaused,
    AutoRefillSuspended,
    PaymentSucceeded,
    SubscriptionCanceled,
    SubscriptionPastDue,
    SubscriptionRenewed,
)
from billing.domain.notices import Notice, of_rejected_event, of_transaction, of_wallet, of_webhook_endpoint
from billing.domain.rejection import RejectedEvent, reject
from billing.domain.subscription import PeriodPayment
from billing.domain.transaction import CardFace, Transaction, TransactionLine
from billing.domain.wallet import Refill, Wallet
from billing.domain.webhook_endpoint import WebhookEndpoint
from tests.builders import (
    NOW,
    PERIOD_END,
    PERIOD_START,
    change,
    change_period,
    dunning,
    micros,
    period_of,
    plan,
    wallet,
)

LOCKED = {"lock_reason": "under review"}
PAUSED = {"paused": True}


UNPAID = {"dunning": dunning(NOW, 4, None, locked=True)}


F = TypeVar("F")


def facts_of(kind: type[F], notice: Notice) -> F:
    """What the notice says, which is of this kind."""
    assert isinstance(notice.facts, kind)
    return notice.facts


def types(before: Wallet, after: Wallet) -> list[str]:
    return [notice.type for notice in of_wallet(before, after, NOW)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, PAUSED, ["account.paused"]),
        (PAUSED, {}, ["account.resumed"]),
        (PAUSED, PAUSED, []),
        ({}, LOCKED, ["account.locked"]),
        (LOCKED, {"lock_reason": "another"}, []),
        (LOCKED, {}, ["account.resumed"]),
        (LOCKED, LOCKED | PAUSED, []),
        (LOCKED | PAUSED, PAUSED, ["account.paused"]),
        (PAUSED, LOCKED | PAUSED, ["account.locked"]),
        (UNPAID, UNPAID | LOCKED, ["account.locked"]),
        (UNPAID | LOCKED, LOCKED, []),
        (UNPAID | LOCKED, UNPAID, []),
        ({}, {"canceled": True}, ["subscription.canceled"]),
    ],
)
def test_the_world_hears_what_an_account_may_do_now(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    subscribed = wallet(on=plan())
    assert types(change(subscribed, **before), change(subscribed, **after)) == told


def test_a_new_account_is_no_news() -> None:
    assert of_wallet(None, wallet(), NOW) == []


def test_a_notice_states_the_balance_and_the_version_that_decided() -> None:
    (notice,) = of_wallet(wallet(version=6), wallet(paid="-0.035", paused=True, version=7), NOW)
    assert facts_of(AccountPaused, notice).balance == Money(micros("-0.035"), "USD")
    assert notice.sequence == 7


def test_the_same_change_has_the_same_id_and_another_one_another() -> None:
    first, again, later = (
        of_wallet(wallet(), wallet(paused=True, version=version), NOW)[0].notice_id for version in (7, 7, 9)
    )
    assert first == again != later


def test_an_id_can_be_signed_whatever_the_account_is_called() -> None:
    (notice,) = of_wallet(wallet("a.b+c@d"), wallet("a.b+c@d", paused=True, version=2), NOW)
    assert "." not in notice.notice_id


def test_a_balance_is_low_once_when_a_lower_threshold_is_crossed() -> None:
    unaware = wallet(alert_thresholds=(micros("20"), micros("5")))
    at_20, at_5 = (replace(unaware, alerted_micros=micros(told)) for told in ("20", "5"))
    assert types(unaware, at_20) == types(at_20, at_5) == types(unaware, at_5) == ["balance.low"]
    assert types(at_20, replace(at_20, paid_micros=1)) == []
    assert types(at_5, at_20) == types(at_20, unaware) == []


def test_thresholds_that_were_just_set_are_not_told_to_whoever_set_them() -> None:
    assert types(wallet(), wallet(alert_thresholds=(micros("20"),), alerted_micros=micros("20"))) == []


def test_auto_refill_is_suspended_once_with_advice() -> None:
    failing, suspended = Refill(enabled=True, failures=2), Refill(enabled=True, failures=3, suspended="expired_card")
    (notice,) = of_wallet(wallet(refill=failing), wallet(refill=suspended), NOW)
    assert notice.type == "auto_refill.suspended"
    assert facts_of(AutoRefillSuspended, notice).code == "expired_card"
    assert types(wallet(refill=suspended), wallet(refill=suspended, paid="3")) == []


def test_a_period_is_renewed_when_it_begins_paid_or_when_it_is_paid_later() -> None:
    old = wallet(on=plan())
    paid = replace(period_of(old), start=PERIOD_END, end=PERIOD_END + timedelta(days=31))
    on_trust, unpaid = replace(paid, payment="due"), replace(paid, payment="failed")
    begun = change(old, period=on_trust)
    assert types(old, change(old, period=paid)) == ["subscription.renewed"]
    assert types(old, begun) == []
    assert types(begun, change(old, period=paid)) == ["subscription.renewed"]
    assert types(change(old, period=unpaid), change(old, period=paid)) == ["subscription.renewed"]


def test_a_renewal_says_whether_a_card_was_charged_for_the_month() -> None:
    old = wallet(on=plan())
    free = change_period(old, start=PERIOD_END, end=PERIOD_END + timedelta(days=31))
    on_trust = change_period(free, payment="due")
    (rolled,), (paid,) = of_wallet(old, free, NOW), of_wallet(on_trust, free, NOW)
    assert [facts_of(SubscriptionRenewed, notice).charged for notice in (rolled, paid)] == [False, True]


def test_a_subscription_that_starts_anew_after_its_end_is_not_renewed() -> None:
    old = wallet(on=plan(), canceled=True)
    anew = change(
        old, canceled=False, period=replace(period_of(old), start=PERIOD_END, end=PERIOD_END + timedelta(days=31))
    )
    assert "subscription.renewed" not in types(old, anew)


def test_each_failed_try_of_a_renewal_is_told_and_the_last_one_locks() -> None:
    first = dunning(NOW, 1, NOW + timedelta(days=1))
    last = dunning(NOW, 4, None, locked=True)
    healthy = wallet(on=plan())
    assert types(healthy, change(healthy, dunning=first)) == ["subscription.past_due"]
    assert types(change(healthy, dunning=first), change(healthy, dunning=first, paid_micros=5)) == []
    told = of_wallet(change(healthy, dunning=first), change(healthy, dunning=last), NOW)
    assert [notice.type for notice in told] == ["account.locked", "subscription.past_due"]
    locked = facts_of(AccountLocked, told[0])
    assert (locked.locked_by, locked.lock_reason) == ("unpaid_renewal", "")


def test_a_failed_renewal_says_what_it_asked_which_card_for_and_why_it_got_nothing() -> None:
    healthy = wallet(on=plan())
    (notice,) = of_wallet(healthy, change(healthy, dunning=dunning(NOW, 1, NOW + timedelta(days=1))), NOW)
    told = facts_of(SubscriptionPastDue, notice)
    assert (told.transaction_id, told.amount, told.card) == (
        "tx_1",
        Money(micros("30"), "USD"),
        CardFace("visa", "4242"),
    )
    assert told.code == "insufficient_funds"


def test_a_renewal_that_no_card_was_asked_for_names_none() -> None:
    healthy, first = wallet(on=plan()), dunning(NOW, 1, None)
    without_card = replace(first, last=FailedTry("tx_1", micros("30"), "no_card"))
    (notice,) = of_wallet(healthy, change(healthy, dunning=without_card), NOW)
    told = facts_of(SubscriptionPastDue, notice)
    assert (told.card, told.code) == (None, "no_card")


@pytest.mark.parametrize(("payment", "ended_at"), [("paid", PERIOD_END), ("failed", NOW)])
def test_a_subscription_says_when_it_ended_which_is_at_once_where_it_was_not_paid(
    payment: PeriodPayment, ended_at: datetime
) -> None:
    before = change_period(wallet(on=plan()), payment=payment)
    (notice,) = of_wallet(before, change(before, canceled=True), NOW)
    assert facts_of(SubscriptionCanceled, notice).ended_at == ended_at


def test_a_subscription_ends_once() -> None:
    before = wallet(on=plan(), cancel_at_period_end=True)
    after = change(before, canceled=True)
    assert types(before, after) == ["subscription.canceled"]
    assert types(after, replace(after, paid_micros=1)) == []


def transaction(**fields: object) -> Transaction:
    values: dict[str, object] = {
        "transaction_id": "tx_1",
        "account_id": "acme",
        "kind": "auto_refill",
        "status": "Processing",
        "amount_micros": micros("100"),
        "currency": "USD",
        "created_at": NOW,
        "check_at": None,
        "card": CardFace("visa", "4242"),
    }
    return Transaction(**(values | fields))  # type: ignore[arg-type]


def payments(before: Transaction | None, after: Transaction) -> list[str]:
    return [notice.type for notice in of_transaction(before, after, NOW)]


def test_a_payment_is_told_when_it_arrives_or_is_refused() -> None:
    asked, paid = transaction(), transaction(status="Paid")
    refused = transaction(status="Failed", failure=Failure("insufficient_funds"))
    assert payments(None, asked) == []
    assert payments(asked, paid) == ["payment.succeeded"]
    assert payments(paid, replace(paid, version=9)) == []
    assert payments(asked, refused) == ["payment.failed"]
    assert payments(refused, paid) == ["payment.succeeded"]


def test_a_renewal_s_payment_names_the_month_and_another_payment_none() -> None:
    line = TransactionLine("Starter", "1", micros("30"), PERIOD_START, PERIOD_END)
    renewal = transaction(kind="renewal", lines=(line,))
    change = transaction(kind="plan_change", lines=(line,))
    unneeded = transaction(kind="renewal", lines=(TransactionLine("Your credit", "1", micros("30")),))
    paid = [
        facts_of(PaymentSucceeded, of_transaction(asked, replace(asked, status="Paid"), NOW)[0])
        for asked in (renewal, change, unneeded)
    ]
    assert [(told.period_start, told.period_end) for told in paid] == [
        (PERIOD_START, PERIOD_END),
        (None, None),
        (None, None),
    ]


@pytest.mark.parametrize("amount", ["500", "-12.345678"])
def test_credit_by_hand_is_told_as_no_payment_whether_given_or_taken(amount: str) -> None:
    adjusted = transaction(kind="adjustment", status="Paid", amount_micros=micros(amount), card=None)
    assert payments(None, adjusted) == []


def test_a_dispute_is_told_when_money_is_taken_and_an_inquiry_takes_none() -> None:
    paid = transaction(status="Paid")
    inquiry = replace(paid, dispute_id="du_1", dispute_status="inquiry")
    opened = replace(inquiry, dispute_status="opened")
    assert payments(paid, inquiry) == []
    assert payments(inquiry, opened) == ["dispute.opened"]
    assert payments(paid, replace(inquiry, dispute_status="lost")) == ["dispute.opened"]
    assert payments(opened, replace(opened, dispute_status="won")) == []


def rejection(payload: str = "{}", code: str = "unknown_workspace", **fields: Any) -> RejectedEvent:
    return replace(reject(payload, code, "no", rejected_at=NOW, arrived_at=NOW), **fields)


def rejected_id(rejected: RejectedEvent) -> str:
    (notice,) = of_rejected_event(None, (rejected, "open"), NOW)
    return notice.notice_id


def test_rejections_are_told_once_a_reason_and_hour_whosever_they_are() -> None:
    the_hour = NOW.replace(minute=0, second=0, microsecond=0)
    first = rejected_id(rejection("1", rejected_at=the_hour))
    last_of_the_hour = the_hour + timedelta(hours=1, milliseconds=-1)
    assert rejected_id(rejection("2", rejected_at=last_of_the_hour, account_id="acme")) == first
    assert rejected_id(rejection("3", rejected_at=the_hour + timedelta(hours=1))) != first
    assert rejected_id(rejection("4", code="unknown_feature", rejected_at=the_hour)) != first


def test_the_hour_of_a_rejection_is_the_same_on_a_machine_in_another_time_zone() -> None:
    in_india = timezone(timedelta(hours=5, minutes=30))
    quarter_past = NOW.replace(minute=15)
    assert rejected_id(rejection(rejected_at=quarter_past.astimezone(in_india))) == rejected_id(
        rejection(rejected_at=quarter_past + timedelta(minutes=40))
    )


def test_a_rejection_is_told_again_when_its_replay_was_in_vain_in_another_hour() -> None:
    rejected = rejection()
    later = replace(rejected, rejected_at=NOW + timedelta(hours=1))
    (second,) = of_rejected_event((rejected, "replayed"), (later, "open"), NOW)
    assert second.notice_id != rejected_id(rejected)
    assert of_rejected_event((rejected, "open"), (rejected, "replayed"), NOW) == []
    # So it is where settlement was faster than the mark of the replay, or where the sender repeats itself.
    assert of_rejected_event((rejected, "open"), (later, "open"), NOW) == [second]
    assert of_rejected_event((rejected, "open"), (replace(rejected, replay_event_id="e1"), "open"), NOW) == []


def test_an_endpoint_that_the_system_disabled_is_told_and_one_disabled_by_hand_is_not() -> None:
    enabled = WebhookEndpoint("we_1", "https://platform.example/", (), "", NOW)
    assert of_webhook_endpoint(enabled, replace(enabled, enabled=False), NOW) == []
    (notice,) = of_webhook_endpoint(enabled, replace(enabled, enabled=False, disabled_reason="it is gone"), NOW)
    assert notice.type == "webhook_endpoint.disabled"
