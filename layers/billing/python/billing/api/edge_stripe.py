"""POST /webhooks/stripe: the answers. Hot: imports only what it uses."""

import logging
from collections.abc import Callable
from datetime import datetime

from billing.api.stripe_webhook import raw_body, read_event, signature_of
from billing.domain.errors import BillingError
from billing.payments.signature import SignatureInvalid, check_signature
from billing.services.take_stripe_event import Send, StripeQueueUnavailable, take_stripe_event
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.web.http import Request, RequestRefused, Response, json_response, problem

log = logging.getLogger(__name__)


class StripeWebhook:
    """The route over a store and a queue. `secrets` are those that a signature may be made with now."""

    def __init__(self, store: Store, send: Send, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._store = store
        self._send = send
        self._secrets = secrets

    def respond(self, request: Request, now: datetime) -> Response:
        """Anything but a 200 makes Stripe send the event again."""
        try:
            return self._take(request, now)
        except BillingError as refusal:
            log.warning("webhook refused", extra={"code": refusal.code, "detail": refusal.detail})
            return problem(refusal)
        except (StoreBusy, StripeQueueUnavailable):
            log.exception("webhook not taken")
            return problem(RequestRefused("store_unavailable", "send the event again"))

    def _take(self, request: Request, now: datetime) -> Response:
        body = raw_body(request)
        try:
            check_signature(body, signature_of(request), self._secrets(), now)
        except SignatureInvalid as reason:
            raise RequestRefused("invalid_signature", str(reason)) from reason
        event = read_event(body)
        if event is None:
            log.info("event ignored: nothing follows from it here")
        elif not take_stripe_event(self._store, self._send, event, now):
            log.info("event was done with before", extra={"event_id": event.event_id})
        return json_response(200, {"received": True})
