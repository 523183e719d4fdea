"""A preview that holds: a change may name the second and the price of its preview, and costs that or nothing.

    9:00:00  preview: 27.50 due now, as of 9:00:00
    9:04:10  the change names both: it is priced as of 9:00:00, and 27.50 are charged
    9:04:10  but in between a number was rented, the plan has a new version, or the month was renewed: nothing is
             charged, and the refusal carries a new preview

A promise is kept for 600 seconds. A change in the promise's own second may have come before it or after it: then the
price decides.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.errors import Conflict, InvalidValue
from billing.domain.plan_change import Quote

KEPT_FOR = timedelta(seconds=600)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a preview said: the whole second that it priced for, and what was due then.

    `currency` None is the account's.
    """

    as_of: datetime
    due_micros: int
    currency: str | None = None

    def require_recent(self, now: datetime) -> None:
        """Raises InvalidValue where the second is no whole one, ahead of the clock, or too old."""
        if self.as_of.microsecond:
            raise InvalidValue("must be a whole second, as a preview answers it", field="as_of")
        if self.as_of > now:
            raise InvalidValue("must not be ahead of the clock", field="as_of")
        if now - self.as_of > KEPT_FOR:
            raise InvalidValue(
                f"must be at most {KEPT_FOR.seconds} seconds old: ask for another preview", field="as_of"
            )


class PriceChanged(Conflict):
    """What was previewed is not what the change would be now. `quote` is what it would be."""

    def __init__(self, quote: Quote) -> None:
        super().__init__("the price or the terms have changed since the preview: see the new one", code="price_changed")
        self.quote = quote


def is_kept(promise: Promise, quoted: Quote, plan_since: datetime, now: datetime) -> bool:
    """Whether a quote, priced as of the promise's second, is what was promised.

    `plan_since` is when the version of the plan that is asked for was written. A month that is yet to begin was there
    before: its renewal was run as of a later moment.
    """
    subscription = quoted.before.running
    since = [plan_since]
    if subscription is not None:
        since += [subscription.period.start, subscription.changed_at or subscription.period.start]
    unchanged = not any(promise.as_of < moment.replace(microsecond=0) <= now for moment in since)
    is_same_currency = promise.currency in {None, quoted.before.currency}
    return unchanged and is_same_currency and quoted.charge.card_micros == promise.due_micros
