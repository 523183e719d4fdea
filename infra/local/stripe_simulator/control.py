"""The control API under `/_control/`: its routes, and the calls that steer the simulator itself."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.local.stripe_simulator import control_world as world
from infra.local.stripe_simulator.errors import Json, StripeError, invalid
from infra.local.stripe_simulator.faults import DEFAULT_SECONDS, FAULT_KINDS, MAX_SECONDS, Fault
from infra.local.stripe_simulator.fields import Types, read_fields
from infra.local.stripe_simulator.simulator import Simulator
from infra.local.stripe_simulator.state import Cause
from infra.local.stripe_simulator.webhooks import Endpoint

MAX_TIMES = 100_000
MAX_DUPLICATES = 10

Action = Callable[[Simulator, str, Json], Awaitable[Json]]


async def arm_fault(simulator: Simulator, _target: str, body: Json) -> Json:
    required: Types = {"method": (str,), "path": (str,), "fault": (str,)}
    fields = read_fields(body, required, {"times": (int,), "seconds": (int, float)})
    if fields["fault"] not in FAULT_KINDS:
        raise invalid(f"fault must be one of {', '.join(FAULT_KINDS)}", "fault")
    times, seconds = fields.get("times", 1), fields.get("seconds", DEFAULT_SECONDS)
    if not 1 <= times <= MAX_TIMES or not 0 <= seconds <= MAX_SECONDS:
        raise invalid(f"times is 1 to {MAX_TIMES}, seconds 0 to {MAX_SECONDS}", "times")
    fault = Fault(fields["method"].upper(), fields["path"], fields["fault"], times, seconds)
    simulator.faults.armed.append(fault)
    return asdict(fault)


async def end_faults(simulator: Simulator, _target: str, _body: Json) -> Json:
    """Disarm all faults; what a slow one holds up goes on."""
    simulator.faults.end()
    return {}


async def set_webhook_mode(simulator: Simulator, _target: str, body: Json) -> Json:
    """Change what is given and keep the rest; hold switched off sends what was held."""
    types: Types = {"hold": (bool,), "duplicates": (int,), "order": (str, type(None)), "timestamp_skew_seconds": (int,)}
    fields = read_fields(body, {}, types)
    if fields.get("order") not in {None, "emitted", "reverse"}:
        raise invalid("order must be emitted (or null) or reverse", "order")
    if "order" in fields:
        fields["order"] = fields["order"] or "emitted"
    if not 0 <= fields.get("duplicates", 0) <= MAX_DUPLICATES:
        raise invalid(f"duplicates must be 0 to {MAX_DUPLICATES}", "duplicates")
    simulator.webhooks.set_mode(fields)
    return _webhook_report(simulator)


async def flush_webhooks(simulator: Simulator, _target: str, body: Json) -> Json:
    """Send what is held and wait for every delivery; `failed` names the events that a receiver never took."""
    read_fields(body, {}, {})
    await simulator.webhooks.flush()
    return _webhook_report(simulator)


async def read_webhooks(simulator: Simulator, _target: str, _body: Json) -> Json:
    return _webhook_report(simulator)


def _webhook_report(simulator: Simulator) -> Json:
    webhooks = simulator.webhooks
    taken = {(delivery.url, delivery.event_id) for delivery in webhooks.deliveries if delivery.succeeded}
    tried = {(delivery.url, delivery.event_id) for delivery in webhooks.deliveries}
    return asdict(webhooks.mode) | {
        "held": [event["type"] for event in webhooks.held],
        "deliveries": [asdict(delivery) for delivery in webhooks.deliveries],
        "failed": sorted(event_id for _, event_id in tried - taken),
    }


async def set_endpoint(simulator: Simulator, _target: str, body: Json) -> Json:
    """Add the endpoint, or change the secret of the one with this URL."""
    fields = read_fields(body, {"url": (str,), "secret": (str,)}, {})
    others = [endpoint for endpoint in simulator.webhooks.endpoints if endpoint.url != fields["url"]]
    simulator.webhooks.endpoints = [*others, Endpoint(fields["url"], fields["secret"])]
    return {"endpoints": [endpoint.url for endpoint in simulator.webhooks.endpoints]}


async def remove_endpoints(simulator: Simulator, _target: str, _body: Json) -> Json:
    simulator.webhooks.endpoints = []
    return {"endpoints": []}


async def set_key(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = read_fields(body, {"key": (str,), "kind": (str,)}, {})
    return simulator.keys.set_kind(fields["key"], fields["kind"])


async def set_clock(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = read_fields(body, {"now": (int, type(None))}, {})
    simulator.state.clock.set(fields["now"])
    simulator.catch_up()
    return {"now": simulator.state.now()}


async def read_clock(simulator: Simulator, _target: str, _body: Json) -> Json:
    return {"now": simulator.state.now()}


async def read_requests(simulator: Simulator, _target: str, _body: Json) -> Json:
    return {"requests": list(simulator.requests)}


async def reset(simulator: Simulator, _target: str, body: Json) -> Json:
    read_fields(body, {}, {})
    await simulator.reset()
    return {}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "/checkout/sessions/{target}/complete"): world.complete_session,
    ("POST", "/checkout/sessions/{target}/expire"): world.expire_session,
    ("POST", "/customers/{target}/delete"): world.delete_customer,
    ("POST", "/payment_methods/{target}"): world.change_method,
    ("POST", "/payment_methods/{target}/detach"): world.detach_method,
    ("POST", "/payment_intents/{target}/authenticate"): world.authenticate_intent,
    ("POST", "/payment_intents/{target}/settle"): world.settle_debit,
    ("POST", "/refunds/{target}/fail"): world.fail_refund,
    ("POST", "/disputes"): world.create_dispute,
    ("POST", "/disputes/{target}/close"): world.close_dispute,
    ("POST", "/disputes/{target}/escalate"): world.escalate_inquiry,
    ("POST", "/disputes/{target}/status"): world.set_dispute_status,
    ("POST", "/disputes/{target}/withdraw"): world.withdraw_dispute,
    ("POST", "/events"): world.do_other_business,
    ("POST", "/settlement"): world.set_settlement,
    ("POST", "/faults"): arm_fault,
    ("DELETE", "/faults"): end_faults,
    ("POST", "/webhooks"): set_webhook_mode,
    ("GET", "/webhooks"): read_webhooks,
    ("POST", "/webhooks/flush"): flush_webhooks,
    ("POST", "/webhook_endpoint"): set_endpoint,
    ("DELETE", "/webhook_endpoint"): remove_endpoints,
    ("POST", "/keys"): set_key,
    ("POST", "/clock"): set_clock,
    ("GET", "/clock"): read_clock,
    ("GET", "/requests"): read_requests,
    ("POST", "/reset"): reset,
}


def control_routes(simulator: Simulator) -> list[Route]:
    """The routes of the control API, for an application that mounts them."""
    return [Route(path, _endpoint(simulator, action), methods=[verb]) for (verb, path), action in _ACTIONS.items()]


def _endpoint(simulator: Simulator, action: Action) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def serve(request: Request) -> JSONResponse:
        simulator.catch_up()
        simulator.state.cause = Cause()
        try:
            body = _json_object(await request.body())
            answer = await action(simulator, request.path_params.get("target", ""), body)
        except StripeError as error:
            return JSONResponse(error.body, error.status)
        finally:
            simulator.webhooks.publish(simulator.state)
        return JSONResponse(answer)

    return serve


def _json_object(raw: bytes) -> Json:
    try:
        body: Any = json.loads(raw or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body
