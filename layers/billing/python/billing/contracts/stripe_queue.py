"""The messages of the queue behind Stripe's webhook: which event to look after."""

import json

from billing.contracts.json_text import compact
from billing.domain.stripe_event import StripeEvent


def encode(event: StripeEvent) -> str:
    return compact({"event_id": event.event_id, "type": event.type, "object_id": event.object_id})


def decode(message: str) -> StripeEvent:
    """Raises ValueError, KeyError or TypeError for what `encode` did not write."""
    said = json.loads(message)
    return StripeEvent(said["event_id"], said["type"], said["object_id"])
