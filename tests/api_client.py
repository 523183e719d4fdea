"""A caller of the JSON API: the requests that API Gateway makes of it, and its answers read back."""

import base64
import csv
import gzip
import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from billing.api.plans import PlanBody
from billing.api.rest_api import rest_api
from billing.domain.queued_event import QueuedEvent
from billing.payments.gateway import Gateway
from billing.payments.settings import StripeSettings
from billing.store.database import Database
from billing.store.store import Store
from billing.web.routing import Api
from tests.builders import CUSTOMER, NOW, plan_name
from tests.described import description


@dataclass
class Line:
    """A queue that keeps what it is sent, or, when closed, takes nothing."""

    sent: list[QueuedEvent] = field(default_factory=list)
    closed: bool = False

    def send(self, events: Sequence[QueuedEvent]) -> Collection[int]:
        if self.closed:
            return range(len(events))
        self.sent.extend(events)
        return ()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    """As it was answered: a file in base64."""

    @property
    def file(self) -> bytes:
        """What a caller keeps of a file, after the gateway and its own client have unpacked it."""
        sent = base64.b64decode(self.text, validate=True)
        return gzip.decompress(sent) if self.headers.get("content-encoding") == "gzip" else sent

    @property
    def rows(self) -> list[dict[str, str]]:
        """A file of CSV, by its headings."""
        return list(csv.DictReader(io.StringIO(self.file.decode("utf-8-sig"), newline="")))

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["code"])

    @property
    def fields(self) -> list[str]:
        """The fields that a problem document blames."""
        return [error["field"] for error in self.json["errors"]]


@dataclass(frozen=True)
class Client:
    """Sends requests with the authorizer's findings about a key: here an administrator's of the platform."""

    api: Api
    scopes: str = "admin"
    account_id: str = ""
    now: datetime = NOW
    told: list[Mapping[str, object]] = field(default_factory=list)
    """What the log was told of each request."""

    def with_key(self, scopes: str, account_id: str = "") -> "Client":
        return replace(self, scopes=scopes, account_id=account_id)

    def at(self, now: datetime) -> "Client":
        return replace(self, now=now)

    def send(self, method: str, path: str, body: object = None, *, text: str | None = None, **headers: str) -> Answer:
        """`text` is a body as it stands; headers are named with underscores."""
        return self.answer(self.event(method, path, body, text=text, **headers))

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Whatever is asked, good or bad: the answer is what the API's description says, or the test fails here."""
        response = self.api.respond(event, self.now, self.told.append)
        answer = Answer(response["statusCode"], response["headers"], response["body"])
        method = event["requestContext"]["http"]["method"]
        description().check(method, event["rawPath"], answer.status, answer.headers, answer.text)
        return answer

    def event(
        self, method: str, path: str, body: object = None, *, text: str | None = None, **headers: str
    ) -> dict[str, Any]:
        """The Lambda event of payload format 2.0."""
        url = urlsplit(path)
        sent = text if text is not None else None if body is None else json.dumps(body)
        content_type = {} if sent is None else {"content-type": "application/json"}
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": url.path,
            "rawQueryString": url.query,
            "headers": {**content_type, **{name.replace("_", "-"): value for name, value in headers.items()}},
            "requestContext": {
                "http": {"method": method, "path": url.path},
                "authorizer": {
                    "lambda": {"key_id": "0123456789abcdef", "scopes": self.scopes, "account_id": self.account_id}
                },
            },
            "body": sent,
            "isBase64Encoded": False,
        }
        if url.query:
            # What is given more than once the gateway joins by commas.
            given: dict[str, str] = {}
            for name, value in parse_qsl(url.query, keep_blank_values=True):
                given[name] = f"{given[name]},{value}" if name in given else value
            event["queryStringParameters"] = given
        return event

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def put(self, path: str, body: object) -> Answer:
        return self.send("PUT", path, body)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.send("POST", path, body, **headers)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)


def client_over(database: Database, queue: Line, gateway: Gateway | None = None) -> Client:
    """The routes over a store, and over a Stripe that is out of reach unless one is given."""
    stripe = gateway or Gateway(StripeSettings("sk_test_unused", "http://127.0.0.1:9"), "test")
    return Client(rest_api(Store(database), queue, lambda: stripe, return_url=RETURN_URL, local=False))


RETURN_URL = "https://portal.example/billing"

STARTER: Mapping[str, Any] = PlanBody.example
"""The contract's own sample."""

FREE: Mapping[str, Any] = {**STARTER, "name": plan_name("free"), "base_price": "0"}
ACME = {"account_id": "acme", "name": CUSTOMER, "email": "billing@acme.example", "currency": "USD"}


def with_acme(client: Client) -> Client:
    """The client, after an account `acme` was opened on the plan `free` with the workspace 42."""
    for answer in (
        client.put("/v1/plans/free", FREE),
        client.post("/v1/accounts", ACME),
        client.put("/v1/workspaces/42", {"account_id": "acme"}),
        client.put("/v1/accounts/acme/subscription", {"plan_id": "free"}),
    ):
        assert answer.status in {200, 201}, answer.text
    return client
