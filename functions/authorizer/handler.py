"""API keys: who sends a request, and what they may do. Hot: imports only what it uses."""

from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.runtime import logs, settings
from billing.services.authenticate import authenticate

_settings = settings.from_environment()
log = logs.logger("authorizer", _settings.log_level)
_store = wiring.store(_settings)


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Answers API Gateway's simple response; the context is what `web.http.caller_of` reads.

    A store that cannot be reached raises: API Gateway then answers 500, and nobody is let in on a guess.
    """
    key = authenticate((event.get("headers") or {}).get("authorization", ""), _store)
    if key is None:
        return {"isAuthorized": False}
    return {
        "isAuthorized": True,
        "context": {
            "key_id": key.key_id,
            "scopes": " ".join(sorted(key.granted)),
            "account_id": key.account_id or "",
        },
    }
