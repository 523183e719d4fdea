"""POST /webhooks/stripe: check the signature, keep the event, queue it, answer. Hot: imports only what it uses."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.api.edge_stripe import StripeWebhook
from billing.runtime import aws, logs, settings
from billing.runtime.stripe_access import webhook_secrets
from billing.runtime.stripe_queue import StripeQueue
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("stripe_webhook", _settings.log_level)
_webhook = StripeWebhook(
    wiring.store(_settings),
    StripeQueue(aws.sqs(), _settings.stripe_queue_url).send,
    webhook_secrets(_settings).current,
)


def handler(event: dict[str, Any], _: object) -> Response:
    return _webhook.respond(event, datetime.now(UTC))
