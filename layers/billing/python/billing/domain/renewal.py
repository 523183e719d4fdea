"""Renewals: what a month is charged with, and what its card's answer does to the subscription.

A month has begun on trust when its charge is asked for (see `subscription_life.advance`). Each try is a transaction of
its own, whose id follows from the month and the number of failures before it: a try is made once, and the next one is
not made before the last one is known to have failed.

A card is not asked if there is none, if a dispute holds it, or if its bank has said that it is dead. The month's first
failure is a row of the history all the same, which says so. On the days after it nothing is written to the history: the
days run on, and the customer is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.declines import DISPUTE_OPENED, UNUSABLE, Failure
from billing.domain.dunning import GRACE, Dunning, FailedTry, after_failure
from billing.domain.ledger import CARD_CLEARING, PAID_CREDIT, SUBSCRIPTION_REVENUE, EntryCode, make_postings
from billing.domain.money import Money
from billing.domain.plan import Plan, PlanKey
from billing.domain.proration import Charge, Month, charge_for, items_of, lines_of, price_in
from billing.domain.subscription import Period, Subscription, begin_next_month
from billing.domain.subscription_life import cancel
from billing.domain.transaction import Transaction, TransactionLine, fail, new_charge, transaction_id
from billing.domain.wallet import Posted, Wallet, post


@dataclass(frozen=True, slots=True)
class OpenRenewal:
    """A month that waits to be paid: the wallet in it, and what it costs."""

    wallet: Wallet
    charge: Charge

    @property
    def subscription(self) -> Subscription:
        return self.wallet.require_subscription()

    @property
    def transaction_id(self) -> str:
        """Of the try that it waits for."""
        return renewal_id(self.wallet.account_id, self.subscription.period, self.subscription.dunning)


@dataclass(frozen=True, slots=True)
class Try:
    """A renewal as it is tried now: the wallet that was decided on, and the transaction.

    If nobody can be asked, it is Failed already.
    """

    wallet: Wallet
    transaction: Transaction


@dataclass(frozen=True, slots=True)
class Unasked:
    """A later try's day came, and there was no card to ask: the wallet with that day counted."""

    wallet: Wallet


def open_renewal(wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime) -> OpenRenewal | None:
    """The month that waits to be paid at `now`, or None. `plans` holds the versions that the wallet names.

    A month that went by while the account was locked is not charged: what is paid is the month that `now` lies in.
    """
    if wallet.running is None:
        return None
    subscription = _catch_up(wallet.running, plans, now)
    period = subscription.period
    if period.payment == "paid":
        return None
    items = items_of(plans[period.plan_key], subscription.quantities)
    charge = charge_for(lines_of(items, Month(period.start, period.end), period.start), wallet.currency)
    return OpenRenewal(replace(wallet, subscription=subscription), charge)


def next_try(
    wallet: Wallet, plans: Mapping[PlanKey, Plan], now: datetime, *, asked_at: datetime
) -> Try | Unasked | None:
    """The charge that the present period waits for, or None. `plans` holds the versions that the wallet names.

    `asked_at` is the moment by the clock, where `now` is the one as of which the subscription is looked after.
    """
    found = open_renewal(wallet, plans, now)
    if found is None:
        return None
    why = _why_nobody_is_asked(found)
    if why is None:
        return ask_card(found, asked_at)
    transaction = _charge(found, asked_at)
    if found.subscription.dunning is None:
        return Try(found.wallet, fail(transaction, Failure(why)))
    # It names the last charge that failed.
    last = replace(found.subscription.dunning.last, code=why, amount_micros=transaction.amount_micros)
    if found.wallet.default_card is None:
        last = replace(last, brand=None, last4=None)
    return Unasked(_count_failure(found.wallet, found.subscription, last, transaction.payment_method_id, now))


def ask_card(found: OpenRenewal, asked_at: datetime) -> Try:
    """A try by the default card, whatever is known of it."""
    return Try(note_asked(found.wallet, asked_at), _charge(found, asked_at))


def _charge(found: OpenRenewal, asked_at: datetime) -> Transaction:
    wallet = found.wallet
    return new_charge(
        found.transaction_id,
        wallet.account_id,
        "renewal",
        Money(found.charge.card_micros, wallet.currency),
        wallet.default_card,
        now=asked_at,
        lines=found.charge.lines,
    )


def _why_nobody_is_asked(found: OpenRenewal) -> str | None:
    """The code of the reason, or None: the default card is asked."""
    wallet = found.wallet
    if wallet.default_card is None:
        return "no_card"
    return why_dead(wallet) or (DISPUTE_OPENED if wallet.is_default_held else None)


def why_dead(wallet: Wallet) -> str | None:
    """The code with which the default card's bank has said that it will never work again, where it has."""
    card, subscription = wallet.default_card, wallet.subscription
    if card is None or subscription is None or subscription.dead_card != card.payment_method_id:
        return None
    code = None if subscription.dunning is None else subscription.dunning.last.code
    return code if code is not None and Failure(code).card_is_dead else UNUSABLE


def note_asked(wallet: Wallet, asked_at: datetime) -> Wallet:
    """The wallet whose month is asked for since then; one that was asked for before stays so."""
    subscription = wallet.subscription
    if subscription is None or subscription.period.payment != "due" or subscription.period.asked_at is not None:
        return wallet
    period = replace(subscription.period, asked_at=asked_at)
    return replace(wallet, subscription=replace(subscription, period=period))


def _catch_up(subscription: Subscription, plans: Mapping[PlanKey, Plan], now: datetime) -> Subscription:
    """Leave out the unpaid months that are over by `now`."""
    while subscription.period.payment == "failed" and subscription.period.end <= now:
        subscription = begin_next_month(subscription, plans)
        if subscription.period.payment == "due":
            subscription = replace(subscription, period=replace(subscription.period, payment="failed"))
        else:
            # The terms that were to come cost nothing.
            subscription = replace(subscription, dunning=None, dead_card=None)
    return subscription


def renewal_id(account_id: str, period: Period, dunning: Dunning | None) -> str:
    failures = 0 if dunning is None else dunning.attempts
    return transaction_id(account_id, "renewal", period.start.isoformat(), failures)


def renewal_cause(account_id: str, period: Period) -> str:
    """A month is paid once, whatever pays it."""
    return f"renewal:{account_id}:{period.start.isoformat()}"


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


def complete_renewal(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """The month is paid: whole allowances, but for what was drawn on trust; a lock for want of payment is lifted.

    Money for a month that is paid already, or that the account no longer waits for, becomes its credit.
    """
    running = wallet.running
    start = transaction.lines[0].period_start if transaction.lines else None
    if running is None or running.period.payment == "paid" or running.period.start != start:
        return keep_as_credit(wallet, transaction, now)
    period = replace(running.period, payment="paid", asked_at=None)
    return post_subscription(
        wallet,
        replace(wallet, subscription=replace(_without_page(running), period=period, dunning=None, dead_card=None)),
        transaction,
        cause=renewal_cause(wallet.account_id, period),
        code="renewal",
        now=now,
    )


def keep_as_credit(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """A payment for a month or change that the account no longer waits for: it becomes credit."""
    paid = transaction.amount_micros
    return post(
        wallet,
        replace(wallet, paid_micros=wallet.paid_micros + paid),
        cause=f"payment:{transaction.transaction_id}",
        kind="payment",
        now=now,
        code="not_needed",
        postings=make_postings((PAID_CREDIT, paid), (CARD_CLEARING, -paid)),
    )


def drop_purpose(transaction: Transaction) -> Transaction:
    """The transaction of a payment that was kept as credit: its lines are no time's price any more."""
    line = TransactionLine("", "1", transaction.amount_micros, code="not_needed")
    return replace(transaction, lines=(line,))


def post_subscription(
    wallet: Wallet, after: Wallet, transaction: Transaction, *, cause: str, code: EntryCode, now: datetime
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
        code=code,
        postings=make_postings((CARD_CLEARING, -paid), (SUBSCRIPTION_REVENUE, price), (PAID_CREDIT, paid - price)),
    )


def fail_renewal(wallet: Wallet, transaction: Transaction, now: datetime) -> Wallet:
    """The month is not paid: no allowance until a later try pays it. Counted once for each try.

    A try that was given up because its month went by was none: the present month has its own, at once. One that was
    given up because a dispute holds the card is a failed one. A subscription that was to end with this month has ended.
    """
    running = wallet.running
    if running is None:
        return wallet
    if running.own_payment is not None and running.own_payment.transaction_id == transaction.transaction_id:
        running = _without_page(running)
        wallet = replace(wallet, subscription=running)
    if transaction.transaction_id != last_try(wallet):
        return wallet
    if transaction.failure is not None and transaction.failure.card_is_dead:
        running = replace(running, dead_card=transaction.payment_method_id)
    if transaction.failure is not None and transaction.failure.is_unwanted:
        if not wallet.is_default_held:
            return try_at_once(wallet, now)
        transaction = fail(transaction, Failure(DISPUTE_OPENED))
    return _count_failure(wallet, running, _failed_try(transaction), transaction.payment_method_id, now)


def _count_failure(
    wallet: Wallet, running: Subscription, last: FailedTry, payment_method_id: str | None, now: datetime
) -> Wallet:
    """`payment_method_id` is the default card for which the try was made."""
    # A sweep may be run as of a later moment than the clock's: no try fails before it was due.
    failed_at = max(now, running.due_at or now)
    dunning = after_failure(running.dunning, last, failed_at)
    card = wallet.default_card
    if card is not None and card.payment_method_id != payment_method_id:
        # It became the default while the other one was being charged: it has a try of its own before a lock.
        dunning = replace(dunning, next_attempt_at=failed_at, locked=False)
    period = replace(running.period, payment="failed", asked_at=None)
    unpaid = replace(running, period=period, dunning=dunning)
    wallet = replace(wallet, subscription=unpaid)
    return cancel(wallet) if unpaid.cancel_at_period_end else wallet


def _without_page(running: Subscription) -> Subscription:
    """Nobody pays on a page any more."""
    if running.page_ends_at is None or running.own_payment is None:
        return running
    return replace(running, own_payment=replace(running.own_payment, open_until=None))


def _failed_try(transaction: Transaction) -> FailedTry:
    card, why = transaction.card, transaction.failure
    return FailedTry(
        transaction_id=transaction.transaction_id,
        amount_micros=transaction.amount_micros,
        code=None if why is None else why.code,
        brand=None if card is None else card.brand,
        last4=None if card is None else card.last4,
    )


def try_at_once(wallet: Wallet, now: datetime, *, mended: bool = False) -> Wallet:
    """Make an unpaid renewal's next try due, as when the default card changed. Tries to come stay where they are.

    `mended`: a card that was dead may work again, as with a new date.
    """
    subscription = wallet.subscription
    if subscription is None or subscription.dunning is None:
        return wallet
    dunning = replace(subscription.dunning, next_attempt_at=now)
    if mended:
        subscription = replace(subscription, dead_card=None)
    return replace(wallet, subscription=replace(subscription, dunning=dunning))


def unlock(wallet: Wallet, now: datetime) -> Wallet:
    """Without an administrator's lock; one for want of payment is lifted, and comes back unless a last try pays."""
    wallet = replace(wallet, lock_reason=None)
    subscription = wallet.subscription
    if subscription is None or subscription.dunning is None or not subscription.dunning.locked:
        return wallet
    dunning = replace(subscription.dunning, locked=False, next_attempt_at=now + GRACE, grace_until=now + GRACE)
    return replace(wallet, subscription=replace(subscription, dunning=dunning))
