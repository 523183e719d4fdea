"""The API against its own description: the document is sound, and what is answered is what it says."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import ignored_auth, positive_data_acceptance

from billing.contracts.api.routing import Api
from billing.store.database import Database
from tests.api_client import Answer, Client, Line, client_over, with_acme
from tests.builders import call
from tests.platform_of_one import Store


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = with_acme(client_over(database, Line(), monkeypatch))
    Store(database).settle(call(detections=1))
    return client


def conform(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def test_the_document_is_served_to_all_and_always_the_same(client: Client) -> None:
    first, second = (client.with_key("").get("/openapi.json") for _ in range(2))
    assert (first.status, first.text) == (200, second.text)
    assert first.json["openapi"] == "3.1.0"


def test_the_document_has_every_route_of_the_api(client: Client) -> None:
    paths = client.get("/openapi.json").json["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(route.spec.method, route.spec.path) for route in client.api.routes}


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/v1/plans", "PlanPage"),
        ("/v1/plans/free", "PlanView"),
        ("/v1/accounts", "AccountPage"),
        ("/v1/accounts/acme", "AccountView"),
        ("/v1/accounts/acme/billing", "OverviewView"),
        ("/v1/accounts/acme/ledger", "LedgerPage"),
        ("/v1/accounts/acme/usage/records", "UsageRecordPage"),
        ("/v1/accounts/nobody", "ProblemView"),
        ("/v1/accounts?limit=0", "ProblemView"),
    ],
)
def test_an_answer_is_what_the_document_says(client: Client, path: str, schema: str) -> None:
    document = client.get("/openapi.json").json
    assert conform(document, document["components"]["schemas"][schema], client.get(path).json) == []


_UNAUTHORIZED = Answer(401, {"content-type": "application/json"}, '{"message":"Unauthorized"}')


class WebServer:
    """The API as a WSGI application: it makes of a request what API Gateway would make of it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        event = self.client.event(environ["REQUEST_METHOD"], f"/?{environ.get('QUERY_STRING', '')}")
        named = {name.removeprefix("HTTP_").lower().replace("_", "-"): environ[name] for name in environ}
        event["rawPath"] = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        event["headers"] = {name: value for name, value in named.items() if isinstance(value, str)}
        event["body"] = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "replace")
        open_to_all = "authorization" in event["headers"] or event["rawPath"] == "/openapi.json"
        answer = self.client.answer(event) if open_to_all else _UNAUTHORIZED
        start_response(f"{answer.status} -", list(answer.headers.items()))
        return [answer.text.encode()]


def _api_over_nothing() -> Api:
    """All routes, for their description: none of them is asked."""
    with pytest.MonkeyPatch.context() as patch:
        return client_over(Database(None, {}, lambda _: None), Line(), patch).api  # type: ignore[arg-type]


server = WebServer(Client(_api_over_nothing()))
schema = schemathesis.openapi.from_wsgi("/openapi.json", server)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case[Any], client: Client) -> None:
    """But for keys, which the authorizer checks, and for what no schema says: a date that is past, say."""
    server.client = client
    case.call_and_validate(excluded_checks=[ignored_auth, positive_data_acceptance])
