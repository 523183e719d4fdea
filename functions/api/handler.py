"""The JSON API but for its hot paths: plans, accounts, credit, history, keys, and its own OpenAPI document."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing.contracts.api.routing import Api
from billing.contracts.http import RequestRefused, Response, problem
from billing.payments.gateway import Gateway
from billing.runtime import aws, settings, stripe_access, wiring
from billing.runtime.usage_queue import UsageQueue
from billing.services.ingest_events import Queue
from billing.store.database import Database

logger = Logger(service="api")


def _sibling(name: str) -> Any:  # noqa: ANN401  (a module's names are whatever it says)
    """A module of this folder: at the root of the code in Lambda, in `functions.api` everywhere else."""
    return import_module(f"{__package__}.{name}" if __package__ else name)


def api_over(database: Database, queue: Queue, gateway: Callable[[], Gateway]) -> Api:
    """All routes over a store, a queue and Stripe, which is asked for only by a request that needs it."""
    resources = [
        _sibling("routes_plans").PlansRoutes(database),
        _sibling("routes_subscriptions").SubscriptionsRoutes(database, gateway),
        _sibling("routes_accounts").AccountsRoutes(database),
        _sibling("routes_payments").PaymentsRoutes(database, gateway, _settings.return_url),
        _sibling("routes_credit").CreditRoutes(database),
        _sibling("routes_history").HistoryRoutes(database),
        _sibling("routes_api_keys").ApiKeysRoutes(database),
        _sibling("routes_rejected_events").RejectedEventsRoutes(database, queue),
        _sibling("routes_notices").WebhookEndpointsRoutes(database, local=_settings.local),
        _sibling("routes_notices").BalanceAlertsRoutes(database),
    ]
    described = _sibling("routes_openapi").OpenApiRoutes(resources)
    return Api([*resources, described])


_settings = settings.from_environment()
_gateway = cache(partial(stripe_access.gateway, _settings))
_api = api_over(wiring.database(_settings), UsageQueue(aws.sqs(), _settings.usage_queue_url or ""), _gateway)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Response:
    try:
        return _api.respond(event, datetime.now(UTC), lambda facts: logger.info("answered", extra=dict(facts)))
    except Exception:
        logger.exception("request failed")
        request_id = context.aws_request_id
        return problem(
            RequestRefused("internal_error", f"something broke; it was logged as {request_id}", request_id=request_id)
        )
