"""Intentions: charges that were recorded and are not answered. An old one is looked at again before a card is asked.

Stripe may not answer for days. By then auto-refill is switched off, the subscription is canceled, or 500.00 were wired.
So whoever goes on with an intention asks the wallet first whether it is still wanted, and each of them ends:

    what Stripe says of it                            its end
    paid, declined, canceled                          that
    not confirmed after an hour                       canceled at Stripe, so Failed
    a bank debit on its way                           Stripe's answer, after some days
    never heard of, and wanted no more                Failed (`no_longer_wanted`), 10 minutes after it was last asked
    never heard of: a customer's top-up or change     Failed (`not_completed`), an hour after it was last asked
    never heard of: a refill or renewal, wanted       asked again every 5 minutes, until one of the above
    a page that nobody has paid                       stays Checkout; the page expires after 24 hours
    nothing, Stripe does not answer                   none yet: "not known" is never taken for "no"

What arrives after its end is booked all the same: Failed becomes Paid, as credit.
"""

from datetime import datetime, timedelta

from billing.domain.auto_refill import is_refill_wanted
from billing.domain.change import Change
from billing.domain.debt import owes
from billing.domain.declines import Failure
from billing.domain.payment_report import Applied, apply_report
from billing.domain.renewal import is_renewal_wanted
from billing.domain.transaction import PaymentReport, Transaction
from billing.domain.wallet import Posted, Wallet

FRESH = timedelta(minutes=1)
"""So long after it was recorded, an intention is on its way to its first asking, and is not looked at."""
GIVEN_UP_AFTER = timedelta(minutes=10)
"""A request that is under way has reached Stripe by then, or never will."""
ABANDONED_AFTER = timedelta(hours=1)
"""Whoever waits so long for a payment has done something else by then."""
UNCONFIRMED_FOR = timedelta(hours=1)
"""What Stripe has and nobody confirmed by then, nobody will."""


def last_asked(transaction: Transaction) -> datetime:
    """When a card was last asked at the latest: later than FRESH after it was recorded, asking is recorded first."""
    return transaction.asked_at or transaction.created_at


def is_fresh(transaction: Transaction, now: datetime) -> bool:
    """Whether it was recorded a moment ago, and asked for at most once."""
    is_first = transaction.asked_at is None and transaction.attempt == 0
    return is_first and now - transaction.created_at < FRESH


def is_wanted(wallet: Wallet, transaction: Transaction, now: datetime) -> bool:
    """Whether the account still wants what was recorded.

    A top-up is wanted by whoever asks for it again; of a canceled account only up to its debt.
    """
    match transaction.kind:
        case "top_up":
            return wallet.status != "canceled" or owes(wallet, transaction.amount_micros)
        case "auto_refill":
            return is_refill_wanted(wallet, transaction, now)
        case "renewal":
            return is_renewal_wanted(wallet, transaction, now)
        case "plan_change":
            change = wallet.pending_change
            return change is not None and change.transaction_id == transaction.transaction_id
        case "adjustment":
            return True


def report_nothing(transaction: Transaction, why: Failure) -> PaymentReport:
    """What there is to record of an intention that is given up."""
    return PaymentReport(
        transaction_id=transaction.transaction_id,
        account_id=transaction.account_id,
        payment_intent_id=None,
        outcome="declined",
        received_micros=0,
        currency=transaction.currency,
        failure=why,
    )


def unless_asked(wallet: Wallet, transaction: Transaction, report: PaymentReport, now: datetime) -> Change[Applied]:
    """As `apply_report`; nothing where a card was asked a moment ago, perhaps by somebody who was faster than this."""
    if now - last_asked(transaction) < GIVEN_UP_AFTER:
        return Change(Posted(wallet), Applied("unchanged", transaction))
    return apply_report(wallet, transaction, report, now)


def unless_wanted(wallet: Wallet, transaction: Transaction, report: PaymentReport, now: datetime) -> Change[Applied]:
    """As `unless_asked`; nothing where the wallet that this is written with wants the transaction, either."""
    if is_wanted(wallet, transaction, now):
        return Change(Posted(wallet), Applied("unchanged", transaction))
    return unless_asked(wallet, transaction, report, now)
