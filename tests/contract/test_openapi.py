"""The API against its own description: the document is sound, and what is answered is what it says."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import ignored_auth, negative_data_rejection, not_a_server_error, positive_data_acceptance
from schemathesis.generation import GenerationMode

from billing.api.documents_api import documents_api
from billing.api.edge_operations import EDGE_OPERATIONS
from billing.domain.api_key import SCOPES
from billing.domain.wallet import MAX_GRANTS
from billing.store.database import Database
from infra.paths import EVENTS
from tests.api_client import Answer, with_acme
from tests.builders import call, store_with
from tests.contract.test_events_samples import BROKEN
from tests.described import JsonObject, description
from tests.gateway import STRIPE_SECRET, Gateway, gateway_over
from tests.paying_account import signature
from tests.platform_of_one import World

DOCUMENT = description().document
OPERATIONS = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


FILES = documents_api(store_with(), lambda _: b"").routes


@pytest.fixture
def empty(database: Database) -> Gateway:
    return gateway_over(database)


@pytest.fixture
def gateway(empty: Gateway) -> Gateway:
    with_acme(empty)
    store = World(empty.database)
    store.settle(call(detections=1))
    store.adjust("-0.000001", "correction")
    return empty


def every(name: str, within: object = DOCUMENT) -> Iterator[Any]:
    """Each value in the document that has this name."""
    if isinstance(within, dict):
        for key, value in within.items():
            if key == name:
                yield value
            yield from every(name, value)
    elif isinstance(within, list):
        for value in within:
            yield from every(name, value)


def test_the_document_is_served_to_all_and_always_the_same(gateway: Gateway) -> None:
    first, second = (gateway.with_key("").get("/openapi.json") for _ in range(2))
    assert (first.status, first.text) == (200, second.text)
    assert first.json == DOCUMENT


def test_the_document_is_one_of_openapi_3_1_and_its_schemas_are_schemas() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    schema.validate()
    for component in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)


def test_whatever_the_document_refers_to_is_in_it() -> None:
    named = {f"#/components/{kind}/{name}" for kind, named in DOCUMENT["components"].items() for name in named}
    used = {reference for name in ("$ref", "mapping") for found in every(name) for reference in _texts(found)}
    assert used <= named
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} <= used


def _texts(found: str | dict[str, str]) -> list[str]:
    return [found] if isinstance(found, str) else list(found.values())


def test_its_sentences_are_short() -> None:
    """For a tired reader whose English is second."""
    sentences = {
        sentence
        for text in every("description")
        if isinstance(text, str)
        for sentence in re.split(r"(?<=[.:;])\s+", " ".join(text.split()))
    }
    assert len(sentences) > 200
    assert [each for each in sentences if len(each.split()) > 25] == []


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_the_document_has_every_route_of_the_api_function_and_those_of_the_others(gateway: Gateway) -> None:
    own = {(route.spec.method, route.spec.path) for route in [*gateway.api.routes, *FILES]}
    others = {(each.method, each.path) for each in EDGE_OPERATIONS}
    assert OPERATIONS.keys() == own | others
    assert not own & others


def test_an_operation_says_which_scope_its_key_needs(gateway: Gateway) -> None:
    said = {key: operation["security"] for key, operation in OPERATIONS.items()}
    scopes = {(route.spec.method, route.spec.path): route.spec.scope for route in [*gateway.api.routes, *FILES]}
    scopes |= {(each.method, each.path): each.scope for each in EDGE_OPERATIONS}
    assert said == {key: [{"api_key": [scope]}] if scope else [] for key, scope in scopes.items()}
    assert {scope for scope in scopes.values() if scope} == set(SCOPES)


def test_a_key_with_every_other_scope_is_not_enough(empty: Gateway) -> None:
    for (method, path), said in OPERATIONS.items():
        if said["security"]:
            (needed,) = said["security"][0]["api_key"]
            others = empty.with_key(" ".join(set(SCOPES) - {needed, "admin"}))
            answer = others.send(method, path.replace("{", "").replace("}", ""), text="{}")
            assert (answer.status, answer.code) == (403, "insufficient_scope"), (method, path)


def test_lists_say_how_long_a_page_may_be() -> None:
    limits = [each for each in every("parameters") for each in each if each["name"] == "limit"]
    assert limits
    assert {(each["schema"]["minimum"], each["schema"]["maximum"]) for each in limits} == {(1, 100)}


def lists() -> list[str]:
    """The paths that answer a page of something."""
    return [
        path
        for (method, path), operation in OPERATIONS.items()
        if method == "GET" and "next_cursor" in json.dumps(_answered(operation))
    ]


def _answered(operation: JsonObject) -> JsonObject:
    named = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema: JsonObject = DOCUMENT["components"]["schemas"].get(named.get("$ref", "").rpartition("/")[2], {})
    return schema


@pytest.mark.parametrize("path", lists())
def test_every_list_takes_a_limit_and_a_cursor_and_refuses_what_is_none(gateway: Gateway, path: str) -> None:
    path = path.replace("{account_id}", "acme")
    if "{endpoint_id}" in path:
        made = gateway.post("/v1/webhook-endpoints", {"url": "https://platform.example/hooks"})
        path = path.replace("{endpoint_id}", made.json["endpoint_id"])
    assert gateway.get(f"{path}?limit=100").status == 200
    for name, broken in (("limit", "0"), ("limit", "101"), ("limit", "ten"), ("cursor", "!"), ("cursor", "YWJj")):
        answer = gateway.get(f"{path}?{name}={broken}")
        assert (answer.status, answer.code, answer.fields) == (422, "invalid_value", [name])


def test_the_document_says_how_many_grants_there_may_be_and_where_a_lease_holds_nothing() -> None:
    said = {operation["operationId"]: operation["description"] for operation in OPERATIONS.values()}
    assert f"at most {MAX_GRANTS} grants" in said["grant_credit"]
    assert "a plan that does not limit calls nothing is held" in said["hold_lease"]


def test_what_moves_money_by_post_is_refused_without_an_idempotency_key_and_says_so() -> None:
    keyed = {
        operation["operationId"]: (
            each["required"],
            "idempotency_key_required" in operation["responses"]["400"]["x-codes"],
        )
        for operation in OPERATIONS.values()
        for each in operation["parameters"]
        if each["name"] == "Idempotency-Key"
    }
    assert keyed == {
        "top_up": (False, True),
        "adjust_balance": (True, True),
        "grant_credit": (True, True),
        "refund_transaction": (True, True),
        "reset_usage": (False, False),
        "pay_renewal": (False, False),
        "void_usage_record": (True, True),
    }
    (top_up,) = OPERATIONS["POST", "/v1/accounts/{account_id}/top-ups"]["parameters"][1:]
    assert "Required with a saved card." in top_up["description"]


@pytest.mark.parametrize(
    ("domain", "sent", "url"),
    [
        ("abc.execute-api.eu-central-1.amazonaws.com", {"x_forwarded_proto": "https"}, None),
        ("api.example.com", {"x_forwarded_proto": "https", "host": "api.example.com"}, None),
        ("abc.execute-api.localhost", {"host": "127.0.0.1:4566"}, "http://abc.execute-api.localhost:4566"),
        ("", {"host": "elsewhere.example"}, "/"),
    ],
)
def test_the_document_says_at_which_address_it_was_found(
    gateway: Gateway, domain: str, sent: dict[str, str], url: str | None
) -> None:
    event = gateway.event("GET", "/openapi.json", **sent)
    event["requestContext"]["domainName"] = domain
    assert gateway.answer(event).json["servers"] == [{"url": url or f"https://{domain}"}]


def content_of(operation_id: str, media_type: str = "application/json") -> Any:
    (found,) = (each for each in OPERATIONS.values() if each["operationId"] == operation_id)
    return found["requestBody"]["content"][media_type]


def test_each_example_is_in_the_document_and_what_the_document_asks_for() -> None:
    shown = [each for each in every("content") for each in each.values() if "example" in each]
    assert [description().faults(each["schema"], each["example"]) for each in shown] == [[]] * len(shown)


# In an order in which each can be done; what asks Stripe is left to the tests of payments.
_A_STORY: tuple[tuple[str, str, str, JsonObject], ...] = (
    ("PUT", "/v1/plans/starter", "put_plan", {"base_price": "0.00"}),
    ("POST", "/v1/accounts", "create_account", {}),
    ("PATCH", "/v1/accounts/acme", "change_account", {}),
    ("PUT", "/v1/workspaces/42", "put_workspace", {}),
    ("POST", "/v1/accounts/acme/adjustments", "adjust_balance", {}),
    ("POST", "/v1/accounts/acme/credit-grants", "grant_credit", {}),
    ("POST", "/v1/accounts/acme/subscription/preview", "preview_subscription", {"quantities": {}}),
    ("PUT", "/v1/accounts/acme/subscription", "put_subscription", {"quantities": {}}),
    ("POST", "/v1/accounts/acme/subscription/usage-reset", "reset_usage", {}),
    ("POST", "/v1/api-keys", "create_api_key", {}),
    ("PUT", "/v1/accounts/acme/balance-alerts", "put_balance_alerts", {}),
    ("PUT", "/v1/workspaces/42/leases/c-881", "hold_lease", {}),
    ("PUT", "/v1/accounts/acme/lock", "lock_account", {}),
)


def test_the_examples_are_accepted(empty: Gateway) -> None:
    for method, path, operation_id, instead in _A_STORY:
        answer = empty.send(method, path, content_of(operation_id)["example"] | instead, idempotency_key=operation_id)
        assert answer.status in {200, 201}, (operation_id, answer.text)


@pytest.mark.parametrize("media_type", OPERATIONS["POST", "/v1/events"]["requestBody"]["content"])
def test_the_examples_of_events_are_accepted(gateway: Gateway, media_type: str) -> None:
    example = content_of("send_usage_events", media_type)["example"]
    answer = gateway.send("POST", "/v1/events", example, content_type=media_type)
    assert answer.json == {"accepted": len(example) if isinstance(example, list) else 1, "rejected": []}


def test_an_event_in_binary_mode_is_accepted_as_it_is_described(gateway: Gateway) -> None:
    event = content_of("send_usage_events")["example"]
    attributes = {f"ce_{name}": value for name, value in event.items() if name != "data"}
    named = [each for each in OPERATIONS["POST", "/v1/events"]["parameters"] if each["name"].startswith("ce-")]
    for each in named:
        assert description().faults(each["schema"], attributes[each["name"].replace("-", "_")]) == []
    assert description().faults(content_of("send_usage_events")["schema"], event["data"]) == []
    assert gateway.send("POST", "/v1/events", event["data"], **attributes).json["accepted"] == 1


@pytest.mark.parametrize("folder", ["call_ended", "usage_recorded"])
def test_the_document_takes_the_samples_of_events_and_refuses_what_their_schemas_refuse(folder: str) -> None:
    own = Draft202012Validator(json.loads((EVENTS / folder / "schema.json").read_text()))
    component = {"$ref": f"#/components/schemas/{'CallEnded' if folder == 'call_ended' else 'UsageRecorded'}"}
    samples = [path for path in (EVENTS / folder).glob("*.json") if path.stem != "schema"]
    judged = [own.is_valid(json.loads(path.read_text())) for path in samples]
    assert [not description().faults(component, json.loads(path.read_text())) for path in samples] == judged
    assert set(judged) == {True, False}


def test_the_document_names_each_reason_for_which_an_event_is_not_accepted() -> None:
    listed = DOCUMENT["components"]["schemas"]["UnacceptedEvent"]["properties"]["code"]["examples"]
    assert set(listed) == {code for code, _ in BROKEN.values()} | {"unknown_workspace"}


def test_a_signed_event_of_stripe_is_what_the_document_asks_for_and_is_taken(gateway: Gateway) -> None:
    for sample in (EVENTS / "stripe").glob("*.json"):
        text = sample.read_text()
        assert description().faults(content_of("receive_stripe_event")["schema"], json.loads(text)) == []
        signed = signature(text, STRIPE_SECRET, datetime.now(UTC))
        answer = gateway.send("POST", "/webhooks/stripe", text=text, stripe_signature=signed)
        assert answer.json == {"received": True}


# Each answer is held to the description by whoever asks (`Gateway.answer`): what is asked here is all that counts.
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/plans", 200),
        ("/v1/plans/free", 200),
        ("/v1/accounts", 200),
        ("/v1/accounts/acme", 200),
        ("/v1/accounts/acme/billing", 200),
        ("/v1/accounts/acme/ledger", 200),
        ("/v1/accounts/acme/transactions", 200),
        ("/v1/accounts/acme/usage/records", 200),
        ("/v1/accounts/acme/call-permission", 200),
        ("/v1/workspaces/42/call-permission", 200),
        ("/v1/workspaces/nowhere/call-permission", 200),
        ("/v1/accounts/-/call-permission", 422),
        ("/v1/accounts/nobody", 404),
        ("/v1/accounts?limit=0", 422),
    ],
)
def test_an_answer_is_what_the_document_says(gateway: Gateway, path: str, status: int) -> None:
    assert gateway.get(path).status == status


def test_what_differs_from_the_document_is_noticed() -> None:
    path, headers = "/v1/workspaces/42/leases/c-1", {"content-type": "application/problem+json"}
    problem = {"type": "about:blank", "title": "Conflict", "status": 409, "code": "no_credit", "detail": "."}
    said: list[tuple[int, JsonObject]] = [
        (409, problem),
        (409, {**problem, "code": "no_such_code"}),
        (409, {**problem, "hint": "of which the document says nothing"}),
        (409, {"code": "no_credit"}),
        (418, problem),
        (201, problem),
    ]
    found = [description().faults_of_answer("PUT", path, status, headers, json.dumps(body)) for status, body in said]
    assert [bool(faults) for faults in found] == [False, True, True, True, True, True]
    assert description().faults_of_answer("PUT", "/v1/nothing", 200, {}, '{"code": ""}')


_UNAUTHORIZED = Answer(401, {"content-type": "application/json"}, '{"message":"Unauthorized"}')
_OPEN_TO_ALL = {path for (_, path), operation in OPERATIONS.items() if not operation["security"]}


class WebServer:
    """The API as a WSGI application: it makes of a request what API Gateway would make of it."""

    gateway: Gateway

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        event = self.gateway.event(environ["REQUEST_METHOD"], f"/?{environ.get('QUERY_STRING', '')}")
        named = {name.removeprefix("HTTP_").lower().replace("_", "-"): environ[name] for name in environ}
        event["rawPath"] = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        event["headers"] = {name: value for name, value in named.items() if isinstance(value, str)}
        event["body"] = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode("utf-8", "replace")
        let_in = "authorization" in event["headers"] or event["rawPath"] in _OPEN_TO_ALL
        answer = self.gateway.answer(event) if let_in else _UNAUTHORIZED
        start_response(f"{answer.status} -", list(answer.headers.items()))
        return [answer.text.encode()]


server = WebServer()
schema = schemathesis.openapi.from_dict(dict(DOCUMENT))
schema.app = server


_GENERATED = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


# Not `schema.parametrize()`: all its tests have one id, of which pytest-xdist keeps one where it shares by file.
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda said: said)
def test_whatever_is_sent_is_answered_as_documented(gateway: Gateway, method: str, path: str) -> None:
    """But for keys, which the authorizer checks, and for what no schema says: a date that is past, say.

    Stripe is out of reach, which is a 503; a bug in a function raises, and fails here without a check of its own.
    """
    server.gateway = gateway
    operation = schema[path][method]
    # Where a request takes nothing, nothing in it can be wrong.
    takes = OPERATIONS[method, path]["parameters"] or "requestBody" in OPERATIONS[method, path]
    modes = [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes else [])]
    # A request with a bad event is accepted, and the event is kept as rejected.
    kept = [negative_data_rejection] if path == "/v1/events" else []
    sent: list[int] = []

    @_GENERATED
    @given(st.one_of([operation.as_strategy(mode) for mode in modes]))
    def answered(case: schemathesis.Case[Any]) -> None:
        answer = case.call_and_validate(
            excluded_checks=[ignored_auth, not_a_server_error, positive_data_acceptance, *kept]
        )
        sent.append(answer.status_code)

    answered()
    assert sent
