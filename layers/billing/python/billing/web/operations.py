"""What a client must know of each operation of the API, whichever function answers it; and how a route says it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from billing.domain.declines import Failure
from billing.web.routing import IDEMPOTENCY_HEADER, Keyed, Route
from billing.web.values import IDEMPOTENCY_KEY, PATH_PARAMETERS, View
from billing.words.decline_texts import why_not_paid

JSON = "application/json"

Schema = type[BaseModel] | Mapping[str, Any]
Codes = Mapping[int, Sequence[str]]
"""The stable codes of the problem documents that an operation answers, by status."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a body of one media type holds; `example` is one that is accepted."""

    schema: Schema
    example: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path. `scope` is None where it is open to all; `parameters` are OpenAPI's parameter objects."""

    method: str
    path: str
    operation_id: str
    group: str
    description: str
    scope: str | None
    answers: Mapping[int, Mapping[str, Content]]
    refusals: Codes
    parameters: Sequence[Mapping[str, Any]] = ()
    request: Mapping[str, Content] = field(default_factory=dict)
    request_optional: bool = False


class FailureView(View):
    """A stable code, and the reason in the customer's words."""

    code: str
    message: str

    @classmethod
    def of(cls, why: Failure | None) -> "FailureView | None":
        return None if why is None else cls(code=why.code, message=why_not_paid(why))


class FieldErrorView(View):
    field: str
    detail: str


class UnacceptedEventView(BaseModel):
    """An event that is kept and not charged. `index` is its place in the request."""

    index: int
    id: str | None = Field(description="null if the event has none that can be read")
    code: str = Field(
        description="stable: why it is not charged",
        examples=[
            "invalid_value",
            "missing_field",
            "unknown_field",
            "unsupported_type",
            "invalid_time",
            "in_the_future",
            "ended_before_started",
            "call_too_long",
            "invalid_quantity",
            "duplicate_feature",
            "duplicate_field",
            "unknown_workspace",
        ],
    )
    detail: str
    field: str | None = Field(
        default=None,
        description="the path of what is wrong, if one field is to blame",
        examples=["data.usage[0].quantity"],
    )


class RangePartView(BaseModel):
    """Days (UTC), both among them, and the lines of a file of them."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    lines: int


class ProblemView(BaseModel):
    """What went wrong (RFC 9457). `code` is stable. Members after `detail` are there if they say something."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = Field(default=None, description="the first field at fault")
    errors: list[FieldErrorView] | None = Field(default=None, description="each field at fault")
    request_id: str | None = Field(default=None, description="with `internal_error`: what the log has it under")
    transaction_id: str | None = Field(default=None, description="of a payment that was not made, or not yet")
    failure: FailureView | None = Field(default=None, description="with `card_declined`, of a top-up")
    url: str | None = Field(
        default=None, description="with `authentication_required`: the page to send the customer to"
    )
    preview: dict[str, Any] | None = Field(
        default=None, description="with `price_changed`: what the change would cost and lead to now, as a preview says"
    )
    lines: int | None = Field(default=None, description="with `too_many_lines`: how many there are in the range")
    parts: list[RangePartView] | None = Field(
        default=None, description="with `too_many_lines`: ranges that each make a file"
    )
    limit: int | None = Field(default=None, description="with `concurrency_limit_reached`: the slots there are")
    in_use: int | None = Field(default=None, description="with `concurrency_limit_reached`: the slots taken")
    accepted: int | None = Field(default=None, description="with `queue_unavailable`: how many events are queued")
    rejected: list[UnacceptedEventView] | None = Field(default=None, description="with `queue_unavailable`")
    not_queued: list[int] | None = Field(
        default=None, description="with `queue_unavailable`: the places of the events that must be sent again"
    )


class GatewayRefusalView(View):
    """What the gateway itself answers, before or in place of the API: without a code, the status says it all."""

    message: str


def operations_of(routes: Iterable[Route]) -> list[Operation]:
    """The operations that the routes answer, read off their annotations."""
    return [_operation(route) for route in routes]


def both(*codes: Codes) -> dict[int, tuple[str, ...]]:
    """The codes of all, each once, in the order in which they are first named."""
    statuses = sorted({status for each in codes for status in each})
    return {
        status: tuple(dict.fromkeys(code for each in codes for code in each.get(status, ()))) for status in statuses
    }


def path_parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def header_parameter(
    name: str, description: str, schema: Mapping[str, Any], *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


def _operation(route: Route) -> Operation:
    spec, name = route.spec, route.function.__name__
    body = {} if route.body is None else {JSON: Content(route.body, route.body.example)}
    return Operation(
        method=spec.method,
        path=spec.path,
        operation_id=name,
        group=route.group,
        description=" ".join((route.function.__doc__ or "").split()),
        scope=spec.scope,
        answers=_answers(route),
        refusals=both(_implied(route), spec.refusals),
        parameters=[*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        request=body,
        request_optional=route.body_optional,
    )


def _answers(route: Route) -> Mapping[int, Mapping[str, Content]]:
    file = {} if route.spec.file is None else {route.spec.file: Content(_file(route.spec.file))}
    if route.answer is None and file:
        return {route.spec.status: file}
    if route.answer is None:
        return {HTTPStatus.NO_CONTENT: {}} if route.spec.scope else {HTTPStatus.OK: {JSON: Content({"type": "object"})}}
    return {route.spec.status: {JSON: Content(route.answer), **file}}


def _file(media_type: str) -> Mapping[str, Any]:
    return {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}


def _implied(route: Route) -> Codes:
    """The refusals that follow from what a route takes."""
    implied: list[Codes] = []
    if route.spec.scope is not None:
        implied += [{403: ["insufficient_scope"], 500: ["internal_error"], 503: ["store_unavailable"]}]
    if "account_id" in route.path_parameters:
        implied += [{404: ["account_not_found"]}]
    if route.path_parameters or route.query is not None or route.spec.keyed or route.body is not None:
        implied += [{422: ["invalid_value"]}]
    if route.spec.keyed is not None:
        implied += [{409: ["idempotency_key_reused"]}]
        if route.spec.keyed.required or route.spec.keyed.required_with is not None:
            implied += [{400: ["idempotency_key_required"]}]
    if route.body is not None:
        implied += [{400: ["malformed_json"], 413: ["body_too_large"], 415: ["unsupported_media_type"]}]
    return both(*implied)


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [path_parameter(name, PATH_PARAMETERS[name].json_schema()) for name in route.path_parameters]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _as_given(each)}
        for name, each in schema["properties"].items()
    ]


def _as_given(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    given = next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
    absent = {"title"} | ({"default"} if given.get("default", schema) is None else set())
    return {name: value for name, value in given.items() if name not in absent}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    keyed = route.spec.keyed
    if keyed is None:
        return []
    description = (
        "Makes the request safe to send again. The same key with the same body is done once and answered alike; with "
        f"another body it is a 409. {_without_key(keyed)}"
    )
    schema = IDEMPOTENCY_KEY.json_schema()
    return [header_parameter(IDEMPOTENCY_HEADER, description, schema, required=keyed.required)]


def _without_key(keyed: Keyed) -> str:
    if keyed.required:
        return "Without a key the request is refused."
    refused = "" if keyed.required_with is None else f"Required with {keyed.required_with}. Else, "
    return f"{refused}{'w' if refused else 'W'}ithout a key each request is done for itself."
