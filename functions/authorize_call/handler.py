"""May a call start, and the slot it then holds: one or two requests to the database. Hot: imports only what it uses."""

from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.api.edge_calls import CallApi
from billing.runtime import logs, settings
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("authorize_call", _settings.log_level)
_api = CallApi(wiring.store(_settings))


def handler(event: dict[str, Any], _: object) -> Response:
    return _api.respond(event, datetime.now(UTC))
