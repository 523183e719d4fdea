"""Every five minutes: finish what was begun with Stripe, and try again what waited for its moment."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.times import parse_time
from billing.runtime import logs, metrics, settings
from billing.runtime.stripe_access import gateway
from billing.services.reconcile_payments import Reconciliation

_settings = settings.from_environment()
log = logs.logger("reconcile", _settings.log_level)
_reconciliation = Reconciliation(wiring.store(_settings), gateway(_settings, "reconcile"), _settings.return_url)


def handler(event: dict[str, Any], _: object) -> dict[str, int]:
    """The event's `time` is the moment as of which it runs; without one, now."""
    clock = datetime.now(UTC)
    now = parse_time(event["time"], "time") if "time" in event else clock
    done = _reconciliation.run(now, clock=clock)
    counts = {
        "LateStripeEvents": done.late_events,
        "TransactionsChecked": done.transactions,
        "CardsFinished": done.cards,
        "WalletsDue": done.wallets_due,
        "PaymentsStuck": done.stuck,
        "PaymentsNotCredited": len(done.uncredited),
    }
    metrics.emit("reconcile", datetime.now(UTC), counts=counts)
    return counts
