"""Answer a request of the gateway with a page of the console. What breaks is logged, and the visitor reads a page."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.console.app import Console
from billing.web.http import Response


def show_page(console: Console, event: dict[str, Any], log: logging.Logger) -> Response:
    try:
        return console.respond(event, datetime.now(UTC), lambda facts: log.info("answered", extra=dict(facts)))
    except Exception:
        log.exception("request failed")
        return console.apologize(event)
