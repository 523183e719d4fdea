"""Receipts, credit notes and statements as PDF files: issued if they are not yet, and made once. It carries typst."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.api.documents_api import documents_api
from billing.console.files import ConsoleFiles
from billing.runtime import logs, settings
from billing.runtime.respond import Invocation, respond
from billing.runtime.typesetter import typeset
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("receipts", _settings.log_level)
_store = wiring.store(_settings)
_api, _files = documents_api(_store, typeset), ConsoleFiles(_store, typeset)


def handler(event: dict[str, Any], context: Invocation) -> Response:
    if event["rawPath"].startswith("/console/"):
        return _files.respond(event, datetime.now(UTC), lambda facts: log.info("answered", extra=dict(facts)))
    return respond(_api, event, context, log)
