"""The ways in which HTTP carries CloudEvents: structured, batched, and binary."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from billing.contracts.json_text import JsonValue, compact, loads, read_events
from billing.web.http import Request, RequestRefused, body_text, headers, media_type

MAX_EVENTS = 500
MAX_BODY_BYTES = 2 * 1024 * 1024

_JSON = "application/json"
_ACCEPTED = ("application/cloudevents+json", "application/cloudevents-batch+json", _JSON)
_BINARY_PREFIX = "ce-"
_ESCAPED = re.compile(r"\\(.)")


def events_of(request: Request) -> list[JsonValue]:
    """The events of a request, unjudged.

    Raises RequestRefused (`unsupported_media_type`, `body_too_large`), MalformedJson or TooManyEvents. One event or an
    array of them may come under any of the three media types; plain JSON with `ce-` headers is the binary mode, and so
    is a body without a content type: CloudEvents' own SDKs send none for an event that states no `datacontenttype`.
    """
    content_type, attributes = media_type(request), headers(request)
    is_binary = f"{_BINARY_PREFIX}specversion" in attributes and content_type in {_JSON, ""}
    if content_type not in _ACCEPTED and not is_binary:
        raise RequestRefused(
            "unsupported_media_type",
            f"the content type must be one of {', '.join(_ACCEPTED)}; it may be left out beside ce- headers",
            field="content-type",
        )
    text = body_text(request, max_bytes=MAX_BODY_BYTES)
    return [_binary_event(attributes, text)] if is_binary else read_events(text, limit=MAX_EVENTS)


def _binary_event(attributes: Mapping[str, str], text: str) -> JsonValue:
    event: dict[str, object] = {
        name.removeprefix(_BINARY_PREFIX): _text_of(value)
        for name, value in attributes.items()
        if name.startswith(_BINARY_PREFIX)
    }
    event["data"] = loads(text)
    return JsonValue(event, compact(event))


def _text_of(value: str) -> str:
    """A header's value as CloudEvents encodes text: percent-encoded UTF-8, perhaps in double quotes.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    return unquote(value)
