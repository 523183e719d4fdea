"""API keys: who sends a request, and what they may do. Hot: imports only what it uses."""

import time
from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.runtime import aws, logs, settings
from billing.services.authenticate import authenticate, keep_use

_SLOW_SECONDS = 1
"""A store that takes longer for the key is not asked for more: the gateway waits for five."""

_settings = settings.from_environment()
log = logs.logger("authorizer", _settings.log_level)
_store = wiring.store(_settings, aws.hasty_dynamodb)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Answers API Gateway's simple response; the context is what `web.http.caller_of` reads.

    A store that cannot be reached raises: API Gateway then answers 500, and nobody is let in on a guess.
    """
    started, now = time.monotonic(), datetime.now(UTC)
    key = authenticate((event.get("headers") or {}).get("authorization", ""), _store, now)
    if key is None:
        return {"isAuthorized": False}
    if time.monotonic() - started < _SLOW_SECONDS:
        keep_use(key, _store, now)
    return {
        "isAuthorized": True,
        "context": {
            "key_id": key.key_id,
            "scopes": " ".join(sorted(key.granted)),
            "account_id": key.account_id or "",
        },
    }
