"""The HTTP API: routes, the authorizer in front of them, throttling and an access log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.aws_apigatewayv2_authorizers import HttpLambdaAuthorizer, HttpLambdaResponseType
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.stages import Stage

_REQUESTS_PER_SECOND = 2000
_BURST = 1000
_MANY_SERVER_ERRORS = 5
"""Of a request that fails, its sender sends the same once more: one by itself wakes nobody."""
# No path and no header: both could carry what identifies a customer or a key.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latencyMs": "$context.responseLatency",
    "authorizerError": "$context.authorizer.error",
    "integrationError": "$context.integrationErrorMessage",
}


@dataclass(frozen=True, slots=True)
class Route:
    """`methods` of `path` go to `function`; with `open_to_all`, without a key."""

    path: str
    methods: tuple[apigateway.HttpMethod, ...]
    function: BillingFunction
    open_to_all: bool = False


class PublicApi(Construct):
    """`api` answers `routes`; every route that is not open to all asks the authorizer for each request."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        authorizer: BillingFunction,
        routes: Sequence[Route],
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigateway.HttpApi(self, "Api")
        self._log_access(stage)
        keys = HttpLambdaAuthorizer(
            "Keys",
            authorizer.function,
            response_types=[HttpLambdaResponseType.SIMPLE],
            identity_source=["$request.header.Authorization"],
            # Answers are not cached: a key is refused from the moment it is revoked. It costs one read a request.
            results_cache_ttl=Duration.seconds(0),
        )
        functions = {route.function for route in routes}
        integrations = {each: HttpLambdaIntegration(each.node.id, each.function) for each in functions}
        for route in routes:
            added = self.api.add_routes(
                path=route.path,
                methods=list(route.methods),
                integration=integrations[route.function],
                authorizer=apigateway.HttpNoneAuthorizer() if route.open_to_all else keys,
            )
            if route.open_to_all:
                for each in added:
                    Validations.of(each).acknowledge(
                        Acknowledgment(
                            id="AwsSolutions-APIG4",
                            reason="Public by intent: it tells nothing of a customer, or checks who asks itself.",
                        )
                    )

        alarm_when(
            self.api.metric_server_error(period=Duration.minutes(5), statistic="Sum"),
            self,
            "ServerErrors",
            kind="api-5xx",
            says=f"The API answered {_MANY_SERVER_ERRORS} requests or more in five minutes with a 5xx.",
            reaches=_MANY_SERVER_ERRORS,
            alarms=alarms,
        )

    def _log_access(self, stage: Stage) -> None:
        log_group = logs.LogGroup(self, "AccessLog", retention=stage.log_retention, removal_policy=stage.removal_policy)
        default_stage = self.api.default_stage and self.api.default_stage.node.default_child
        if not isinstance(default_stage, apigateway.CfnStage):
            raise TypeError("an HTTP API has a default stage")
        default_stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(_ACCESS_LOG)
        )
        default_stage.default_route_settings = apigateway.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=_REQUESTS_PER_SECOND, throttling_burst_limit=_BURST
        )
