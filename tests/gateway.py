"""All of the edge over one store: each request goes to the code that API Gateway would hand it to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from billing.api.documents_api import documents_api
from billing.api.edge_calls import CallApi
from billing.api.edge_events import EventsApi
from billing.api.edge_operations import EDGE_OPERATIONS
from billing.api.edge_stripe import StripeWebhook
from billing.domain.stripe_event import StripeEvent
from billing.runtime.typesetter import typeset
from billing.store.database import Database
from billing.store.store import Store
from billing.web.http import Request, Response
from tests.api_client import Answer, Client, Line, client_over
from tests.described import description

_DOCUMENT = re.compile("/(?:transactions/[^/]+/(?:receipt|credit-notes/[^/]+)|statements/[^/]+)$")
STRIPE_SECRET = "whsec_test"


@dataclass(frozen=True, kw_only=True)
class Gateway(Client):
    """A client of every function. Each answer is held to the API's description, whoever gives it."""

    database: Database

    def answer(self, event: Mapping[str, Any]) -> Answer:
        method, path = event["requestContext"]["http"]["method"], event["rawPath"]
        found = _edge_route(method, path)
        if found is None and not _DOCUMENT.search(path):
            return super().answer(event)
        if found is None:
            response = documents_api(Store(self.database), typeset).respond(event, self.now, self.told.append)
        else:
            route, parameters = found
            response = self._respond(route, {**event, "routeKey": f"{method} {route}", "pathParameters": parameters})
        answer = Answer(response["statusCode"], response.get("headers", {}), response.get("body", ""))
        description().check(method, path, answer.status, answer.headers, answer.text)
        return answer

    def _respond(self, route: str, request: Request) -> Response:
        """The queues behind the edge take everything and lead nowhere."""
        store = Store(self.database)
        if route == "/v1/events":
            events = EventsApi(store, Line(), lambda *_: None)
            return events.respond(request, self.now)
        if route == "/webhooks/stripe":
            webhook = StripeWebhook(store, list[StripeEvent]().append, lambda: (STRIPE_SECRET,))
            return webhook.respond(request, datetime.now(UTC))
        return CallApi(store).respond(request, self.now)


def gateway_over(database: Database) -> Gateway:
    return Gateway(api=client_over(database, Line()).api, database=database)


def _edge_route(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    for each in EDGE_OPERATIONS:
        matched = re.fullmatch(re.sub(r"\{([a-z_]+)\}", r"(?P<\1>[^/]+)", each.path), path)
        if matched and each.method == method:
            return each.path, {name: unquote(value) for name, value in matched.groupdict().items()}
    return None
