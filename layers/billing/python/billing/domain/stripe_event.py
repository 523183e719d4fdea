"""An event of Stripe's: that something happened there. It says no more, since what holds now is read from Stripe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """That something happened to an object of Stripe's. What holds now is read from Stripe."""

    event_id: str
    type: str
    object_id: str
