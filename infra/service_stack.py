"""The service: functions, the ways in (HTTP API and event bus) and the queue between them and settlement."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.aws_apigatewayv2 import HttpMethod
from constructs import Construct

from billing.services.relay_changes import RELAYED_TABLES
from infra.constructs.billing_function import BillingFunction
from infra.constructs.change_relay import ChangeRelay
from infra.constructs.notices import Notices
from infra.constructs.payments import Payments
from infra.constructs.public_api import PublicApi, Route
from infra.constructs.queues import QueueConsumer
from infra.constructs.renewals import Renewals
from infra.constructs.usage_bus import UsageBus
from infra.functions import FUNCTION_SIZES
from infra.layers import billing_layer, dependencies_layer, stripe_layer
from infra.stages import Stage

# Workers of one queue compete for the wallets of busy accounts: few that take large batches lose fewer races.
_SETTLEMENT_WORKERS = 4


class ServiceStack(Stack):
    """Everything that can be replaced at any time. It keeps nothing but what waits in its queues."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, tables: Mapping[str, dynamodb.Table]
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._tables = tables
        self._layers = self._build_layers()
        self._alarms = sns.Topic(self, "Alarms", enforce_ssl=stage.on_aws)

        settle = self._build_function("settle_usage")
        settlement = QueueConsumer(
            self,
            "Settlement",
            stage=stage,
            alarms=self._alarms,
            function=settle,
            batch_size=stage.settlement_batch_size,
            window_seconds=stage.settlement_window_seconds,
            max_concurrency=_SETTLEMENT_WORKERS,
        )
        bus = UsageBus(self, "UsageBus", stage=stage, alarms=self._alarms, queue=settlement.queue)
        self._build_notices(bus)
        http = self._build_api(settlement)
        self._build_payments()
        self._build_renewals()

        CfnOutput(self, "ApiUrl", value=http.api.api_endpoint)
        CfnOutput(self, "ApiId", value=http.api.api_id)
        CfnOutput(self, "BusName", value=bus.bus.event_bus_name)
        CfnOutput(self, "UsageQueueUrl", value=settlement.queue.queue_url)
        CfnOutput(self, "AlarmTopicArn", value=self._alarms.topic_arn)

    def _build_notices(self, bus: UsageBus) -> None:
        ChangeRelay(
            self,
            "ChangeRelay",
            stage=self._stage,
            alarms=self._alarms,
            function=self._build_function("relay_changes"),
            tables={name: self._tables[name] for name in RELAYED_TABLES},
            bus=bus,
        )
        Notices(
            self,
            "Notices",
            stage=self._stage,
            alarms=self._alarms,
            bus=bus,
            notify=self._build_function("notify"),
            deliver=self._build_function("deliver"),
            announce=self._build_function("announce_expiring_cards"),
        )

    def _build_payments(self) -> None:
        self._renew = self._build_function("renew_subscriptions")
        Payments(
            self,
            "Payments",
            stage=self._stage,
            alarms=self._alarms,
            transactions=self._tables["transactions"],
            webhook=self._stripe_webhook,
            apply=self._build_function("apply_payments"),
            refill=self._build_function("auto_refill"),
            reconcile=self._build_function("reconcile"),
            askers=(self._rest, self._renew),
        )

    def _build_renewals(self) -> None:
        Renewals(
            self,
            "Renewals",
            stage=self._stage,
            alarms=self._alarms,
            schedule=self._build_function("schedule_renewals"),
            renew=self._renew,
        )

    def _build_api(self, settlement: QueueConsumer) -> PublicApi:
        authorizer = self._build_function("authorizer")
        authorize_call = self._build_function("authorize_call")
        ingest = self._build_function("ingest_events")
        rest = self._build_function("api")
        self._rest = rest
        self._stripe_webhook = self._build_function("stripe_webhook")
        for sender in (ingest, rest):
            settlement.let_send(sender, url_as="USAGE_QUEUE_URL")
        return PublicApi(
            self,
            "PublicApi",
            stage=self._stage,
            authorizer=authorizer,
            routes=[
                Route("/v1/events", (HttpMethod.POST,), ingest),
                Route("/v1/accounts/{account_id}/call-permission", (HttpMethod.GET,), authorize_call),
                Route("/v1/workspaces/{workspace_id}/call-permission", (HttpMethod.GET,), authorize_call),
                Route(
                    "/v1/workspaces/{workspace_id}/leases/{lease_id}",
                    (HttpMethod.PUT, HttpMethod.DELETE),
                    authorize_call,
                ),
                Route("/webhooks/stripe", (HttpMethod.POST,), self._stripe_webhook, open_to_all=True),
                Route("/openapi.json", (HttpMethod.GET,), rest, open_to_all=True),
                Route("/v1/{proxy+}", (HttpMethod.ANY,), rest),
            ],
        )

    def _build_function(self, folder: str) -> BillingFunction:
        size = FUNCTION_SIZES[folder]
        return BillingFunction(
            self,
            folder,
            stage=self._stage,
            layers=[layer for name, layer in self._layers.items() if name != "Stripe" or size.uses_stripe],
            tables=self._tables,
            size=size,
        )

    def _build_layers(self) -> Mapping[str, lambda_.ILayerVersion]:
        target = self._stage.layers_for
        folders = {
            "Dependencies": dependencies_layer(target),
            "Stripe": stripe_layer(target),
            "Billing": billing_layer(target),
        }
        return {
            name: lambda_.LayerVersion(
                self,
                f"{name}Layer",
                code=lambda_.Code.from_asset(str(folder)),
                compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
                compatible_architectures=[lambda_.Architecture.ARM_64],
            )
            for name, folder in folders.items()
        }
