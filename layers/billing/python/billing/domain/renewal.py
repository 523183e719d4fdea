"""Renewals: what a month is charged with, and what its card's answer does to the subscription.

A month has begun on trust when its charge is asked for (see `subscription_life.advance`). Each try is a transaction of
its own, whose id follows from the month and the number of failures before it: a try is made once, and the next one is
not made before the last one is known to have failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.declines import DISPUTE_OPENED, failure
from billing.domain.dunning import GRACE, Dunning, FailedTry, after_failure
from billing.domain.ledger import CARD_CLEARING, PAID_CREDIT, SUBSCRIPTION_REVENUE, balanced
from billing.domain.money import Money
from billing.domain.plan import Plan, PlanKey
from billing.domain.proration import Month, charge_for, items_of, lines_of, price_in
from billing.domain.subscription import Period, Subscription, begin_next_month
from billing.domain.subscription_life import cancel
from billing.domain.transaction import Transaction, TransactionLine, failed, new_charge, transaction_id
from billing.domain.wallet import Posted, Wallet, post


@dataclass(frozen=True, slots=True)
class Try:
    """A renewal as it is tried now: the wallet that was decided on, and the transaction.

    It is Failed already without a card, and with one that a dispute holds: nobody is asked.
    """

    wallet: Wallet
    transaction: Transaction


def next_try(wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime, *, asked_at: datetime) -> Try | None:
    """The charge that the present period waits for, or None. `plans` holds the versions that the wallet names.

    `asked_at` is the moment by the clock, where `now` is the one as of which the subscription is looked after. A month
    that went by while the account was locked is not charged: what is paid is the month that `now` lies in.
    """
    if wallet.running is None:
        return None
    subscription = _catch_up(wallet.running, plans, now)
    period = subscription.period
    if period.payment == "paid":
        return None
    wallet = replace(wallet, subscription=subscription)
    items = items_of(plans[period.plan_key], subscription.quantities)
    charge = charge_for(lines_of(items, Month(period.start, period.end), period.start), wallet.currency)
    card = wallet.default_card
    transaction = new_charge(
        renewal_id(wallet.account_id, period, subscription.dunning),
        wallet.account_id,
        "renewal",
        Money(charge.card_micros, wallet.currency),
        card,
        now=asked_at,
        lines=charge.lines,
    )
    if card is None:
        return Try(wallet, failed(transaction, failure("no_card")))
    return Try(wallet, failed(transaction, failure(DISPUTE_OPENED)) if wallet.is_default_held else transaction)


def _catch_up(subscription: Subscription, plans: Mapping[PlanKey, Plan], now: datetime) -> Subscription:
    """Leave out the unpaid months that are over by `now`."""
    while subscription.period.payment == "failed" and subscription.period.end <= now:
        subscription = begin_next_month(subscription, plans)
        if subscription.period.payment == "due":
            subscription = replace(subscription, period=replace(subscription.period, payment="failed"))
        else:
            subscription = replace(subscription, dunning=None)  # the terms that were to come cost nothing
    return subscription


def renewal_id(account_id: str, period: Period, dunning: Dunning | None) -> str:
    failures = 0 if dunning is None else dunning.attempts
    return transaction_id(account_id, "renewal", period.start.isoformat(), failures)


def is_renewal_wanted(wallet: Wallet, transaction: Transaction, now: datetime) -> bool:
    """Whether the subscription still waits for this try. A month that went by unpaid is never charged.

    Nor is a card asked that was disputed since: the month has a try at once, which says so.
    """
    running = wallet.running
    if running is None or transaction.transaction_id != last_try(wallet) or wallet.is_default_held:
        return False
    return running.period.payment != "failed" or now < running.period.end


def last_try(wallet: Wallet) -> str | None:
    """The id of the try that the present month waits for, whether it was made or not; None for a month that is paid."""
    running = wallet.running
    if running is None or running.period.payment == "paid":
        return None
    return renewal_id(wallet.account_id, running.period, running.dunning)


def renewal_paid(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """The month is paid: whole allowances, but for what was drawn on trust; a lock for want of payment is lifted.

    Money for a month that is paid already, or that the account no longer waits for, becomes its credit.
    """
    running = wallet.running
    start = transaction.lines[0].period_start if transaction.lines else None
    if running is None or running.period.payment == "paid" or running.period.start != start:
        return keep_as_credit(wallet, transaction, now)
    period = replace(running.period, payment="paid")
    return post_subscription(
        wallet,
        replace(wallet, subscription=replace(running, period=period, dunning=None)),
        transaction,
        cause=f"renewal:{wallet.account_id}:{period.start.isoformat()}",
        description="Renewal",
        now=now,
    )


def keep_as_credit(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """Money that arrived for something that is no longer to be had."""
    paid = transaction.amount_micros
    return post(
        wallet,
        replace(wallet, paid_micros=wallet.paid_micros + paid),
        cause=f"payment:{transaction.transaction_id}",
        kind="payment",
        now=now,
        description="A payment for the subscription that was not needed any more: your credit",
        postings=balanced((PAID_CREDIT, paid), (CARD_CLEARING, -paid)),
    )


def without_purpose(transaction: Transaction) -> Transaction:
    """The transaction of a payment that was kept as credit: its lines are no time's price any more."""
    line = TransactionLine("A payment that was not needed any more: your credit", "1", transaction.amount_micros)
    return replace(transaction, lines=(line,))


def post_subscription(
    wallet: Wallet, after: Wallet, transaction: Transaction, *, cause: str, description: str, now: datetime
) -> Posted:
    """The entry of a paid charge: its price is revenue, and what the card paid beyond it is credit."""
    paid = transaction.amount_micros
    price = price_in(transaction.lines)
    return post(
        wallet,
        replace(after, paid_micros=after.paid_micros + paid - price),
        cause=cause,
        kind="renewal" if transaction.kind == "renewal" else "plan_change",
        now=now,
        description=description,
        postings=balanced((CARD_CLEARING, -paid), (SUBSCRIPTION_REVENUE, price), (PAID_CREDIT, paid - price)),
    )


def renewal_failed(wallet: Wallet, transaction: Transaction, now: datetime) -> Wallet:
    """The month is not paid: no allowance until a later try pays it. Counted once for each try.

    A try that was given up because its month went by was none: the present month has its own, at once. One that was
    given up because a dispute holds the card is a failed one. A subscription that was to end with this month has ended.
    """
    running = wallet.running
    if running is None or transaction.transaction_id != last_try(wallet):
        return wallet
    if transaction.failure is not None and transaction.failure.is_unwanted:
        if not wallet.is_default_held:
            return try_at_once(wallet, now)
        transaction = failed(transaction, failure(DISPUTE_OPENED))
    # A sweep may be run as of a later moment than the clock's: no try fails before it was due.
    failed_at = max(now, running.due_at or now)
    dunning = after_failure(running.dunning, _failed_try(transaction), failed_at)
    card = wallet.default_card
    if card is not None and card.payment_method_id != transaction.payment_method_id:
        # It became the default while the other one was being charged: it has a try of its own before a lock.
        dunning = replace(dunning, next_attempt_at=failed_at, locked=False)
    unpaid = replace(running, period=replace(running.period, payment="failed"), dunning=dunning)
    wallet = replace(wallet, subscription=unpaid)
    return cancel(wallet) if unpaid.cancel_at_period_end else wallet


def _failed_try(transaction: Transaction) -> FailedTry:
    card, why = transaction.card, transaction.failure
    return FailedTry(
        transaction_id=transaction.transaction_id,
        amount_micros=transaction.amount_micros,
        code=None if why is None else why.code,
        brand=None if card is None else card.brand,
        last4=None if card is None else card.last4,
    )


def try_at_once(wallet: Wallet, now: datetime) -> Wallet:
    """Make an unpaid renewal's next try due, as when the default card changed. Tries to come stay where they are."""
    subscription = wallet.subscription
    if subscription is None or subscription.dunning is None:
        return wallet
    dunning = replace(subscription.dunning, next_attempt_at=now)
    return replace(wallet, subscription=replace(subscription, dunning=dunning))


def unlocked(wallet: Wallet, now: datetime) -> Wallet:
    """Without an administrator's lock; one for want of payment is lifted, and comes back unless a last try pays."""
    wallet = replace(wallet, lock_reason=None)
    subscription = wallet.subscription
    if subscription is None or subscription.dunning is None or not subscription.dunning.locked:
        return wallet
    dunning = replace(subscription.dunning, locked=False, next_attempt_at=now + GRACE, grace_until=now + GRACE)
    return replace(wallet, subscription=replace(subscription, dunning=dunning))
