"""The running platform's HTTP API, as a platform's backend would call it."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TIMEOUT_SECONDS = 120


class UnexpectedAnswer(Exception):
    """The API answered another status than the caller counts on."""


@dataclass(frozen=True, slots=True)
class Api:
    """Calls with one key."""

    url: str
    key: str

    def get(self, path: str) -> Any:  # noqa: ANN401  JSON
        return self.call("GET", path, expect=(200,))

    def post(self, path: str, body: object, *, key: str | None = None) -> Any:  # noqa: ANN401  JSON
        """`key` is the Idempotency-Key, which most of what moves money demands."""
        return self.call("POST", path, body, expect=(200, 201, 202), key=key)

    def put(self, path: str, body: object) -> Any:  # noqa: ANN401  JSON
        return self.call("PUT", path, body, expect=(200, 201))

    def get_file(self, path: str) -> tuple[str, bytes]:
        """The name and the bytes of a file. Raises UnexpectedAnswer."""
        headers = {"authorization": f"Bearer {self.key}", "accept": "application/pdf"}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310  http, on loopback
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  the same
                return response.headers.get_filename() or "", response.read()
        except urllib.error.HTTPError as error:
            raise UnexpectedAnswer(f"GET {path} answered {error.code}: {error.read().decode()}") from error

    def call(
        self, method: str, path: str, body: object = None, *, expect: tuple[int, ...], key: str | None = None
    ) -> Any:  # noqa: ANN401  JSON
        """The answer's JSON. Raises UnexpectedAnswer with what the API said where the status is not expected."""
        status, answer = self._send(method, path, body, key)
        if status not in expect:
            raise UnexpectedAnswer(f"{method} {path} answered {status}: {json.dumps(answer)}")
        return answer

    def _send(self, method: str, path: str, body: object, key: str | None) -> tuple[int, Any]:
        once: Mapping[str, str] = {} if key is None else {"idempotency-key": key}
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", **once}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310  http, on loopback
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  http, on loopback
                return response.status, _json(response.read())
        except urllib.error.HTTPError as error:
            return error.code, _json(error.read())


def _json(raw: bytes) -> Any:  # noqa: ANN401  JSON
    return json.loads(raw) if raw else None
