"""Every day: announce the cards that expire soon."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.times import parse_time
from billing.runtime import logs, metrics, settings
from billing.services.announce_expiring_cards import announce_expiring_cards

_settings = settings.from_environment()
log = logs.logger("announce_expiring_cards", _settings.log_level)
_store = wiring.store(_settings)


def handler(event: Mapping[str, Any], _: object) -> dict[str, int]:
    """As of the schedule's own time."""
    counts = {"CardsAnnounced": announce_expiring_cards(_store, parse_time(event["time"], "time"))}
    metrics.emit("announce_expiring_cards", datetime.now(UTC), counts=counts)
    return counts
