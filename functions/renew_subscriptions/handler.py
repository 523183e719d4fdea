"""Renewal queue -> charge, and what follows from it: a new month, another try later, a lock, an end."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.renewal_queue import decode
from billing.runtime import batch, logs, metrics, settings
from billing.runtime.stripe_access import Invocation, gateway, seconds_left
from billing.services.renew_subscription import Renewed, count_renewals, renew_subscription

_settings = settings.from_environment()
log = logs.logger("renew_subscriptions", _settings.log_level)
_loop = batch.BatchLoop(log, "a renewal broke", batch.body)
_store = wiring.store(_settings)
_gateway = gateway(_settings, "renew_subscriptions")


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    """Only what broke goes back to the queue.

    If Stripe does not answer, the subscription stays due: the next sweep orders it again, and the same try goes on.
    """
    _gateway.limit.set(seconds_left(context))
    worked = _loop.try_all(event["Records"], _renew, has_time=_gateway.limit.has_time)
    counts = count_renewals(worked.results) | {"FailedRenewals": len(worked.broken)}
    metrics.emit("renew_subscriptions", datetime.now(UTC), counts=counts)
    return worked.answer


def _renew(record: batch.Record) -> Renewed:
    return renew_subscription(_store, _gateway, decode(record["body"]), datetime.now(UTC))
