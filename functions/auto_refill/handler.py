"""The transactions table's stream -> charge: each refill as soon as it was decided."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.domain.transaction import Transaction
from billing.runtime import logs, metrics, settings
from billing.runtime.batch import BatchLoop, Record
from billing.runtime.stripe_access import Invocation, gateway, seconds_left
from billing.services.charge_card import charge_card, count_refills, find_charge
from billing.store.transactions import id_of_transaction

_settings = settings.from_environment()
log = logs.logger("auto_refill", _settings.log_level)
_loop = BatchLoop(log, "a refill broke", lambda record: {"transaction_id": _transaction_id(record)})
_store = wiring.store(_settings)
_gateway = gateway(_settings, "auto_refill")


def handler(event: dict[str, Any], context: Invocation) -> dict[str, Any]:
    """Charge new refills. If Stripe does not answer, one stays Processing, and reconciliation goes on with it."""
    _gateway.limit.set(seconds_left(context))
    now = datetime.now(UTC)
    charge = partial(_charge, now=now)
    worked = _loop.try_in_order(event["Records"], charge, has_time=_gateway.limit.has_time)
    metrics.emit("auto_refill", now, counts=count_refills(worked.results))
    return worked.answer


def _charge(record: Record, now: datetime) -> Transaction:
    refill = find_charge(_store, _transaction_id(record))
    return charge_card(_store, _gateway, refill, return_url=_settings.return_url, now=now)


def _transaction_id(record: Record) -> str:
    return id_of_transaction(record["dynamodb"]["NewImage"])
