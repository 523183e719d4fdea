"""Auto-refill: what starts one, how much it charges, and what makes it stop.

Pure. A decision that may start a refill says so itself (`with_refill`), so that the transaction that lowers a balance
also holds the intent to refill:

    starts one    a settled event, credit that expires, settings that are saved, a new default card, an unlock, and the
                  clock: a retry, a new month or day, 60 s after a refill that was not enough, the end of a suspension
    never one     a refund, a dispute, an adjustment, a paid renewal, and no payment in the moment in which it arrives

What it charges, with threshold 20, amount 100 and a ceiling of 10,000 for one charge:

    balance        missing       charged
    12.00               8        100
    -250.00           270        300
    -250.00           270        200 where the month's limit leaves 250, nothing until next month where it leaves 50
    -119,975.00   119,995        nothing: more than one charge may be, so a mistake is likelier than a need

What makes it stop, and go on again: see `refill_breaker`.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from billing.domain.subscription import month_after
from billing.domain.wallet import DefaultCard, Posted, Refill, Wallet

if TYPE_CHECKING:
    from billing.domain.transaction import Transaction

# Every settlement imports this module and few start a refill: what only those need is imported where it is used.

APART = timedelta(seconds=60)
"""Two refills start at least so far apart."""
MAX_STARTED_A_DAY = 10
"""Of an account, by the day in UTC, declined ones among them."""

DEFICIT_TOO_LARGE = "deficit_too_large"
TOO_MANY = "too_many_refills"


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
    others = replace(refill, charged_micros=refill.charged_micros - counted_in_month(refill, transaction))
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


def _lifted_by_day(refill: Refill, moment: datetime) -> Refill:
    if refill.suspended == TOO_MANY and refill.next_attempt_at is not None and refill.next_attempt_at <= moment:
        return replace(refill, suspended=None, next_attempt_at=None)
    return refill


def _of_day_and_month(refill: Refill, now: datetime) -> Refill:
    """The refill with the counters of the day and of the month that `now` lies in.

    Machines' clocks differ: one that is behind at midnight must not begin the former day or month again.
    """
    day, month = _day(now), month_of(now)
    if refill.day is None or refill.day < day:
        refill = replace(refill, day=day, started_today=0)
    if refill.month is None or refill.month < month:
        refill = replace(refill, month=month, charged_micros=0)
    return refill


def counted_in_month(refill: Refill, transaction: "Transaction") -> int:
    return transaction.amount_micros if refill.month == month_of(transaction.created_at) else 0


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def month_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m}"


def _next_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _next_month(now: datetime) -> datetime:
    return month_after(month_start(now), 1)


def month_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _with(posted: Posted, refill: Refill) -> Posted:
    return replace(posted, wallet=replace(posted.wallet, refill=refill))
