"""The ways in which HTTP carries CloudEvents: structured, batched, and binary."""

from collections.abc import Mapping
from urllib.parse import unquote

from billing.contracts.json_text import JsonValue, compact, loads, read_events
from billing.web.http import Request, RequestRefused, body_text, headers, media_type

MAX_EVENTS = 500
MAX_BODY_BYTES = 2 * 1024 * 1024

_ACCEPTED = ("application/cloudevents+json", "application/cloudevents-batch+json", "application/json")
_BINARY_PREFIX = "ce-"


def events_of(request: Request) -> list[JsonValue]:
    """The events of a request, unjudged.

    Raises RequestRefused (`unsupported_media_type`, `body_too_large`), MalformedJson or TooManyEvents. One event or an
    array of them may come under any of the three media types; plain JSON with `ce-` headers is the binary mode.
    """
    content_type = media_type(request)
    if content_type not in _ACCEPTED:
        raise RequestRefused(
            "unsupported_media_type", f"the content type must be one of {', '.join(_ACCEPTED)}", field="content-type"
        )
    text = body_text(request, max_bytes=MAX_BODY_BYTES)
    attributes = headers(request)
    if content_type == "application/json" and f"{_BINARY_PREFIX}specversion" in attributes:
        return [_binary_event(attributes, text)]
    return read_events(text, limit=MAX_EVENTS)


def _binary_event(attributes: Mapping[str, str], text: str) -> JsonValue:
    event: dict[str, object] = {
        name.removeprefix(_BINARY_PREFIX): unquote(value)
        for name, value in attributes.items()
        if name.startswith(_BINARY_PREFIX)
    }
    event["data"] = loads(text)
    return JsonValue(event, compact(event))
