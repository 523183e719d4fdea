"""Every five minutes: finish what was begun with Stripe, and try again what waited for its moment."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.times import parse_time
from billing.runtime import logs, metrics, settings
from billing.runtime.stripe_access import Invocation, gateway, seconds_left
from billing.services.reconcile_payments import Reconciliation

_settings = settings.from_environment()
log = logs.logger("reconcile", _settings.log_level)
_gateway = gateway(_settings, "reconcile")
_reconciliation = Reconciliation(wiring.store(_settings), _gateway, _settings.return_url)


def handler(event: dict[str, Any], context: Invocation) -> dict[str, int]:
    """The event's `time` is the moment as of which it runs; without one, now."""
    _gateway.limit.set(seconds_left(context))
    clock = datetime.now(UTC)
    now = parse_time(event["time"], "time") if "time" in event else clock
    done = _reconciliation.run(now, clock=clock)
    metrics.emit("reconcile", datetime.now(UTC), counts=done.counts)
    return done.counts
