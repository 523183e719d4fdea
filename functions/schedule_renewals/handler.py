"""Every five minutes: queue the subscriptions that need something by now."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.renewal_queue import moment_of
from billing.runtime import aws, logs, metrics, settings
from billing.runtime.renewal_queue import RenewalQueue
from billing.services.schedule_renewals import schedule_renewals

_settings = settings.from_environment()
log = logs.logger("schedule_renewals", _settings.log_level)
_store = wiring.store(_settings)
_queue = RenewalQueue(aws.sqs(), _settings.renewal_queue_url)


def handler(event: dict[str, Any], _: object) -> dict[str, int]:
    """The event's `time` is the moment as of which it sweeps; without one, now."""
    clock = datetime.now(UTC)
    sweep = schedule_renewals(_store, _queue, moment_of(event, clock))
    counts = {"RenewalsDue": sweep.due, "RenewalsQueued": sweep.queued, "RenewalsOverdue": sweep.overdue}
    metrics.emit("schedule_renewals", clock, counts=counts)
    return counts
