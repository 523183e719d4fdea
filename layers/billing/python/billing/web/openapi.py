"""The OpenAPI 3.1 document, written from the operations of the API."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import CoreSchema, WithDefaultSchema

from billing.web.operations import JSON, Content, GatewayRefusalView, Operation, ProblemView, Schema

_PROBLEM = "application/problem+json"
_SCHEMA = "#/components/schemas/{model}"
_DESCRIPTION = """Billing for a platform of voice agents: plans, accounts, credit and what was used.

Amounts go in as decimal strings in the account's currency and come out with it, to six decimals; quantities are
decimal strings; times are RFC 3339 in UTC. Unknown fields are refused. Lists take `limit` and `cursor` and answer
`next_cursor`, null at the end. Errors are problem documents (RFC 9457) with a stable `code`; each answer lists its
codes, for programs in `x-codes`. What the gateway refuses by itself (no key, a wrong one, too many requests) is plain
JSON with a `message`.

A key has scopes; `admin` implies the others. A key that is bound to an account reaches that account only. For it no
other account exists, and what concerns all accounts is closed to it."""
_KEY = """An API key, `tk_...`. The scopes that a key may have are `usage:write`, `calls:authorize`, `billing:read`,
`billing:write` and `admin`, which implies the others; each operation names the one it needs."""
_RETRY_AFTER = {"description": "seconds to wait before the request is sent again", "schema": {"type": "integer"}}

# The same in every operation that has them.
_SHARED = {401: "NoKey", 403: "NotAllowed", 429: "TooManyRequests"}
_ACRONYMS = {"api": "API", "openapi": "OpenAPI", "stripe": "Stripe"}


class _Schemas(GenerateJsonSchema):
    """Names as a client should have them: without the `View` of what is answered, and no titles that repeat names."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix("View")

    def field_title_should_be_set(self, _: CoreSchema | Any) -> bool:  # noqa: ANN401  (pydantic's own union)
        return False

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """What is answered is always there: a default says something of requests only."""
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def document(operations: Sequence[Operation], event_schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Deterministic: the same operations make the same document. `servers` is for whoever knows its address to say.

    `event_schemas` are further components, which the operations refer to by name.
    """
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    shared = (_response(status, codes) for status, codes in ((401, ()), (403, ("insufficient_scope",)), (429, ())))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Talktime", "version": "1", "description": _DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {**_schemas(operations), **event_schemas},
            "responses": dict(zip(_SHARED.values(), shared, strict=True)),
            "securitySchemes": {"api_key": {"type": "http", "scheme": "bearer", "description": _KEY}},
        },
    }


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for each in operations:
        models |= dict.fromkeys((model, "validation") for model in _models(each.request))
        models |= dict.fromkeys((model, "serialization") for said in each.answers.values() for model in _models(said))
    models |= {(ProblemView, "serialization"): None, (GatewayRefusalView, "serialization"): None}
    _, schemas = models_json_schema([*models], ref_template=_SCHEMA, schema_generator=_Schemas)
    return {
        name: {key: value for key, value in schema.items() if key != "title"}
        for name, schema in schemas["$defs"].items()
    }


def _models(contents: Mapping[str, Content]) -> list[type[BaseModel]]:
    return [each.schema for each in contents.values() if not isinstance(each.schema, Mapping)]


def _operation(said: Operation) -> dict[str, Any]:
    needs = f"Scope: `{said.scope}`." if said.scope else ""
    refused: dict[int, Sequence[str]] = dict.fromkeys(_gateway_refusals(said), ()) | dict(said.refusals)
    operation: dict[str, Any] = {
        "operationId": said.operation_id,
        "summary": _summary(said.operation_id),
        "description": f"{said.description} {needs}".strip(),
        "tags": [said.group],
        "parameters": list(said.parameters),
        "responses": {str(status): _answer(status, contents) for status, contents in said.answers.items()}
        | {str(status): _refusal(status, refused[status], said) for status in sorted(refused)},
        "security": [{"api_key": [said.scope]}] if said.scope else [],
    }
    if said.request:
        operation["requestBody"] = {"required": not said.request_optional, "content": _contents(said.request)}
    return operation


def _summary(operation_id: str) -> str:
    words = [_ACRONYMS.get(word, word) for word in operation_id.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


def _gateway_refusals(said: Operation) -> set[int]:
    """What API Gateway may answer in place of a function: it did not let the request in, or had no answer to give."""
    return {429, 500, 503} | ({401, 403} if said.scope else set()) | ({413} if said.request else set())


def _answer(status: int, contents: Mapping[str, Content]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    return answer | ({"content": _contents(contents)} if contents else {})


def _refusal(status: int, codes: Sequence[str], said: Operation) -> dict[str, Any]:
    if status in _SHARED:
        return {"$ref": f"#/components/responses/{_SHARED[status]}"}
    return _response(status, codes, by_gateway=status in _gateway_refusals(said))


def _response(status: int, codes: Sequence[str], *, by_gateway: bool = True) -> dict[str, Any]:
    content: dict[str, Content] = {_PROBLEM: Content(ProblemView)} if codes else {}
    content |= {JSON: Content(GatewayRefusalView)} if by_gateway else {}
    listed = f": {', '.join(f'`{code}`' for code in codes)}" if codes else ""
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}{listed}",
        "content": _contents(content),
        "x-codes": list(codes),
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    return response


def _contents(contents: Mapping[str, Content]) -> dict[str, Any]:
    return {
        media_type: {"schema": _schema(each.schema)} | ({} if each.example is None else {"example": each.example})
        for media_type, each in contents.items()
    }


def _schema(schema: Schema) -> Mapping[str, Any]:
    if isinstance(schema, Mapping):
        return schema
    return {"$ref": _SCHEMA.format(model=schema.__name__.removesuffix("View"))}
