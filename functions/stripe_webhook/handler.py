"""POST /webhooks/stripe: check the signature, keep the event, queue it, answer. Hot: imports only what it uses."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.api.stripe_webhook import raw_body, read_event, signature_of
from billing.domain.errors import BillingError
from billing.payments.signature import SignatureInvalid, check_signature
from billing.runtime import aws, settings, wiring
from billing.runtime.stripe_access import WebhookSecrets
from billing.runtime.stripe_queue import StripeQueue, StripeQueueUnavailable
from billing.services.take_stripe_event import take_stripe_event
from billing.store.database import StoreBusy
from billing.web.http import Request, RequestRefused, Response, json_response, problem

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("stripe_webhook")

_settings = settings.from_environment()
_secrets = WebhookSecrets(_settings)
_store = wiring.store(_settings)
_queue = StripeQueue(aws.sqs(), _settings.stripe_queue_url)


def handler(event: dict[str, Any], _: object) -> Response:
    """Anything but a 200 makes Stripe send the event again."""
    try:
        return _answer(event, datetime.now(UTC))
    except BillingError as refusal:
        log.warning("webhook refused", extra={"code": refusal.code, "detail": refusal.detail})
        return problem(refusal)
    except (StoreBusy, StripeQueueUnavailable):
        log.exception("webhook not taken")
        return problem(RequestRefused("store_unavailable", "send the event again"))


def _answer(request: Request, now: datetime) -> Response:
    body = raw_body(request)
    try:
        check_signature(body, signature_of(request), _secrets.current(), now)
    except SignatureInvalid as reason:
        raise RequestRefused("invalid_signature", str(reason)) from reason
    event = read_event(body)
    if event is None:
        log.info("event ignored: nothing follows from it here")
    elif not take_stripe_event(_store, _queue.send, event, now):
        log.info("event was done with before", extra={"event_id": event.event_id})
    return json_response(200, {"received": True})
