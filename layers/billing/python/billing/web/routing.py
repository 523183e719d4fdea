"""From a request to the method that answers it: path, scope, account, parameters, body. One street for all routes.

Powertools' own resolver was measured and left: it answers 404 for a wrong method, lets unknown query parameters pass,
and documents a 422 of its own shape; `web/http.py` carries requests and problems for the other functions too.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints
from urllib.parse import unquote

from pydantic import BaseModel, TypeAdapter

from billing.contracts.json_text import loads
from billing.domain.errors import BillingError
from billing.payments.errors import PaymentsUnavailable, StripeRefused
from billing.store.database import StoreBusy
from billing.web.http import (
    Caller,
    Request,
    RequestRefused,
    Response,
    body_text,
    caller_of,
    file_response,
    headers,
    json_response,
    media_type,
    origin_of,
    problem,
    status_of,
)
from billing.web.validation import validate
from billing.web.values import IDEMPOTENCY_KEY, PATH_PARAMETERS, Body

MAX_BODY_BYTES = 256 * 1024

IDEMPOTENCY_HEADER = "Idempotency-Key"

_ROUTE = "__route__"
_REFUSES = re.compile(r"q=0(?:\.0*)?")
_RETRY_AFTER = {"retry-after": "2"}

F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)
Tell = Callable[[Mapping[str, object]], None]
Refusals = Mapping[int, tuple[str, ...]]

PAYMENT_REFUSALS: Refusals = {502: ("payments_refused",), 503: ("payments_unavailable",)}
"""Of a route that asks Stripe."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A route that takes an Idempotency-Key: always `required`, or only with what `required_with` names, or never.

    Where it is required only with something, the route itself asks for it: see `Call.require_key`.
    """

    required: bool = False
    required_with: str | None = None


KEY_REQUIRED, KEY_OPTIONAL = Keyed(required=True), Keyed()


@dataclass(frozen=True, slots=True)
class Call:
    """What every route knows of its request beside the parameters, the query and the body it names.

    `origin` is the address at which the API was reached, without a path.
    """

    caller: Caller
    now: datetime
    headers: Mapping[str, str]
    idempotency_key: str | None
    origin: str

    def require_key(self) -> str:
        """The Idempotency-Key. Raises `idempotency_key_required`."""
        if self.idempotency_key is None:
            raise RequestRefused(
                "idempotency_key_required",
                f"this moves money, so it needs an {IDEMPOTENCY_HEADER}: nothing was done",
                field=IDEMPOTENCY_HEADER,
            )
        return self.idempotency_key

    def accepts(self, content_type: str) -> bool:
        """Whether the caller asks for this media type by name."""
        return content_type in self._named_in("accept")

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be compressed."""
        return "gzip" in self._named_in("accept-encoding")

    def _named_in(self, header: str) -> set[str]:
        """What a header accepts: not what it names with a weight of zero."""
        stated = [each.partition(";") for each in self.headers.get(header, "").lower().split(",")]
        return {name.strip() for name, _, weight in stated if not _REFUSES.fullmatch(weight.replace(" ", ""))}


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is a file to keep, and no text. No cache on the way may keep it: it is one customer's."""

    content: bytes
    content_type: str
    name: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a decorator says of a route. `refusals` are codes by status, beyond those that follow from what it takes."""

    method: str
    path: str
    scope: str | None
    status: int
    keyed: Keyed | None
    refusals: Refusals
    file: str | None


def route(
    method: str,
    path: str,
    *,
    scope: str | None,
    status: int = 200,
    keyed: Keyed | None = None,
    refusals: Refusals | None = None,
    file: str | None = None,
) -> Callable[[F], F]:
    """Make a method answer requests. Its annotations are its contract: what it takes is checked, and all is documented.

    Its parameters are the path's, by their names, and where it wants them `call`, `query` and `body` (models). With
    `keyed` it takes an Idempotency-Key, which the route sees to. `file` is the media type of a file that it can give:
    beside JSON where it answers a model, too, else alone.
    """

    def mark(function: F) -> F:
        setattr(function, _ROUTE, Spec(method, path, scope, status, keyed, refusals or {}, file))
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Route:
    """A bound route, read from its method's signature."""

    spec: Spec
    group: str
    function: Callable[..., Any]
    query: type[BaseModel] | None
    body: type[Body] | None
    body_optional: bool
    answer: type[BaseModel] | None
    wants_call: bool

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.spec.path.split("/"))

    @property
    def path_parameters(self) -> tuple[str, ...]:
        return tuple(segment[1:-1] for segment in self.segments if segment.startswith("{"))

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The values of the path's parameters, or None where it is another path."""
        own = self.segments
        if len(own) != len(segments):
            return None
        values: dict[str, str] = {}
        for pattern, segment in zip(own, segments, strict=True):
            if pattern.startswith("{"):
                values[pattern[1:-1]] = unquote(segment)
            elif pattern != segment:
                return None
        return values


def routes_of(resources: Sequence[object]) -> list[Route]:
    """The marked methods of each resource, in the order in which they are written."""
    return [
        _bound(getattr(resource, name), getattr(member, _ROUTE))
        for resource in resources
        for name, member in vars(type(resource)).items()
        if hasattr(member, _ROUTE)
    ]


def _bound(function: Callable[..., Any], spec: Spec) -> Route:
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters
    body, optional = _model(hints.get("body"), Body)
    answer, _ = _model(hints.get("return"), BaseModel)
    bound = Route(
        spec=spec,
        group=type(function.__self__).__name__.removesuffix("Routes"),  # type: ignore[attr-defined]
        function=function,
        query=_model(hints.get("query"), BaseModel)[0],
        body=body,
        body_optional=optional,
        answer=answer,
        wants_call="call" in parameters,
    )
    if set(parameters) - {"call", "query", "body"} != set(bound.path_parameters):
        raise TypeError(f"{function.__qualname__} does not take the parameters of {spec.path}")
    return bound


def _model(hint: object, kind: type[M]) -> tuple[type[M] | None, bool]:
    """The model that an annotation names, and whether None or another answer may take its place."""
    members = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    models = [member for member in members if isinstance(member, type) and issubclass(member, kind)]
    return (models[0] if models else None), NoneType in members


class Api:
    """All routes of some resources. Answers every request with a response, but for a bug, which raises."""

    def __init__(self, resources: Sequence[object]) -> None:
        self.routes = routes_of(resources)

    def respond(self, request: Request, now: datetime, tell: Tell) -> Response:
        """`tell` hears of each request once: the route, who asked (`key_id`), about what, and what came of it."""
        facts: dict[str, object] = {"key_id": caller_of(request).key_id}
        try:
            response = self._respond(request, now, facts)
        except BillingError as refusal:
            facts |= {"code": refusal.code, "field": refusal.field}
            response = problem(refusal, headers=_headers_of(refusal))
        except StoreBusy as busy:
            facts |= {"reason": str(busy)}
            response = problem(RequestRefused("store_unavailable", _what_to_do(request)), headers=_RETRY_AFTER)
        except StripeRefused as refusal:
            facts |= {"reason": refusal.detail}
            response = problem(RequestRefused("payments_refused", "Stripe does not do this; the reason was logged"))
        except PaymentsUnavailable as unavailable:
            facts |= {"reason": str(unavailable)}
            refused = RequestRefused("payments_unavailable", f"Stripe did not answer: {_what_to_do(request)}")
            response = problem(refused, headers=_RETRY_AFTER)
        tell({**facts, "status": response["statusCode"]})
        return response

    def _respond(self, request: Request, now: datetime, facts: dict[str, object]) -> Response:
        found, parameters = self._find(request)
        facts |= {"route": f"{found.spec.method} {found.spec.path}", **parameters}
        caller = _admit(found, request, parameters)
        for name, value in parameters.items():
            validate(PATH_PARAMETERS[name], value, within=name)
        arguments: dict[str, Any] = dict(parameters)
        call = _call(found, request, caller, now)
        if found.query is not None:
            arguments["query"] = validate(TypeAdapter(found.query), dict(request.get("queryStringParameters") or {}))
        if found.body is not None:
            arguments["body"] = _read_body(found.body, request, optional=found.body_optional)
        if found.wants_call:
            arguments["call"] = call
        return _response(found.spec.status, found.function(**arguments))

    def _find(self, request: Request) -> tuple[Route, dict[str, str]]:
        """Raises `route_not_found`, or `method_not_allowed` where only the method is wrong."""
        method = request["requestContext"]["http"]["method"]
        segments = request["rawPath"].split("/")
        matching = [(each, values) for each in self.routes if (values := each.match(segments)) is not None]
        for each, values in matching:
            if each.spec.method == method:
                return each, values
        if matching:
            allowed = ", ".join(sorted(each.spec.method for each, _ in matching))
            raise MethodNotAllowed(allowed)
        raise RequestRefused("route_not_found", "there is nothing at this address")


class MethodNotAllowed(RequestRefused):
    def __init__(self, allowed: str) -> None:
        super().__init__("method_not_allowed", f"this address takes {allowed}")
        self.allowed = allowed


def _headers_of(refusal: BillingError) -> Mapping[str, str] | None:
    if isinstance(refusal, MethodNotAllowed):
        return {"allow": refusal.allowed}
    return _RETRY_AFTER if status_of(refusal) == HTTPStatus.SERVICE_UNAVAILABLE else None


def _what_to_do(request: Request) -> str:
    """An answer that was lost may have been a success, and a POST without a key is done once more if sent once more."""
    if request["requestContext"]["http"]["method"] == "POST" and IDEMPOTENCY_HEADER.lower() not in headers(request):
        return "it may have been done all the same, so look before you send the request again"
    return "send the request again"


def _admit(found: Route, request: Request, parameters: Mapping[str, str]) -> Caller:
    """The caller, who has the route's scope and may touch its account.

    An administrative route that is not about one account concerns all of them: a key bound to one does not open it.
    """
    caller = caller_of(request)
    scope = found.spec.scope
    if scope is None:
        return caller
    caller.require_scope(scope)
    if "account_id" in parameters:
        caller.require_account(parameters["account_id"])
    elif scope == "admin":
        caller.require_platform()
    return caller


def _call(found: Route, request: Request, caller: Caller, now: datetime) -> Call:
    sent = headers(request)
    keyed = found.spec.keyed
    key = None if keyed is None else sent.get(IDEMPOTENCY_HEADER.lower())
    if key is not None:
        key = validate(IDEMPOTENCY_KEY, key, within=IDEMPOTENCY_HEADER)
    call = Call(caller, now, sent, key, origin_of(request))
    if keyed is not None and keyed.required:
        call.require_key()
    return call


def _read_body(model: type[BaseModel], request: Request, *, optional: bool) -> BaseModel | None:
    text = body_text(request, max_bytes=MAX_BODY_BYTES)
    if optional and not text:
        return None
    if media_type(request) not in {"application/json", ""}:
        raise RequestRefused(
            "unsupported_media_type", "the content type must be application/json", field="content-type"
        )
    return validate(TypeAdapter(model), loads(text))


def _response(status: int, answer: object) -> Response:
    if isinstance(answer, File):
        return file_response(status, answer.content, answer.content_type, answer.name, headers=answer.headers)
    if isinstance(answer, BaseModel):
        return json_response(status, answer.model_dump(mode="json", by_alias=True))
    if answer is None:
        return {"statusCode": 204, "headers": {}, "body": ""}
    return json_response(status, answer)
