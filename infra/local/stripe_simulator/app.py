"""The ASGI application: Stripe's API, its hosted pages, and the control API beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from infra.local.stripe_simulator import checkout
from infra.local.stripe_simulator.control import control_routes
from infra.local.stripe_simulator.errors import Json, StripeError, invalid
from infra.local.stripe_simulator.page import session_page
from infra.local.stripe_simulator.schema import NotAsStripe
from infra.local.stripe_simulator.simulator import ApiRequest, ConnectionDropped, Simulator
from infra.local.stripe_simulator.state import Cause

_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class DroppedResponse(Response):
    """No answer at all: the connection is closed, which clients take for a broken network, and the SDK retries."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive, send
        scope["state"]["transport"].close()
        # The server hears of the closed connection in the next round of the loop; before, it would answer a 500.
        await asyncio.sleep(0)


def build_app(simulator: Simulator) -> Starlette:
    """The application of one simulator."""

    async def serve_api(request: Request) -> Response:
        body = (await request.body()).decode(errors="replace")
        api_request = ApiRequest(
            method=request.method,
            path=request.url.path,
            encoded=body if request.method == "POST" else request.url.query,
            authorization=request.headers.get("authorization", ""),
            version=request.headers.get("stripe-version"),
            idempotency_key=request.headers.get("idempotency-key"),
            base_url=str(request.base_url).rstrip("/"),
        )
        try:
            answer = await simulator.answer(api_request)
        except ConnectionDropped:
            return DroppedResponse()
        return JSONResponse(answer.body, answer.status, answer.headers)

    async def show_page(request: Request) -> Response:
        simulator.catch_up()
        session = simulator.state.find("checkout.session", request.path_params["session_id"])
        return HTMLResponse(session_page(session, simulator.state.line_items[session["id"]]))

    async def submit_page(request: Request) -> Response:
        simulator.catch_up()
        simulator.state.cause = Cause()
        session = simulator.state.find("checkout.session", request.path_params["session_id"])
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        try:
            return RedirectResponse(_press(simulator, session, form), status_code=303)
        except StripeError as error:
            page = session_page(session, simulator.state.line_items[session["id"]], str(error))
            return HTMLResponse(page, error.status)
        finally:
            simulator.webhooks.publish(simulator.state)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await simulator.webhooks.stop()

    return Starlette(
        routes=[
            Mount("/_control", routes=control_routes(simulator)),
            Route("/c/pay/{session_id}", show_page, methods=["GET"]),
            Route("/c/pay/{session_id}", submit_page, methods=["POST"]),
            Route("/{path:path}", serve_api, methods=_EVERY_METHOD),
        ],
        exception_handlers={StripeError: _refuse, NotAsStripe: _confess},
        lifespan=lifespan,
    )


def _press(simulator: Simulator, session: Json, form: dict[str, str]) -> str:
    """Do what a button of the page does; the address to go to next."""
    checkout.open_session(simulator.state, session["id"])
    buttons = {"pay"} if session["mode"] == "payment" else {"save"}
    buttons |= {"cancel"} if session["cancel_url"] else set()
    if form.get("action") not in buttons:
        raise invalid("The page has no such button.", "action")
    if form["action"] == "cancel":
        return str(session["cancel_url"])
    checkout.complete(simulator.state, session["id"], form.get("card", ""))
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, StripeError):
        raise error
    return JSONResponse(error.body, error.status)


async def _confess(_request: Request, error: Exception) -> Response:
    """A 501, which no client retries or takes for Stripe's own: the simulator has a bug."""
    return JSONResponse({"error": {"type": "api_error", "message": f"The simulator is wrong: {error}"}}, 501)
