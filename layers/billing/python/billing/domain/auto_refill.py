"""Auto-refill: what starts one, how much it charges, and what makes it stop.

Pure. A decision that may start a refill says so itself (`with_refill`), so that the transaction that lowers a balance
also holds the intent to refill:

    starts one    a settled event, credit that expires, settings that are saved, a new default card, an unlock, and the
                  clock: a retry, a new month or day, 60 s after the last one, after a payment that left the balance low
    never one     a refund, a dispute, an adjustment, a renewal, a payment's own arrival

What it charges, with threshold 20, amount 100 and a ceiling of 10,000 for one charge:

    balance        missing       charged
    12.00               8        100
    -250.00           270        300
    -250.00           270        200 where the month's limit leaves 250, nothing until next month where it leaves 50
    -119,975.00   119,995        nothing: more than one charge may be, so a mistake is likelier than a need

What makes it stop (`Refill.suspended`), and what lets it go on:

    a decline's code    a payment by hand, another default card; a new date where only the date was wrong
    refunded            a payment by hand, another default card, settings that are saved
    dispute_opened      the same
    deficit_too_large   what leaves the missing amount within one charge: a payment by hand, an adjustment, settings
    too_many_refills    the next day (UTC), settings that are saved
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.subscription import month_after
from billing.domain.wallet import DefaultCard, Posted, Refill, Wallet

if TYPE_CHECKING:
    from billing.domain.declines import Failure
    from billing.domain.transaction import Transaction

# Every settlement imports this module and few start a refill: what only those need is imported where it is used.

# After the first decline, after the second; the third suspends.
RETRY_AFTER = (timedelta(hours=1), timedelta(hours=24))
GIVES_UP_AFTER = len(RETRY_AFTER) + 1
# After a try that failed for no fault of the card's.
RETRY_UNBLAMED_AFTER = timedelta(hours=1)
APART = timedelta(seconds=60)
"""Two refills start at least so far apart."""
MAX_STARTED_A_DAY = 10
"""Of an account, by the day in UTC, declined ones among them."""

DISPUTED = "dispute_opened"
REFUNDED = "refunded"
DEFICIT_TOO_LARGE = "deficit_too_large"
TOO_MANY = "too_many_refills"
_OF_NO_CARD = frozenset({DEFICIT_TOO_LARGE, TOO_MANY})
_LIFTED_BY_SETTINGS = frozenset({DISPUTED, REFUNDED, *_OF_NO_CARD})

ADVICE = {
    "authentication_required": "Your bank wants you to confirm payments. Pay by hand or change the default card.",
    DEFICIT_TOO_LARGE: "The balance is further below the threshold than one charge may be. Check your usage, then pay "
    "by hand or lower the threshold.",
    DISPUTED: "A payment was disputed. Pay by hand, change the default card or save the settings again to resume.",
    REFUNDED: "A refill was refunded. Pay by hand, change the default card or save the settings again to resume.",
    TOO_MANY: "Auto-refill has bought credit many times today. It goes on tomorrow, or once you save the settings.",
}
OTHER_ADVICE = "The card was declined. Pay by hand or change the default card to resume."
ENDING_ADVICE = "The subscription ends with its period: auto-refill buys no more credit."


def with_refill(posted: Posted, now: datetime, *, moment: datetime | None = None) -> Posted:
    """The decision with the refill that it starts: one where the balance is below the threshold and nothing forbids it.

    A refill is recorded as of `now`. `moment` is the one as of which the clock is read where a sweep is run as of
    another: what was to wait until then waits no longer.
    """
    wallet = posted.wallet
    refill, card = wallet.refill, wallet.default_card
    if refill is None or card is None or not wallet.may_refill or refill.pending is not None:
        return posted
    moment = now if moment is None else moment
    refill = _lifted_by_day(refill, moment)
    if refill.suspended is not None:
        return posted
    refill, amount = _decided(wallet, refill, now, moment)
    if amount:
        return _started(posted, refill, card, amount, now)
    return posted if refill == wallet.refill else _with(posted, refill)


def _decided(wallet: Wallet, refill: Refill, now: datetime, moment: datetime) -> tuple[Refill, int]:
    """What to charge, in micro-units. Where it is nothing, the refill says until when it waits, or why it stops."""
    missing = _missing(wallet, refill)
    if missing <= 0:
        # Nothing to look for any more. The wait after a decline goes on: the next fall may come before its end.
        return replace(refill, next_attempt_at=None), 0
    earliest = _earliest(refill)
    if earliest is not None and earliest > moment:
        return replace(refill, next_attempt_at=earliest), 0
    refill = _of_day_and_month(refill, now)
    if refill.started_today >= MAX_STARTED_A_DAY:
        return replace(refill, suspended=TOO_MANY, next_attempt_at=_next_day(now)), 0
    if missing > _ceiling(wallet):
        return replace(refill, suspended=DEFICIT_TOO_LARGE, next_attempt_at=None), 0
    amount = _amount(wallet, refill)
    return (refill if amount else replace(refill, next_attempt_at=_next_month(now))), amount


def _earliest(refill: Refill) -> datetime | None:
    """When the next one may start: not before the clock is to look, a decline's wait is over, a minute has passed."""
    last = refill.last_attempt_at
    waits = (refill.next_attempt_at, refill.retry_at, None if last is None else last + APART)
    return max((each for each in waits if each is not None), default=None)


def is_refill_wanted(wallet: Wallet, transaction: "Transaction", now: datetime) -> bool:
    """Whether the wallet would still start the refill that it waits for: as much, or more, from the same card."""
    refill, card = wallet.refill, wallet.default_card
    if refill is None or card is None or refill.pending != transaction.transaction_id:
        return False
    if not wallet.may_refill or refill.suspended is not None:
        return False
    if card.payment_method_id != transaction.payment_method_id or _missing(wallet, refill) > _ceiling(wallet):
        return False
    refill = _of_day_and_month(refill, now)
    others = replace(refill, charged_micros=refill.charged_micros - _counted(refill, transaction))
    return transaction.amount_micros <= _amount(wallet, others)


def _missing(wallet: Wallet, refill: Refill) -> int:
    """Micro-units up to the threshold. One of zero, which an older release took, is left behind above zero."""
    return max(1, refill.threshold_micros) - wallet.balance_micros


def _amount(wallet: Wallet, refill: Refill) -> int:
    """The smallest whole multiple that reaches the threshold, or the largest that the limits leave; 0 for none."""
    multiples = -(-_missing(wallet, refill) // refill.amount_micros)
    most = _ceiling(wallet)
    if refill.monthly_limit_micros is not None:
        most = min(most, refill.monthly_limit_micros - refill.charged_micros)
    return max(0, min(multiples, most // refill.amount_micros)) * refill.amount_micros


def _ceiling(wallet: Wallet) -> int:
    from billing.domain.charge_limits import largest_charge_micros

    return largest_charge_micros(wallet.currency)


def _started(posted: Posted, refill: Refill, card: DefaultCard, amount: int, now: datetime) -> Posted:
    from billing.domain.money import Money
    from billing.domain.transaction import new_charge, transaction_id

    wallet = posted.wallet
    number = refill.started + 1
    charge = new_charge(
        transaction_id(wallet.account_id, "refill", number, now.isoformat()),
        wallet.account_id,
        "auto_refill",
        Money(amount, wallet.currency),
        card,
        now=now,
    )
    pending = replace(
        refill,
        pending=charge.transaction_id,
        started=number,
        started_today=refill.started_today + 1,
        charged_micros=refill.charged_micros + amount,
        next_attempt_at=None,
        last_attempt_at=now,
    )
    return replace(_with(posted, pending), refill=charge)


def look_soon(wallet: Wallet, now: datetime) -> Wallet:
    """Let the clock start the next refill where the balance is below the threshold: this change may start none itself.

    What waits already goes on waiting.
    """
    refill = wallet.refill
    if refill is None or not refill.enabled or refill.pending is not None or refill.suspended is not None:
        return wallet
    if refill.next_attempt_at is not None or _missing(wallet, refill) <= 0:
        return wallet
    return replace(wallet, refill=replace(refill, next_attempt_at=max(now, _earliest(refill) or now)))


def within_reach(wallet: Wallet, now: datetime) -> Wallet:
    """Without the suspension for a deficit that one charge could not make up for, where one could now."""
    refill = wallet.refill
    if refill is None or refill.suspended != DEFICIT_TOO_LARGE or _missing(wallet, refill) > _ceiling(wallet):
        return wallet
    return look_soon(replace(wallet, refill=replace(refill, suspended=None)), now)


def with_closed_breaker(refill: Refill) -> Refill:
    """Auto-refill as if no card had failed; the last failure stays to be read until something is tried again."""
    refill = replace(refill, failures=0, retry_at=None, breaker_card=None)
    return refill if refill.suspended in _OF_NO_CARD else replace(refill, next_attempt_at=None, suspended=None)


def with_saved_settings(refill: Refill) -> Refill:
    """What the customer has confirmed by saving: all but what a card's declines have stopped, or made wait."""
    if refill.suspended in _LIFTED_BY_SETTINGS:
        is_given_up = refill.failures >= GIVES_UP_AFTER
        refill = replace(refill, suspended=refill.last_failure if is_given_up else None, started_today=0)
    return replace(refill, next_attempt_at=None, retry_at=_declined_until(refill))


def _declined_until(refill: Refill) -> datetime | None:
    """What a decline makes wait for: in a row of an older release the only thing that a clock is set for then."""
    if not refill.failures:
        return None
    return refill.retry_at or refill.next_attempt_at


def after_paid(wallet: Wallet, transaction: "Transaction") -> Wallet:
    """A payment that the customer made closes the breaker. A refill's own ends it, and lifts no suspension."""
    refill = wallet.refill
    if refill is None:
        return wallet
    if refill.pending == transaction.transaction_id:
        refill = replace(refill, pending=None)
    elif transaction.kind == "auto_refill":
        # It had been taken for failed, and its amount with it.
        refill = replace(refill, charged_micros=refill.charged_micros + _counted(refill, transaction))
    if transaction.is_by_hand or refill.suspended is None:
        refill = replace(with_closed_breaker(refill), last_failure=None)
    return replace(wallet, refill=refill)


def after_failed(wallet: Wallet, transaction: "Transaction", why: "Failure", now: datetime) -> Wallet:
    """Count the decline of a pending refill: wait 1 h, then 24 h, then give up; at once where asking again is no use.

    What is no decline does not count, and is tried again after an hour; what was no longer wanted, once it is. Nor does
    a decline of a card that is no longer the default count, or of a date that was renewed meanwhile: what took its
    place is tried soon. A card is known by its payment method, or by the number that we read when it was saved: what a
    bank says of the number may be another one by then. What was suspended before stays so, for the reason it had.
    """
    refill = wallet.refill
    if refill is None or refill.pending != transaction.transaction_id:
        return wallet
    refill = replace(refill, pending=None, charged_micros=refill.charged_micros - _counted(refill, transaction))
    if why.is_unwanted:
        return look_soon(replace(wallet, refill=refill), now)
    refill = replace(refill, last_failure=why.code)
    if not why.is_decline:
        waits_until = None if refill.suspended else now + RETRY_UNBLAMED_AFTER
        return replace(wallet, refill=replace(refill, next_attempt_at=waits_until))
    card = wallet.default_card
    if card is None or _is_of_another_card(transaction, card, why):
        return look_soon(replace(wallet, refill=refill), now)
    is_hopeless = why.card_is_dead or why.needs_customer
    failures = GIVES_UP_AFTER if is_hopeless else min(refill.failures + 1, GIVES_UP_AFTER)
    retry_at = None if failures == GIVES_UP_AFTER else now + RETRY_AFTER[failures - 1]
    suspended = refill.suspended or (why.code if retry_at is None else None)
    refill = replace(
        refill,
        failures=failures,
        breaker_card=card.fingerprint,
        suspended=suspended,
        retry_at=retry_at,
        next_attempt_at=None if suspended else retry_at,
    )
    return replace(wallet, refill=refill)


def _is_of_another_card(transaction: "Transaction", default: DefaultCard, why: "Failure") -> bool:
    """Whether a decline says nothing of the default card."""
    if transaction.payment_method_id == default.payment_method_id:
        return False
    return transaction.card_fingerprint != default.fingerprint or why.mends_with_new_date


def after_refund(wallet: Wallet, transaction: "Transaction", micros: int) -> Wallet:
    """A refill's refund, or below zero one that the bank did not take: as far as it is refunded it counts no more.

    Who was given back what a refill took does not want it taken again.
    """
    refill = wallet.refill
    if refill is None or transaction.kind != "auto_refill":
        return wallet
    if refill.month == _month(transaction.created_at):
        refill = replace(refill, charged_micros=max(0, refill.charged_micros - micros))
    wallet = replace(wallet, refill=refill)
    is_stopped_for_longer = refill.suspended is not None and refill.suspended not in _OF_NO_CARD
    return wallet if micros <= 0 or is_stopped_for_longer else _stopped(wallet, REFUNDED)


def after_dispute(wallet: Wallet) -> Wallet:
    """A dispute opened: whoever disputes one charge will dispute the next."""
    return _stopped(wallet, DISPUTED)


def _stopped(wallet: Wallet, why: str) -> Wallet:
    if wallet.refill is None:
        return wallet
    card = None if wallet.default_card is None else wallet.default_card.fingerprint
    return replace(wallet, refill=replace(wallet.refill, suspended=why, next_attempt_at=None, breaker_card=card))


def waits_for_month(refill: Refill) -> bool:
    """Whether the month's limit leaves no room, so that it goes on with the next month. A decline waits, too."""
    waits_until = refill.next_attempt_at
    return (
        refill.suspended is None
        and waits_until is not None
        and not refill.failures
        and waits_until == month_start(waits_until)
    )


def advice_on(suspended: str) -> str:
    """What the customer can do about a suspension, by its code."""
    return ADVICE.get(suspended, OTHER_ADVICE)


def advice(wallet: Wallet) -> str | None:
    """What the customer can do about an auto-refill that is suspended, waits for the next month, or has no next one."""
    refill = wallet.refill
    if refill is None:
        return None
    if wallet.is_ending and refill.enabled:
        return ENDING_ADVICE
    if refill.suspended is not None:
        return advice_on(refill.suspended)
    if refill.next_attempt_at is None or not waits_for_month(refill):
        return None
    return (
        f"The monthly limit is reached. Auto-refill goes on at {refill.next_attempt_at.astimezone(UTC):%Y-%m-%d %H:%M} "
        "UTC. Raise the monthly limit or top up by hand to have credit before then."
    )


def _lifted_by_day(refill: Refill, moment: datetime) -> Refill:
    if refill.suspended == TOO_MANY and refill.next_attempt_at is not None and refill.next_attempt_at <= moment:
        return replace(refill, suspended=None, next_attempt_at=None)
    return refill


def _of_day_and_month(refill: Refill, now: datetime) -> Refill:
    """The refill with the counters of the day and of the month that `now` lies in.

    Machines' clocks differ: one that is behind at midnight must not begin the former day or month again.
    """
    day, month = _day(now), _month(now)
    if refill.day is None or refill.day < day:
        refill = replace(refill, day=day, started_today=0)
    if refill.month is None or refill.month < month:
        refill = replace(refill, month=month, charged_micros=0)
    return refill


def _counted(refill: Refill, transaction: "Transaction") -> int:
    return transaction.amount_micros if refill.month == _month(transaction.created_at) else 0


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _month(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"


def _next_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    return month_after(month_start(now), 1)


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _with(posted: Posted, refill: Refill) -> Posted:
    return replace(posted, wallet=replace(posted.wallet, refill=refill))
