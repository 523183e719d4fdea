"""Idempotency keys as Stripe keeps them: one answer for each, for a day, whatever the answer was.

https://docs.stripe.com/api/idempotent_requests
"""

from dataclasses import dataclass, field

from infra.local.stripe_simulator.errors import Json, StripeError, invalid

KEPT_SECONDS = 24 * 3600
MAX_KEY_LENGTH = 255

Request = tuple[str, str, Json]
"""Method, path and parameters: what must be the same for a key to be the same."""


@dataclass(slots=True)
class Remembered:
    """The request that used a key first, and its answer once there is one."""

    request: Request
    request_id: str
    at: int
    status: int | None = None
    body: Json = field(default_factory=dict)


@dataclass(slots=True)
class IdempotencyKeys:
    """Those of one account, by the key alone."""

    _seen: dict[str, Remembered] = field(default_factory=dict)

    def begin(self, key: str, request: Request, request_id: str, now: int) -> Remembered | None:
        """Claim a key for a request (None), or get the answer to replay; raises when the key is not this request's."""
        if not 1 <= len(key) <= MAX_KEY_LENGTH:
            raise invalid(f"Idempotency keys must be 1 to {MAX_KEY_LENGTH} characters long.")
        first = self._seen.get(key)
        if first is None or first.at + KEPT_SECONDS <= now:
            self._seen[key] = Remembered(request, request_id, now)
            return None
        if first.request[:2] != request[:2]:
            endpoint = first.request[1]
            raise _conflict(f"can only be used for the same endpoint they were first used for ('{endpoint}')", key)
        if first.request != request:
            raise _conflict("can only be used with the same parameters they were first used with", key)
        if first.status is None:
            message = (
                f"There is currently another in-progress request using this Idempotent Key: {key}. Please try again "
                "later."
            )
            raise StripeError(409, "idempotency_error", message, code="idempotency_key_in_use")
        return first

    def finish(self, key: str, status: int, body: Json) -> None:
        """Remember the answer."""
        remembered = self._seen[key]
        remembered.status, remembered.body = status, body

    def forget(self, key: str) -> None:
        """Give a key back: its request was refused before anything began."""
        self._seen.pop(key, None)


def _conflict(rule: str, key: str) -> StripeError:
    message = (
        f"Keys for idempotent requests {rule}. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return StripeError(400, "idempotency_error", message)
