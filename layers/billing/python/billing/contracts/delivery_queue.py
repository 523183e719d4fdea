"""The messages of the delivery queue: which attempt of which delivery."""

from billing.contracts.json_text import compact, loads
from billing.domain.delivery import Attempt, Delivery


def encode(delivery: Delivery) -> str:
    return compact({"destination": delivery.destination, "event_id": delivery.event_id, "attempts": delivery.attempts})


def decode(body: str) -> Attempt:
    """Raises ValueError, KeyError or TypeError for what was not encoded here."""
    message = loads(body)
    if not isinstance(message, dict):
        raise TypeError("not a delivery")
    return Attempt(str(message["destination"]), str(message["event_id"]), int(message["attempts"]))
