"""What every route has in common: who may ask, what a request must be, and how a refusal reads."""

import base64
import json
from http import HTTPStatus
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from billing.store.database import Database, StoreBusy
from tests.api_client import ACME, FREE, Client, Line, client_over, with_acme


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(database: Database, line: Line) -> Client:
    return client_over(database, line)


def test_a_refusal_is_a_problem_document_that_names_each_field(client: Client) -> None:
    answer = with_acme(client).post(
        "/v1/accounts/acme/adjustments", {"amount": 5, "reason": "", "bye": "ops"}, idempotency_key="key-1"
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "code": "invalid_value",
        "detail": 'amount must be a decimal string such as "12.50", not a JSON number',
        "field": "amount",
        "errors": [
            {"field": "amount", "detail": 'must be a decimal string such as "12.50", not a JSON number'},
            {"field": "reason", "detail": "must be a line of 1 to 500 characters"},
            {"field": "by", "detail": "is missing"},
            {"field": "bye", "detail": "is not a field of this request"},
        ],
    }


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/plans/a/b", "/v1/accounts/acme/usages"])
def test_an_unknown_address_is_a_404(client: Client, path: str) -> None:
    assert (client.get(path).status, client.get(path).code) == (404, "route_not_found")


def test_a_wrong_method_is_a_405_that_says_which_are_right(client: Client) -> None:
    answer = client.post("/v1/accounts/acme", {})
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "GET, PATCH")


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("{", 400, "malformed_json"),
        ("", 400, "malformed_json"),
        ("[]", 422, "invalid_value"),
        ("null", 422, "invalid_value"),
        ("[" * 5000, 400, "malformed_json"),
        ("[" * 900 + "]" * 900, 422, "invalid_value"),
        ('{"name": "a", "name": "b"}', 422, "invalid_value"),
        ('{"name": "' + "a" * 262_144 + '"}', 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_object_is_refused(client: Client, text: str, status: int, code: str) -> None:
    answer = client.send("PUT", "/v1/plans/free", text=text)
    assert (answer.status, answer.code) == (status, code)


def test_a_field_that_stands_twice_is_refused_wherever_it_is(client: Client) -> None:
    text = json.dumps(FREE).replace('"key": "phone_number"', '"key": "phone_number", "key": "user_seat"')
    answer = client.send("PUT", "/v1/plans/free", text=text)
    assert (answer.status, answer.fields) == (422, ["recurring_features[0]"])


def test_a_body_must_be_json_by_its_name_too(client: Client) -> None:
    answer = client.send("PUT", "/v1/plans/free", text="name=Free", content_type="text/plain")
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_body_in_base64_is_read(client: Client) -> None:
    event = client.event("PUT", "/v1/plans/free", FREE)
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}
    assert client.answer(event).status == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("cursor=!", "cursor"), ("page=2", "page")],
)
def test_an_unknown_or_broken_parameter_is_refused(client: Client, query: str, field: str) -> None:
    answer = client.get(f"/v1/accounts?{query}")
    assert (answer.status, answer.fields) == (422, [field])


def test_a_cursor_that_nests_without_end_is_refused_like_any_other(client: Client) -> None:
    cursor = base64.urlsafe_b64encode(b"[" * 1500).decode()
    assert client.get(f"/v1/accounts?cursor={cursor}").status == 422


def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    for number in range(2):
        client.put(f"/v1/plans/plan-{number}", FREE)
    cursor = client.get("/v1/plans?limit=1").json["next_cursor"]
    answer = client.get(f"/v1/accounts?cursor={cursor}")
    assert (answer.status, answer.fields) == (422, ["cursor"])


NOTHING = {"amount": "0", "reason": "nothing", "by": "ops"}
PONIES = {"plan_id": "free", "quantities": {"pony": "1"}}


@pytest.mark.parametrize(
    ("request_line", "body", "field", "says"),
    [
        ("POST /v1/accounts/acme/adjustments", NOTHING, "amount", "must not be zero"),
        ("PUT /v1/accounts/acme/subscription", PONIES, "quantities.pony", "is not a recurring feature of plan free"),
        ("GET /v1/accounts?cursor=YWJj", None, "cursor", "is not a cursor of this list"),
    ],
)
def test_a_refused_value_is_named_in_a_sentence(
    client: Client, request_line: str, body: object, field: str, says: str
) -> None:
    method, path = request_line.split()
    answer = with_acme(client).send(method, path, body, idempotency_key="key-1")
    assert (answer.status, answer.json["detail"]) == (422, f"{field} {says}")
    assert answer.json["errors"] == [{"field": field, "detail": says}]


def test_a_list_is_read_page_by_page_without_loss(client: Client) -> None:
    names = {f"plan-{number}" for number in range(5)}
    for name in names:
        client.put(f"/v1/plans/{name}", FREE)
    seen, cursor = [], ""
    for _ in range(3):
        page = client.get(f"/v1/plans?limit=2{cursor}").json
        seen += [plan["plan_id"] for plan in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (set(seen), len(seen), page["next_cursor"]) == (names, 5, None)


@pytest.mark.parametrize("plan_id", ["%2Fetc", "a%20b", "-a", "a" * 65, "%C3%A4"])
def test_an_id_that_cannot_be_is_refused_by_name(client: Client, plan_id: str) -> None:
    answer = client.put(f"/v1/plans/{plan_id}", FREE)
    assert (answer.status, answer.fields) == (422, ["plan_id"])


def test_an_account_id_may_be_an_address_escaped_or_not(client: Client) -> None:
    client.post("/v1/accounts", {**ACME, "account_id": "a+b@acme.example"})
    assert client.get("/v1/accounts/a+b@acme.example").status == 200
    assert client.get("/v1/accounts/a%2Bb%40acme.example").status == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        ("billing:read billing:write usage:write calls:authorize", "GET", "/v1/accounts"),
        ("billing:read", "PUT", "/v1/accounts/acme/subscription"),
        ("billing:write", "GET", "/v1/accounts/acme/billing"),
        ("billing:write", "POST", "/v1/accounts/acme/adjustments"),
        ("", "GET", "/v1/plans"),
    ],
)
def test_a_key_without_the_scope_is_refused(client: Client, scopes: str, method: str, path: str) -> None:
    answer = client.with_key(scopes).send(method, path)
    assert (answer.status, answer.code) == (403, "insufficient_scope")


def test_a_request_that_no_authorizer_saw_is_refused(client: Client) -> None:
    event = client.event("GET", "/v1/plans")
    del event["requestContext"]["authorizer"]
    assert client.answer(event).status == 403


def test_admin_implies_the_other_scopes(client: Client) -> None:
    assert with_acme(client).with_key("admin").get("/v1/accounts/acme/billing").status == 200


@pytest.mark.parametrize("account_id", ["other", "nobody"])
@pytest.mark.parametrize("path", ["/billing", "/ledger", "/usage/records"])
def test_a_bound_key_cannot_tell_another_account_from_none(client: Client, account_id: str, path: str) -> None:
    with_acme(client).post("/v1/accounts", {**ACME, "account_id": "other"})
    bound = client.with_key("billing:read", "acme")
    answer = bound.get(f"/v1/accounts/{account_id}{path}")
    assert (answer.status, answer.code) == (404, "account_not_found")
    assert answer.json["detail"] == f'there is no account "{account_id}"'
    assert bound.get(f"/v1/accounts/acme{path}").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/accounts"),
        ("GET", "/v1/accounts/acme"),
        ("PUT", "/v1/accounts/acme/lock"),
        ("POST", "/v1/accounts/acme/adjustments"),
        ("POST", "/v1/accounts"),
        ("PUT", "/v1/plans/free"),
        ("PUT", "/v1/workspaces/42"),
        ("GET", "/v1/api-keys"),
        ("POST", "/v1/api-keys"),
        ("DELETE", "/v1/api-keys/0123456789abcdef"),
        ("GET", "/v1/rejected-events"),
        ("POST", f"/v1/rejected-events/{'0' * 32}/replay"),
    ],
)
def test_a_bound_key_is_no_administrator_even_where_an_earlier_release_made_it_one(
    client: Client, method: str, path: str
) -> None:
    answer = client.with_key("admin", "acme").send(method, path)
    assert (answer.status, answer.code) == (403, "insufficient_scope")


def test_a_bound_key_sees_the_plans(client: Client) -> None:
    assert with_acme(client).with_key("billing:read", "acme").get("/v1/plans/free").status == 200


def test_a_busy_store_asks_to_be_asked_again(client: Client, database: Database) -> None:
    def busy(**_: object) -> None:
        raise StoreBusy("ThrottlingException")

    database.client.get_item = busy  # type: ignore[method-assign,assignment]
    answer = client.get("/v1/plans/free")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "store_unavailable", "2")


def test_what_was_sent_without_a_key_and_whose_answer_was_lost_is_looked_for_and_not_sent_again(
    client: Client, database: Database
) -> None:
    with_acme(client)
    write = database.client.transact_write_items

    def written_but_not_answered(**arguments: Any) -> None:
        write(**arguments)
        raise ConnectTimeoutError(endpoint_url="http://dynamodb")

    database.client.transact_write_items = written_but_not_answered  # type: ignore[method-assign,assignment]
    body = {"amount": "5", "reason": "wire 4711", "by": "ops"}
    reset = {"reason": "goodwill", "by": "ops"}
    without_key = client.post("/v1/accounts/acme/subscription/usage-reset", reset)
    with_key = client.post("/v1/accounts/acme/adjustments", body, idempotency_key="wire-4711")
    assert (without_key.status, with_key.status) == (503, 503)
    assert "look before you send the request again" in without_key.json["detail"]
    assert with_key.json["detail"] == "send the request again"
    again = client.post("/v1/accounts/acme/adjustments", body, idempotency_key="wire-4711")
    assert (again.status, again.json["balance_after"]["amount"]) == (201, "5.000000")


def test_the_log_hears_who_changed_what(client: Client) -> None:
    with_acme(client).put("/v1/accounts/acme/lock", {"reason": "unpaid"})
    assert client.told[-1] == {
        "key_id": "0123456789abcdef",
        "route": "PUT /v1/accounts/{account_id}/lock",
        "account_id": "acme",
        "status": 200,
    }


def test_the_log_hears_of_a_refusal_and_its_reason(client: Client) -> None:
    client.with_key("billing:read").put("/v1/accounts/acme/lock", {"reason": "unpaid"})
    assert (client.told[-1]["status"], client.told[-1]["code"]) == (403, "insufficient_scope")


def test_a_bug_is_a_500_with_the_number_under_which_it_was_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The module of a function makes its clients when it is first loaded: here they lead nowhere.
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "unused")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    function = import_module("functions.api.handler")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    logged = StringIO()
    monkeypatch.setattr(function.logger.registered_handler, "stream", logged)
    monkeypatch.setattr(function, "_api", SimpleNamespace(respond=broken))
    context = SimpleNamespace(
        function_name="api",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn",
        aws_request_id="request-1",
        get_remaining_time_in_millis=lambda: 29_000,
    )
    response = function.handler(client.event("GET", "/v1/plans"), context)
    document = json.loads(response["body"])
    assert (response["statusCode"], document["code"], document["request_id"]) == (500, "internal_error", "request-1")
    assert "ZeroDivisionError" in logged.getvalue()
