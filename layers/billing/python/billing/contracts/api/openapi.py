"""The OpenAPI 3.1 document, read off the routes: their paths, parameters, models and refusals."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from billing.contracts.api.routing import Route
from billing.contracts.api.values import IDEMPOTENCY_KEY, PATH_PARAMETERS, View

_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = """Billing for a platform of voice agents: plans, accounts, credit and what was used.

Amounts go in as decimal strings in the account's currency and come out with it, to six decimals; quantities are
decimal strings; times are RFC 3339 in UTC. Unknown fields are refused. Lists take `limit` and `cursor` and answer
`next_cursor`, null at the end. Errors are problem documents (RFC 9457) with a stable `code`.

A key has scopes, of which `admin` implies the others. A key that is bound to an account reaches that account only: for
it any other one does not exist, and what concerns all accounts is closed to it."""


class FieldErrorView(View):
    field: str
    detail: str


class ProblemView(BaseModel):
    """What went wrong (RFC 9457). `code` is stable; `errors` names each field at fault."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = Field(default=None, description="the first field at fault")
    errors: list[FieldErrorView] | None = None


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Deterministic: the same routes make the same document."""
    models = [("validation", each.body) for each in routes] + [("serialization", each.answer) for each in routes]
    named: dict[Any, None] = {(model, mode): None for mode, model in models if model is not None}
    _, schemas = models_json_schema([*named, (ProblemView, "serialization")], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for each in routes:
        paths.setdefault(each.spec.path, {})[each.spec.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Talktime", "version": "1", "description": _DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer", "description": "tk_..."}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    spec, name = route.spec, route.function.__name__
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": name.replace("_", " ").capitalize(),
        "description": _described(route),
        "tags": [route.group],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _answers(route) | {str(status): _problem(status) for status in _refusals(route)},
        "security": [{"api_key": []}] if spec.scope else [],
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
    return operation


def _described(route: Route) -> str:
    text = " ".join((route.function.__doc__ or "").split())
    return f"{text} Scope: `{route.spec.scope}`.".strip() if route.spec.scope else text


def _answers(route: Route) -> dict[str, Any]:
    status = route.spec.status if route.answer is not None or route.spec.scope is None else 204
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if route.answer is not None:
        answer["content"] = {"application/json": {"schema": _reference(route.answer)}}
        if route.spec.text is not None:
            answer["content"][route.spec.text] = {"schema": {"type": "string"}}
    elif status != HTTPStatus.NO_CONTENT:
        answer["content"] = {"application/json": {"schema": {"type": "object"}}}
    return {str(status): answer}


def _refusals(route: Route) -> Iterable[int]:
    """The statuses that follow from what a route takes, and those it names itself."""
    statuses = set(route.spec.refusals)
    if route.spec.scope is not None:
        statuses |= {401, 403, 500, 503}
    if route.path_parameters:
        statuses |= {404, 422}
    if route.query is not None or route.spec.idempotent:
        statuses |= {422}
    if route.body is not None:
        statuses |= {400, 413, 415, 422}
    return sorted(statuses)


def _problem(status: int) -> dict[str, Any]:
    # 401 is the gateway's own answer.
    content_type = "application/json" if status == HTTPStatus.UNAUTHORIZED else "application/problem+json"
    schema = {"type": "object"} if status == HTTPStatus.UNAUTHORIZED else _reference(ProblemView)
    return {"description": HTTPStatus(status).phrase, "content": {content_type: {"schema": schema}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name].json_schema()}
        for name in route.path_parameters
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _without_null(each)}
        for name, each in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    given = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return given[0] if given else {name: value for name, value in schema.items() if name != "title"}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.spec.idempotent:
        return []
    description = "The same key with the same body is done once and answered alike; with another body it is a 409."
    schema = IDEMPOTENCY_KEY.json_schema()
    return [
        {"name": "Idempotency-Key", "in": "header", "required": False, "description": description, "schema": schema}
    ]


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}
