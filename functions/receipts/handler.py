"""Receipts, credit notes and statements as PDF files: issued if they are not yet, and made once. It carries typst."""

from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.api.documents_api import documents_api
from billing.runtime import logs, settings
from billing.runtime.respond import Invocation, respond
from billing.runtime.typesetter import typeset
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("receipts", _settings.log_level)
_api = documents_api(wiring.store(_settings), typeset)


def handler(event: dict[str, Any], context: Invocation) -> Response:
    return respond(_api, event, context, log)
