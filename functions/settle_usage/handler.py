"""Usage queue -> settlement: rate ended calls and deduct them, in batches. Hot: imports only what it uses."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.runtime import logs, metrics, settings
from billing.runtime.batch import come_again
from billing.runtime.usage_messages import read_messages
from billing.services.settle_usage import UsageSettlement

_settings = settings.from_environment()
log = logs.logger("settle_usage", _settings.log_level)
_settlement = UsageSettlement(wiring.bare_store(_settings))


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Only what could not be settled now goes back to the queue.

    The service takes the whole batch, since it settles the calls of an account together.
    """
    now = datetime.now(UTC)
    received, broken = read_messages(event["Records"], now)
    outcome = _settlement.settle_batch(received, now)
    _settlement.keep_broken(broken, outcome)
    for account_id in sorted(outcome.paused_accounts):
        log.info("account paused", extra={"account_id": account_id})
    metrics.emit(
        "settle_usage", now, counts=outcome.counts, milliseconds={"SettlementLag": outcome.lags_milliseconds(now)}
    )
    return come_again(sorted(outcome.failed))
