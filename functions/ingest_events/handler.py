"""POST /v1/events: take in usage events and queue them for settlement. Hot: imports only what it uses."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.api.edge_events import EventsApi
from billing.runtime import aws, logs, metrics, settings
from billing.runtime.usage_queue import UsageQueue
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("ingest_events", _settings.log_level)
_api = EventsApi(
    wiring.store(_settings),
    UsageQueue(aws.sqs(), _settings.usage_queue_url or ""),
    count=lambda counts, now: metrics.emit("ingest_events", now, counts=counts),
)


def handler(event: dict[str, Any], _: object) -> Response:
    return _api.respond(event, datetime.now(UTC))
