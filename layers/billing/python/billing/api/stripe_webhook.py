"""Stripe's webhook on the wire: its raw body in, an event or a refusal out; and the message in the queue behind it."""

import base64
import json

from billing.domain.stripe_event import StripeEvent
from billing.payments.event_types import HANDLED_EVENTS
from billing.web.http import Request, RequestRefused, headers

MAX_BODY_BYTES = 512 * 1024
_MAX_ID_CHARACTERS = 255


def raw_body(request: Request) -> str:
    """The body exactly as it was sent: the signature is of these bytes. Raises `body_too_large`, `malformed_json`."""
    body: str = request.get("body") or ""
    if len(body) > MAX_BODY_BYTES * 2:
        raise RequestRefused("body_too_large", f"a body may have at most {MAX_BODY_BYTES} bytes")
    if not request.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError as error:
        raise RequestRefused("malformed_json", "the body is not text in UTF-8") from error


def signature_of(request: Request) -> str:
    return headers(request).get("stripe-signature", "")


def read_event(body: str) -> StripeEvent | None:
    """The event of a body whose signature was checked. Raises `malformed_json`.

    None for a kind that nothing here follows from, and for a connected account's, which is not ours.
    """
    try:
        said = json.loads(body)
        if said["type"] not in HANDLED_EVENTS or said.get("account") is not None:
            return None
        event = StripeEvent(said["id"], said["type"], said["data"]["object"]["id"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestRefused("malformed_json", "the body is not an event of Stripe's") from error
    if not all(isinstance(each, str) and 0 < len(each) <= _MAX_ID_CHARACTERS for each in _texts(event)):
        raise RequestRefused("malformed_json", "the body is not an event of Stripe's")
    return event


def _texts(event: StripeEvent) -> tuple[str, str, str]:
    return event.event_id, event.type, event.object_id
