"""An event of Stripe's: that something happened there. It says no more, since what holds now is read from Stripe."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """That something happened to an object of Stripe's. The payment that it belongs to, and when, where it is known."""

    event_id: str
    type: str
    object_id: str
    payment_intent_id: str | None = None
    created_at: datetime | None = field(default=None, compare=False)

    @property
    def subject(self) -> str:
        """What is looked at because of it: two events of one subject are looked after as one."""
        return self.payment_intent_id or self.object_id

    @property
    def is_of_page(self) -> bool:
        """Whether it says that a hosted page is complete: each kind of such an event that we handle does."""
        return self.type.startswith("checkout.session.")
