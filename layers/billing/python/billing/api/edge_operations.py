"""The operations that other functions answer: events, permissions, leases, Stripe's webhook.

Those functions import no pydantic, so that what a client must know of them is said here. The contract tests hold it to
what the functions answer, and to the routes that the gateway has.
"""

from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, Field

from billing.domain.lease import MAX_TTL_SECONDS, MIN_TTL_SECONDS
from billing.domain.permission import PermissionCode
from billing.web.operations import (
    JSON,
    Codes,
    Content,
    Operation,
    UnacceptedEventView,
    header_parameter,
    path_parameter,
)
from billing.web.values import PATH_PARAMETERS, Body, Example, Instant, MoneyView, View

_LEASE_ID = {"type": "string", "pattern": "^[!-.0-~]{1,128}$", "examples": ["c-881"]}
_EVENT = {"$ref": "#/components/schemas/UsageEvent"}
_BATCH = {"$ref": "#/components/schemas/UsageEventBatch"}
_DATA = [{"$ref": f"#/components/schemas/{name}"} for name in ("CallEndedData", "UsageRecordedData")]
_KEYED: Codes = {403: ["insufficient_scope"]}

_CALL_DATA = {
    "call_id": "c-881",
    "workspace_id": "42",
    "direction": "outbound",
    "started_at": "2026-11-23T09:09:50Z",
    "ended_at": "2026-11-23T09:15:02Z",
    "usage": [
        {"feature": "call_minutes", "quantity": "312", "unit": "second"},
        {"feature": "voicemail_detection", "quantity": "1"},
    ],
}
CALL_ENDED = {
    "specversion": "1.0",
    "id": "0f9c6a52-1d7e-4f5b-9a55-3c1c5d6f7a10",
    "source": "/voice/eu-1",
    "type": "call.ended",
    "time": "2026-11-23T09:15:02Z",
    "data": _CALL_DATA,
}
USAGE_RECORDED = {
    "specversion": "1.0",
    "id": "storage-2026-11-23-42",
    "source": "/storage",
    "type": "usage.recorded",
    "time": "2026-11-23T09:30:00Z",
    "data": {"workspace_id": "42", "usage": [{"feature": "voicemail_detection", "quantity": "3"}]},
}
_ACCEPTED = {
    "accepted": 1,
    "rejected": [
        {
            "index": 1,
            "id": "storage-2026-11-23-42",
            "code": "invalid_quantity",
            "detail": "data.usage[0].quantity must not be negative",
            "field": "data.usage[0].quantity",
        }
    ],
}
_PERMISSION = {
    "allowed": False,
    "code": "account_paused",
    "message": "The balance is negative. Calls resume when it is above zero.",
    "account_id": "acme",
    "balance": {"amount": "-0.124800", "currency": "USD"},
    "allowance": {"feature": "call_minutes", "unit": "minute", "remaining": "0"},
    "concurrency": {"limit": 5, "in_use": 1},
}
_LEASE = {"expires_at": "2026-11-23T09:30:02.000Z", "limit": 5, "in_use": 1}


class AcceptedEventsView(View):
    """Each event of the request is queued, or kept with the reason why it cannot be charged."""

    accepted: int
    rejected: list[UnacceptedEventView]


class CallAllowanceView(View):
    """What is left of the included calls, in priced units, to six places."""

    feature: str
    unit: str = Field(examples=["minute"])
    remaining: str = Field(examples=["487.5"])


class ConcurrencyView(View):
    """Slots; a `limit` of null is none."""

    limit: int | None
    in_use: int


class CallPermissionView(View):
    """`code` is for a program, `message` for a person. What is not known of an unknown account is null."""

    allowed: bool
    code: PermissionCode
    message: str
    account_id: str | None
    balance: MoneyView | None
    allowance: CallAllowanceView | None
    concurrency: ConcurrencyView


class LeaseBody(Body):
    """The slot is held for `ttl_seconds` from now."""

    example: ClassVar[Example] = {"feature": "call_concurrency", "ttl_seconds": 900}

    feature: Literal["call_concurrency"]
    ttl_seconds: int = Field(ge=MIN_TTL_SECONDS, le=MAX_TTL_SECONDS)


class LeaseView(View):
    """`limit` of null is none: then no slot is counted."""

    expires_at: Instant
    limit: int | None
    in_use: int


class StripeObjectBody(BaseModel):
    id: str


class StripeDataBody(BaseModel):
    object: StripeObjectBody


class StripeEventBody(BaseModel):
    """An event as Stripe sends it; beside what is named here it holds more."""

    id: str
    type: str
    data: StripeDataBody


class ReceivedView(View):
    received: Literal[True]


def _ce(attribute: str, description: str, pattern: str) -> dict[str, Any]:
    return header_parameter(f"ce-{attribute}", f"Binary mode: {description}", {"type": "string", "pattern": pattern})


_SEND_EVENTS = Operation(
    method="POST",
    path="/v1/events",
    operation_id="send_usage_events",
    group="Events",
    description=(
        "Report what calls, or anything else, consumed: one CloudEvent 1.0, or an array of up to 500 under its own "
        "media type. In binary mode the attributes are `ce-` headers and the body is the data: JSON, also if no "
        "content type says so. "
        "A 202 says that each event is queued, or kept as rejected with its reason. Anything else: send the request "
        "again, which is always safe. A call is charged once for its workspace and `call_id`, whatever its event's id; "
        "anything else for its workspace, `source` and `id`. A key that is "
        "bound to an account reports for the workspaces of that account only."
    ),
    scope="usage:write",
    parameters=[
        _ce("specversion", "its presence makes the request one of binary mode.", "^1\\.0$"),
        _ce("id", "the event's id.", "^[!-~]{1,128}$"),
        _ce("source", "what sent the event.", "^[!-~]{1,256}$"),
        _ce("type", "the event's type.", "^(call\\.ended|usage\\.recorded)$"),
        _ce("time", "when it was sent, RFC 3339.", "^[0-9TtZz:.+-]{20,64}$"),
    ],
    request={
        "application/cloudevents+json": Content(_EVENT, CALL_ENDED),
        "application/cloudevents-batch+json": Content(_BATCH, [CALL_ENDED, USAGE_RECORDED]),
        JSON: Content({"anyOf": [_EVENT, *_DATA]}, CALL_ENDED),
    },
    answers={202: {JSON: Content(AcceptedEventsView, _ACCEPTED)}},
    refusals={
        **_KEYED,
        400: ["malformed_json"],
        413: ["body_too_large", "too_many_events"],
        415: ["unsupported_media_type"],
        503: ["queue_unavailable", "store_unavailable"],
    },
)

_ASKING: Codes = {**_KEYED, 422: ["invalid_value"], 503: ["store_unavailable"]}


def _permission(of: Literal["account", "workspace"], description: str) -> Operation:
    parameter = f"{of}_id"
    return Operation(
        method="GET",
        path=f"/v1/{of}s/{{{parameter}}}/call-permission",
        operation_id=f"get_{of}_call_permission",
        group="Calls",
        description=f"{description} Asking holds no slot: only a lease does.",
        scope="calls:authorize",
        parameters=[path_parameter(parameter, PATH_PARAMETERS[parameter].json_schema())],
        answers={200: {JSON: Content(CallPermissionView, _PERMISSION)}},
        refusals=_ASKING,
    )


_LEASE_PATH = "/v1/workspaces/{workspace_id}/leases/{lease_id}"
_LEASE_PARAMETERS = [
    path_parameter("workspace_id", PATH_PARAMETERS["workspace_id"].json_schema()),
    path_parameter("lease_id", _LEASE_ID),
]
_LEASING: Codes = {**_ASKING, 404: ["workspace_not_found"]}

_HOLD_LEASE = Operation(
    method="PUT",
    path=_LEASE_PATH,
    operation_id="hold_lease",
    group="Calls",
    description=(
        "Take a concurrency slot for a call, or go on holding it: 201 if it is new, 200 if its time starts anew. "
        "Take it by the call's own id: the call's `call.ended` event then gives it back. A live lease can be extended "
        "whatever became of the account; a new one is refused with the code of the call permission. On a plan that "
        "does not limit calls nothing is held: each request is a 201 with a `limit` of null."
    ),
    scope="calls:authorize",
    parameters=_LEASE_PARAMETERS,
    request={JSON: Content(LeaseBody, LeaseBody.example)},
    answers={200: {JSON: Content(LeaseView, _LEASE)}, 201: {JSON: Content(LeaseView, _LEASE)}},
    refusals={
        **_LEASING,
        400: ["malformed_json"],
        409: [code for code in get_args(PermissionCode) if code != "allowed"],
        413: ["body_too_large"],
    },
)

_GIVE_BACK_LEASE = Operation(
    method="DELETE",
    path=_LEASE_PATH,
    operation_id="give_back_lease",
    group="Calls",
    description="Free the slot. It may be free already.",
    scope="calls:authorize",
    parameters=_LEASE_PARAMETERS,
    answers={204: {}},
    refusals=_LEASING,
)

_RECEIVE_STRIPE_EVENT = Operation(
    method="POST",
    path="/webhooks/stripe",
    operation_id="receive_stripe_event",
    group="Stripe",
    description=(
        "For Stripe alone, which signs what it sends. A 200 says that the event is kept, or that nothing follows from "
        "it; after anything else Stripe sends it again."
    ),
    scope=None,
    parameters=[
        header_parameter("Stripe-Signature", "Stripe's signature of the raw body.", {"type": "string"}, required=True)
    ],
    request={JSON: Content(StripeEventBody)},
    answers={200: {JSON: Content(ReceivedView)}},
    refusals={400: ["invalid_signature", "malformed_json"], 413: ["body_too_large"], 503: ["store_unavailable"]},
)

EDGE_OPERATIONS = (
    _SEND_EVENTS,
    _permission("account", "May a call of the account start, as of this moment? Of an unknown account: no."),
    _permission("workspace", "May a call of the workspace start? As its account may; of an unknown workspace: no."),
    _HOLD_LEASE,
    _GIVE_BACK_LEASE,
    _RECEIVE_STRIPE_EVENT,
)
