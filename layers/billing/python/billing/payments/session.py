"""How a request goes to Stripe: with the key that holds now, and within what is left of the time limit."""

from http import HTTPStatus
from typing import Any, Protocol

import requests

from billing.payments.time_limit import TimeLimit

_KEY_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class ApiKeys(Protocol):
    """Where the key comes from. Threads ask it at once."""

    def current(self) -> str:
        """The key that holds now."""

    def instead_of(self, refused: str) -> str | None:
        """Another key, where one has come to hold since; None where Stripe refused the right one."""


class OneKey:
    """A key that is not replaced."""

    def __init__(self, key: str) -> None:
        self._key = key

    def current(self) -> str:
        return self._key

    def instead_of(self, refused: str) -> str | None:  # noqa: ARG002  there is no other
        return None


class StripeSession(requests.Session):
    """What the SDK sends its requests with.

    A key that Stripe refuses may have been replaced a moment ago. Stripe did nothing of such a request, so that it is
    sent once more with the new key and all else as it was, its idempotency key too.
    """

    def __init__(self, keys: ApiKeys, limit: TimeLimit) -> None:
        super().__init__()
        self._keys = keys
        self._limit = limit

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        key = self._keys.current()
        answer = self._send(key, method, url, *args, **kwargs)
        if answer.status_code not in _KEY_REFUSED:
            return answer
        other = self._keys.instead_of(key)
        return answer if other is None else self._send(other, method, url, *args, **kwargs)

    def _send(self, key: str, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["headers"] = {**kwargs["headers"], "Authorization": f"Bearer {key}"}
        kwargs["timeout"] = self._limit.for_request(changes=method.lower() != "get")
        return super().request(method, url, *args, **kwargs)
