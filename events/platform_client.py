"""How a call platform plugs in: one class, standard library only, to copy and adapt.

`BillingService` fills the stubs that the open-source voice platforms leave empty. To see it at work against a running
Talktime: `python events/platform_client.py API_URL API_KEY WORKSPACE_ID`. The key needs the scopes `calls:authorize`
and `usage:write`.

Every request may be sent again: a lease is taken once for its id, a call is charged once for its call id.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

LEASE_SECONDS = 900
"""Longer than a call goes on without `increase_concurrency` being asked again, which extends the lease."""

_TIMEOUT_SECONDS = 10
_ATTEMPTS = 3
_WORTH_ANOTHER_ATTEMPT = {429, 500, 502, 503, 504}


class Refused(Exception):
    """Talktime said no. `code` is stable (`account_paused`, `concurrency_limit_reached`, ...), the text is not."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class Unavailable(Exception):
    """No answer after several attempts. Whether calls start meanwhile is the platform's choice; none is lost: their
    events are to be sent later, and are charged as of when they ended."""


@dataclass(frozen=True)
class Usage:
    """How much of a feature was consumed, in `unit`: the metered or the priced one of the plan."""

    feature: str
    quantity: Decimal
    unit: str | None = None


class BillingService:
    """The platform's businesses are Talktime's workspaces, by the same ids."""

    def __init__(self, api_url: str, api_key: str, source: str = "/voice-platform") -> None:
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key
        self._source = source

    def validate_call_permission(self, business_id: str) -> None:
        """Raises Refused where no call of the business may start now."""
        answer = self._permission(business_id)
        if not answer["allowed"]:
            raise Refused(200, answer["code"], answer["message"])

    def check_concurrency(self, business_id: str) -> bool:
        """Whether a slot is free at this moment. It holds none: only `increase_concurrency` does."""
        slots = self._permission(business_id)["concurrency"]
        return slots["limit"] is None or slots["in_use"] < slots["limit"]

    def increase_concurrency(self, business_id: str, call_id: str, feature: str = "call_concurrency") -> datetime:
        """Hold a slot for the call, or go on holding it, until the moment returned. Raises Refused where none is free,
        or where the account may start no call."""
        lease = self._request("PUT", _lease(business_id, call_id), {"feature": feature, "ttl_seconds": LEASE_SECONDS})
        return datetime.fromisoformat(lease["expires_at"])

    def decrease_concurrency(self, business_id: str, call_id: str) -> None:
        """Give the call's slot back. Not needed for a call whose end is reported; harmless all the same."""
        self._request("DELETE", _lease(business_id, call_id))

    def process_usage(
        self,
        business_id: str,
        usage: Sequence[Usage],
        source_type: str,
        source_id: str,
        *,
        started_at: datetime,
        ended_at: datetime,
    ) -> None:
        """Report what a call, or anything else, consumed. It is charged once for its type and id.

        A call without usage is charged for its time. A retry must say the same, the times, too: take them from where
        the call is recorded, not from the clock.
        """
        data: dict[str, object] = {"workspace_id": business_id}
        if usage:
            data["usage"] = [_line(each) for each in usage]
        if source_type == "call":
            data |= {"call_id": source_id, "started_at": started_at.isoformat(), "ended_at": ended_at.isoformat()}
        else:
            data |= {"occurred_at": ended_at.isoformat()}
        event = {
            "specversion": "1.0",
            "id": f"{source_type}:{source_id}",
            "source": self._source,
            "type": "call.ended" if source_type == "call" else "usage.recorded",
            "data": data,
        }
        answer = self._request("POST", "/v1/events", event)
        if answer["rejected"]:
            raise Refused(202, "event_rejected", json.dumps(answer["rejected"]))

    def _permission(self, business_id: str) -> dict[str, Any]:
        return self._request("GET", f"/v1/workspaces/{_quoted(business_id)}/call-permission")

    def _request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  (the address is the deployment's own)
            self._api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"},
        )
        for attempt in range(_ATTEMPTS):
            time.sleep(0.25 * attempt)
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  (as above)
                    return dict(json.loads(response.read() or b"{}"))
            except urllib.error.HTTPError as error:
                if error.code not in _WORTH_ANOTHER_ATTEMPT:
                    raise _refused(error) from error
            except OSError:
                continue
        raise Unavailable(f"{method} {path} was not answered")


def run_call(
    billing: BillingService, business_id: str, call_id: str, talk: Callable[[], Sequence[Usage]]
) -> Sequence[Usage]:
    """A call from permission to charge: the shape of what a platform does around its own `talk`."""
    billing.validate_call_permission(business_id)
    billing.increase_concurrency(business_id, call_id)
    started_at = datetime.now(UTC)
    try:
        usage = talk()
        billing.process_usage(business_id, usage, "call", call_id, started_at=started_at, ended_at=datetime.now(UTC))
    finally:
        billing.decrease_concurrency(business_id, call_id)
    return usage


def _lease(business_id: str, call_id: str) -> str:
    return f"/v1/workspaces/{_quoted(business_id)}/leases/{_quoted(call_id)}"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _line(usage: Usage) -> dict[str, str]:
    """Quantities travel as decimal strings, unrounded: `seconds / 60` may have all its digits."""
    line = {"feature": usage.feature, "quantity": format(usage.quantity, "f")}
    return line if usage.unit is None else {**line, "unit": usage.unit}


def _refused(error: urllib.error.HTTPError) -> Refused:
    text = error.read()
    try:
        problem = json.loads(text)
        return Refused(error.code, problem["code"], problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Refused(error.code, "unknown", text.decode(errors="replace")[:200])


def main(api_url: str, api_key: str, business_id: str) -> None:
    """One call of 52.5 seconds, without the talking."""
    billing = BillingService(api_url, api_key)
    usage = [Usage("call_minutes", Decimal("52.5") / 60, "minute")]
    run_call(billing, business_id, f"example-{uuid.uuid4()}", lambda: usage)


if __name__ == "__main__":
    main(*sys.argv[1:])
