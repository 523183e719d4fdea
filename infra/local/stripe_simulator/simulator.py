"""One simulator: its state, faults, keys, webhooks and request log, and how an API call goes through them."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus

from infra.local.stripe_simulator import checkout, payments, schema
from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.errors import Json, StripeError, outage
from infra.local.stripe_simulator.faults import Fault, Faults
from infra.local.stripe_simulator.keys import Account, ApiKeys
from infra.local.stripe_simulator.lists import expand
from infra.local.stripe_simulator.routes import HANDLERS, Route, find_route
from infra.local.stripe_simulator.state import API_VERSION, Cause, State
from infra.local.stripe_simulator.webhooks import Webhooks

MAX_REQUESTS_LOGGED = 100_000


class ConnectionDropped(Exception):
    """The answer never reaches the caller."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What came over the wire."""

    method: str
    path: str
    encoded: str
    authorization: str
    version: str | None
    idempotency_key: str | None
    base_url: str


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What goes back: `body` may be the very object that is stored, so it is to be written out at once."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Simulator:
    """Everything of one instance; two instances share nothing."""

    webhooks: Webhooks = field(default_factory=Webhooks)
    faults: Faults = field(default_factory=Faults)
    keys: ApiKeys = field(default_factory=ApiKeys)
    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS_LOGGED))

    @property
    def state(self) -> State:
        """What the account has that the control API, the hosted pages and the webhooks are of."""
        return self.keys.home.state

    async def reset(self) -> None:
        """Forget everything but the webhook endpoints."""
        await self.webhooks.reset()
        self.faults, self.keys = Faults(), ApiKeys()
        self.requests.clear()

    def catch_up(self) -> None:
        """Let happen what the clock has brought: sessions and holds that expire."""
        for account in self.keys.accounts():
            account.state.cause = Cause()
            checkout.expire_due(account.state)
            payments.expire_holds(account.state)
            self._publish(account.state)

    def _publish(self, state: State) -> None:
        """The endpoints are of one account: what happens in another is told to nobody."""
        if state is self.state:
            self.webhooks.publish(state)
        else:
            state.take_outbox()

    async def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer an API call as Stripe would, and log it; raises ConnectionDropped where Stripe would stay silent."""
        self.state.pending_webhooks = len(self.webhooks.endpoints)
        self.catch_up()
        request_id = self.state.new_id("req")
        entry: Json = {
            "request_id": request_id,
            "method": request.method,
            "path": request.path,
            "params": schema.decode_form(request.encoded),
            "idempotency_key": request.idempotency_key,
            "status": None,
        }
        self.requests.append(entry)
        try:
            answer = await self._answer(request, request_id)
        except StripeError as error:
            schema.check_error(error.body)
            answer = ApiAnswer(error.status, error.body)
        entry["status"] = answer.status
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            # As Stripe does: a retry with the same key would only be told the same.
            headers["Stripe-Should-Retry"] = "false"
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        return ApiAnswer(answer.status, answer.body, headers | answer.headers)

    async def _answer(self, request: ApiRequest, request_id: str) -> ApiAnswer:
        account = self.keys.open(request.authorization)
        _check_version(request)
        route = find_route(request.method, request.path)
        fault = self.faults.take(request.method, request.path, at_edge=True)
        if fault is not None:
            await _fail_at_edge(fault)
        params = schema.read_params(route.operation, request.encoded)
        call = Call(params, route.target, request.path, request.base_url)
        if request.method != "POST" or request.idempotency_key is None:
            return await self._execute(account, route, call, request, request_id)
        return await self._execute_once(account, route, call, request, request_id)

    async def _execute_once(
        self, account: Account, route: Route, call: Call, request: ApiRequest, request_id: str
    ) -> ApiAnswer:
        first = account.idempotency.begin(
            str(request.idempotency_key), (request.method, request.path, call.params), request_id, self.state.now()
        )
        if first is not None and first.status is not None:
            headers = {"Idempotent-Replayed": "true", "Original-Request": first.request_id}
            return ApiAnswer(first.status, first.body, headers)
        return await self._execute(account, route, call, request, request_id)

    async def _execute(
        self, account: Account, route: Route, call: Call, request: ApiRequest, request_id: str
    ) -> ApiAnswer:
        fault = self.faults.take(request.method, request.path, at_edge=False)
        kind = fault.kind if fault else ""
        if fault is not None and kind == "slow":
            await self.faults.hang(fault)
        if kind == "500_before":
            answer = ApiAnswer(500, outage().body)
        else:
            answer = _run(account.state, route, call, Cause(request_id, request.idempotency_key))
        if kind == "500_after":
            answer = ApiAnswer(500, outage().body)
        _remember(account, request, answer)
        self._publish(account.state)
        if fault is not None and kind == "timeout_after":
            await _drop(fault)
        return answer


def _run(state: State, route: Route, call: Call, cause: Cause) -> ApiAnswer:
    state.cause = cause
    try:
        body = HANDLERS[route.operation](state, call)
        body = expand(state, body, call.params.get("expand", []))
    except StripeError as error:
        schema.check_error(error.body)
        return ApiAnswer(error.status, error.body)
    schema.check_answer(route.operation, body)
    return ApiAnswer(200, body)


def _remember(account: Account, request: ApiRequest, answer: ApiAnswer) -> None:
    if request.method != "POST" or request.idempotency_key is None:
        return
    # "If incoming parameters fail validation ... no idempotent result is saved": docs.stripe.com
    if str(answer.body.get("error", {}).get("code", "")).startswith("parameter_"):
        account.idempotency.forget(request.idempotency_key)
    else:
        # A copy: what is replayed is the first answer, however the object in it changes.
        account.idempotency.finish(request.idempotency_key, answer.status, copied(answer.body))


def _check_version(request: ApiRequest) -> None:
    if request.version not in {None, API_VERSION}:
        raise StripeError(
            400, "invalid_request_error", f"Invalid Stripe API version: {request.version}. This is {API_VERSION}."
        )


async def _fail_at_edge(fault: Fault) -> None:
    if fault.kind == "429":
        message = "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests."
        raise StripeError(429, "invalid_request_error", message, code="rate_limit")
    await _drop(fault)


async def _drop(fault: Fault) -> None:
    await asyncio.sleep(fault.seconds)
    raise ConnectionDropped
