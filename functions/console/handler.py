"""The console: pages for customers, without a line of script. No authorizer stands before it."""

from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.console.app import Console
from billing.runtime import logs, settings, stripe_access
from billing.runtime.show_page import show_page
from billing.web.http import Response

_settings = settings.from_environment()
log = logs.logger("console", _settings.log_level)
_limit, _gateway = stripe_access.on_demand(_settings, "console")
_console = Console(wiring.store(_settings), _gateway, stripe_access.checkout_origins(_settings))


def handler(event: dict[str, Any], context: stripe_access.Invocation) -> Response:
    _limit.set(stripe_access.seconds_left(context))
    return show_page(_console, event, log)
