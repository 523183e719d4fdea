"""Answer a request of the gateway by an API's routes. What breaks is logged, and its sender is told under which id."""

from datetime import UTC, datetime
from typing import Any, Protocol

from billing.web.http import RequestRefused, Response, problem
from billing.web.routing import Api


class Logger(Protocol):
    """What this needs of a logger: the standard one, and Powertools'."""

    def info(self, msg: str, /, *, extra: dict[str, object]) -> None: ...
    def exception(self, msg: str, /) -> None: ...


class Invocation(Protocol):
    """Lambda's context."""

    @property
    def aws_request_id(self) -> str: ...


def respond(api: Api, event: dict[str, Any], context: Invocation, logger: Logger) -> Response:
    try:
        return api.respond(event, datetime.now(UTC), lambda facts: logger.info("answered", extra=dict(facts)))
    except Exception:
        logger.exception("request failed")
        request_id = context.aws_request_id
        return problem(
            RequestRefused("internal_error", f"something broke; it was logged as {request_id}", request_id=request_id)
        )
