"""The control API under `/_control/`: what cardholders, banks, networks and time do to a merchant's Stripe account."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.local.stripe_simulator import bank_debits, checkout, customers, disputes, payments, refunds
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.cards import BEHAVIORS, fingerprint_of
from infra.local.stripe_simulator.errors import Json, StripeError, invalid
from infra.local.stripe_simulator.faults import DEFAULT_SECONDS, FAULT_KINDS, MAX_SECONDS, Fault
from infra.local.stripe_simulator.simulator import Simulator
from infra.local.stripe_simulator.state import Cause
from infra.local.stripe_simulator.webhooks import Endpoint

_MONTHS = range(1, 13)

MAX_TIMES = 1000
MAX_DUPLICATES = 10

Types = dict[str, tuple[type, ...]]
_DATE: Types = {"exp_month": (int,), "exp_year": (int,)}
Action = Callable[[Simulator, str, Json], Awaitable[Json]]


async def complete_session(simulator: Simulator, target: str, body: Json) -> Json:
    fields = _fields(body, {}, {"card": (str,)} | _DATE)
    token = fields.pop("card", "pm_card_visa")
    return checkout.complete(simulator.state, target, token, _checked_date(fields))


async def expire_session(simulator: Simulator, target: str, body: Json) -> Json:
    _fields(body, {}, {})
    session = checkout.open_session(simulator.state, target)
    checkout.expire(simulator.state, session)
    return session


async def change_method(simulator: Simulator, target: str, body: Json) -> Json:
    """Make a saved card behave otherwise from now on, or have its network change its expiry or its number.

    Another number has another fingerprint: so Stripe tells of it, and so each later charge says.
    """
    fields = _fields(body, {}, {"behavior": (str,), "last4": (str,), "number": (str,)} | _DATE)
    method = simulator.state.find("payment_method", target)
    if "behavior" in fields:
        if fields["behavior"] not in BEHAVIORS:
            raise invalid(f"behavior must be one of {', '.join(sorted(BEHAVIORS))}", "behavior")
        simulator.state.saved_cards[target].behavior = fields.pop("behavior")
    if "number" in fields:
        number = fields.pop("number")
        fields |= {"last4": number[-4:], "fingerprint": fingerprint_of(number)}
    if _checked_date(fields):
        before = {name: method["card"][name] for name in fields}
        method["card"] |= fields
        simulator.state.emit("payment_method.automatically_updated", method, previous={"card": before})
    return method


async def delete_customer(simulator: Simulator, target: str, body: Json) -> Json:
    """Nobody's request: the merchant deletes the customer in the Dashboard."""
    _fields(body, {}, {})
    return customers.delete_customer(simulator.state, Call({}, target, f"/v1/customers/{target}", ""))


async def detach_method(simulator: Simulator, target: str, body: Json) -> Json:
    """The merchant takes a card from its customer in the Dashboard."""
    _fields(body, {}, {})
    return customers.detach(simulator.state, target)


def _checked_date(fields: Json) -> Json:
    if fields.get("exp_month", 1) not in _MONTHS:
        raise invalid("exp_month must be 1 to 12", "exp_month")
    return fields


async def authenticate_intent(simulator: Simulator, target: str, body: Json) -> Json:
    fields = _fields(body, {}, {"succeed": (bool,)})
    return payments.authenticate(simulator.state, target, succeed=fields.get("succeed", True))


async def settle_debit(simulator: Simulator, target: str, body: Json) -> Json:
    fields = _fields(body, {"succeed": (bool,)}, {"failure_code": (str,)})
    return bank_debits.settle_debit(simulator.state, target, **fields)


async def fail_refund(simulator: Simulator, target: str, body: Json) -> Json:
    _fields(body, {}, {})
    return refunds.fail_refund(simulator.state, target)


async def create_dispute(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = _fields(body, {"payment_intent": (str,)}, {"reason": (str,), "amount": (int,), "inquiry": (bool,)})
    intent = simulator.state.find("payment_intent", fields.pop("payment_intent"), "payment_intent")
    if intent["latest_charge"] is None:
        raise invalid("This PaymentIntent has no charge.", "payment_intent")
    return disputes.open_dispute(simulator.state, simulator.state.find("charge", intent["latest_charge"]), **fields)


async def close_dispute(simulator: Simulator, target: str, body: Json) -> Json:
    fields = _fields(body, {"status": (str,)}, {})
    return disputes.close_dispute(simulator.state, target, fields["status"])


async def arm_fault(simulator: Simulator, _target: str, body: Json) -> Json:
    required: Types = {"method": (str,), "path": (str,), "fault": (str,)}
    fields = _fields(body, required, {"times": (int,), "seconds": (int, float)})
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
    fields = _fields(body, {}, types)
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
    _fields(body, {}, {})
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
    fields = _fields(body, {"url": (str,), "secret": (str,)}, {})
    others = [endpoint for endpoint in simulator.webhooks.endpoints if endpoint.url != fields["url"]]
    simulator.webhooks.endpoints = [*others, Endpoint(fields["url"], fields["secret"])]
    return {"endpoints": [endpoint.url for endpoint in simulator.webhooks.endpoints]}


async def remove_endpoints(simulator: Simulator, _target: str, _body: Json) -> Json:
    simulator.webhooks.endpoints = []
    return {"endpoints": []}


async def set_key(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = _fields(body, {"key": (str,), "kind": (str,)}, {})
    return simulator.keys.set_kind(fields["key"], fields["kind"])


async def set_clock(simulator: Simulator, _target: str, body: Json) -> Json:
    fields = _fields(body, {"now": (int, type(None))}, {})
    simulator.state.clock.set(fields["now"])
    simulator.catch_up()
    return {"now": simulator.state.now()}


async def read_clock(simulator: Simulator, _target: str, _body: Json) -> Json:
    return {"now": simulator.state.now()}


async def read_requests(simulator: Simulator, _target: str, _body: Json) -> Json:
    return {"requests": list(simulator.requests)}


async def reset(simulator: Simulator, _target: str, body: Json) -> Json:
    _fields(body, {}, {})
    await simulator.reset()
    return {}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "/checkout/sessions/{target}/complete"): complete_session,
    ("POST", "/checkout/sessions/{target}/expire"): expire_session,
    ("POST", "/customers/{target}/delete"): delete_customer,
    ("POST", "/payment_methods/{target}"): change_method,
    ("POST", "/payment_methods/{target}/detach"): detach_method,
    ("POST", "/payment_intents/{target}/authenticate"): authenticate_intent,
    ("POST", "/payment_intents/{target}/settle"): settle_debit,
    ("POST", "/refunds/{target}/fail"): fail_refund,
    ("POST", "/disputes"): create_dispute,
    ("POST", "/disputes/{target}/close"): close_dispute,
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


def _fields(body: Json, required: Types, optional: Types) -> Json:
    """The body's fields, or a refusal of what is missing, unknown or of another type."""
    for name in required:
        if name not in body:
            raise invalid(f"Missing required field: {name}", name)
    types = required | optional
    for name, value in body.items():
        if name not in types:
            raise invalid(f"Received unknown field: {name}", name)
        if type(value) not in types[name]:
            raise invalid(f"Ill-typed field: {name}", name)
    return dict(body)
