"""All of the edge over one store: each request goes to the function that API Gateway would hand it to."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

from billing.api.edge_operations import EDGE_OPERATIONS
from billing.domain.stripe_event import StripeEvent
from billing.store.accounts import Workspaces
from billing.store.database import Database
from billing.store.rejected_events import RejectedEvents
from billing.store.store import Store
from billing.web.http import Request, Response
from tests.api_client import Answer, Client, Line, client_over
from tests.described import description

STRIPE_SECRET = "whsec_test"
_STRIPE_WEBHOOK = "functions.stripe_webhook.handler"


@dataclass(frozen=True, kw_only=True)
class Gateway(Client):
    """A client of every function. Each answer is held to the API's description, whoever gives it."""

    database: Database

    def answer(self, event: Mapping[str, Any]) -> Answer:
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        found = _edge_route(method, path)
        if found is None:
            return super().answer(event)
        route, parameters = found
        response = self._function(route)({**event, "routeKey": f"{method} {route}", "pathParameters": parameters})
        answer = Answer(response["statusCode"], response.get("headers", {}), response.get("body", ""))
        description().check(method, path, answer.status, answer.headers, answer.text)
        return answer

    def _function(self, route: str) -> Any:
        if route == "/v1/events":
            return self._ingest
        if route == "/webhooks/stripe":
            return lambda event: import_module(_STRIPE_WEBHOOK).handler(event, None)
        calls = import_module("functions.authorize_call.handler").CallApi(Store(self.database))
        return lambda event: calls.respond(event, self.now)

    def _ingest(self, event: Request) -> Response:
        response: Response = import_module("functions.ingest_events.handler").respond(
            event,
            queue=Line(),
            rejected=RejectedEvents(self.database),
            workspaces=Workspaces(self.database),
            now=self.now,
        )
        return response


def function_module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of a function, which makes its clients once, when it is first loaded: here they lead nowhere."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "unused")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return import_module(f"functions.{name}.handler")


@contextmanager
def gateway_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The functions as they are deployed; the queues behind them take everything and lead nowhere."""
    client = client_over(database, Line())
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", STRIPE_SECRET)
    webhook = function_module("stripe_webhook", monkeypatch)
    monkeypatch.setattr(webhook, "_store", Store(database))
    monkeypatch.setattr(webhook._queue, "send", list[StripeEvent]().append)
    yield Gateway(api=client.api, database=database)
    # It keeps the secret it was loaded with.
    sys.modules.pop(_STRIPE_WEBHOOK)


def _edge_route(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    for each in EDGE_OPERATIONS:
        matched = re.fullmatch(re.sub(r"\{([a-z_]+)\}", r"(?P<\1>[^/]+)", each.path), path)
        if matched and each.method == method:
            return each.path, {name: unquote(value) for name, value in matched.groupdict().items()}
    return None
