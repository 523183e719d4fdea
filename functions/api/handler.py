"""The JSON API but for its hot paths: plans, accounts, credit, history, keys, and its own OpenAPI document."""

from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from billing.api.rest_api import rest_api
from billing.runtime import aws, logs, settings, stripe_access
from billing.runtime.respond import respond
from billing.runtime.usage_queue import UsageQueue
from billing.web.http import Response

_settings = settings.from_environment()
logs.logger("api", _settings.log_level)
logger = Logger(service="api", level=_settings.log_level)
_limit, _gateway = stripe_access.on_demand(_settings, "api")
_api = rest_api(
    wiring.store(_settings),
    UsageQueue(aws.sqs(), _settings.usage_queue_url or ""),
    _gateway,
    return_url=_settings.return_url,
    local=_settings.local,
)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Response:
    _limit.set(stripe_access.seconds_left(context))
    return respond(_api, event, context, logger)
