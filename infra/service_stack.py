"""The service: functions, the ways in (HTTP API and a bus for usage) and the queue between them and settlement."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.aws_apigatewayv2 import HttpMethod
from constructs import Construct

from billing.domain.complete import complete
from billing.services.relay_changes import RELAYED_TABLES
from billing.store.all_tables import STREAMED_TABLES
from infra.constructs.alarms import alarm_topic, alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.change_relay import ChangeRelay
from infra.constructs.dashboard import Dashboard
from infra.constructs.event_bus import OwnEventBus
from infra.constructs.notices import Notices
from infra.constructs.payments import Payments
from infra.constructs.public_api import PublicApi, Route
from infra.constructs.queues import QueueConsumer
from infra.constructs.receipts import Receipts
from infra.constructs.renewals import Renewals
from infra.constructs.usage_bus import UsageBus
from infra.functions import FUNCTION_SIZES, Size
from infra.layers import Target, billing_layer, console_layer, dependencies_layer, stripe_layer, typst_layer
from infra.stages import Stage

# Workers of one queue compete for the wallets of busy accounts: few that take large batches lose fewer races.
_SETTLEMENT_WORKERS = 4
# So long a balance that is used up still lets calls start.
_SETTLEMENT_BEHIND_AFTER = Duration.minutes(10)

Layers = Mapping[str, lambda_.ILayerVersion]  # by name
Functions = Mapping[str, BillingFunction]  # by folder


class ServiceStack(Stack):
    """Everything that can be replaced at any time. It keeps nothing but what waits in its queues."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, tables: Mapping[str, dynamodb.Table]
    ) -> None:
        super().__init__(scope, construct_id)
        layers = self._build_layers(stage.layers_for)
        alarms = alarm_topic(self, "Alarms", stage=stage)
        functions = self._build_functions(stage, alarms, layers, tables)

        settlement = self._build_settlement(stage, alarms, functions)
        usage_bus = UsageBus(self, "UsageBus", stage=stage, alarms=alarms, queue=settlement.queue)
        bus = OwnEventBus(self, "Events")
        notices = self._build_notices(stage, alarms, functions, bus, tables)
        http = PublicApi(
            self,
            "PublicApi",
            stage=stage,
            alarms=alarms,
            authorizer=functions["authorizer"],
            routes=_list_routes(functions),
        )
        payments = self._build_payments(stage, alarms, functions, tables["transactions"])
        renewals = Renewals(
            self,
            "Renewals",
            stage=stage,
            alarms=alarms,
            schedule=functions["schedule_renewals"],
            renew=functions["renew_subscriptions"],
        )
        receipts = Receipts(self, "Documents", stage=stage, alarms=alarms, bus=bus, issue=functions["issue_receipts"])
        queues = {
            "calls": settlement.queue,
            "events of Stripe's": payments.inbox.queue,
            "renewals": renewals.orders.queue,
            "receipts": receipts.paid.queue,
            "notices": notices.spread.queue,
            "webhooks and mails": notices.deliveries.queue,
        }
        Dashboard(self, "Money", functions=functions, queues=queues, api=http.api)

        CfnOutput(self, "ApiUrl", value=http.api.api_endpoint)
        CfnOutput(self, "ApiId", value=http.api.api_id)
        CfnOutput(self, "UsageBusName", value=usage_bus.bus.event_bus_name)
        CfnOutput(self, "EventBusName", value=bus.bus.event_bus_name)
        CfnOutput(self, "UsageQueueUrl", value=settlement.queue.queue_url)
        CfnOutput(self, "AlarmTopicArn", value=alarms.topic_arn)

    def _build_layers(self, target: Target) -> Layers:
        folders = {
            "Dependencies": dependencies_layer(target),
            "Stripe": stripe_layer(target),
            "Typst": typst_layer(target),
            "Console": console_layer(target),
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

    def _build_functions(
        self, stage: Stage, alarms: sns.ITopic, layers: Layers, tables: Mapping[str, dynamodb.Table]
    ) -> Functions:
        """All functions, by folder. The constructs that take them let them do more, and tell them more."""
        return {
            folder: BillingFunction(
                self,
                folder,
                stage=stage,
                layers=[layer for name, layer in layers.items() if _carries(size, name)],
                tables=tables,
                size=size,
                alarms=alarms,
            )
            for folder, size in FUNCTION_SIZES.items()
        }

    def _build_settlement(self, stage: Stage, alarms: sns.ITopic, functions: Functions) -> QueueConsumer:
        settlement = QueueConsumer(
            self,
            "Settlement",
            stage=stage,
            alarms=alarms,
            function=functions["settle_usage"],
            batch_size=stage.settlement_batch_size,
            window_seconds=stage.settlement_window_seconds,
            max_concurrency=_SETTLEMENT_WORKERS,
            behind_after=_SETTLEMENT_BEHIND_AFTER,
        )
        alarm_when(
            # The median: a platform that sends yesterday's calls late wakes nobody, unless they are most of all calls.
            functions["settle_usage"].metric("SettlementLag", statistic="p50"),
            self,
            "SettlementLag",
            kind="settlement-lag",
            says="Half of the calls were settled ten minutes after their end or later, for a quarter of an hour.",
            reaches=_SETTLEMENT_BEHIND_AFTER.to_milliseconds(),
            periods=3,
            alarms=alarms,
        )
        for sender in (functions["ingest_events"], functions["api"]):
            settlement.let_send(sender, url_as="USAGE_QUEUE_URL")
        return settlement

    def _build_notices(
        self,
        stage: Stage,
        alarms: sns.ITopic,
        functions: Functions,
        bus: OwnEventBus,
        tables: Mapping[str, dynamodb.Table],
    ) -> Notices:
        ChangeRelay(
            self,
            "ChangeRelay",
            stage=stage,
            alarms=alarms,
            function=functions["relay_changes"],
            tables=complete({name: tables[name] for name in RELAYED_TABLES}, STREAMED_TABLES),
            bus=bus,
        )
        return Notices(
            self,
            "Notices",
            stage=stage,
            alarms=alarms,
            bus=bus,
            notify=functions["notify"],
            deliver=functions["deliver"],
            announce=functions["announce_expiring_cards"],
        )

    def _build_payments(
        self, stage: Stage, alarms: sns.ITopic, functions: Functions, transactions: dynamodb.Table
    ) -> Payments:
        return Payments(
            self,
            "Payments",
            stage=stage,
            alarms=alarms,
            transactions=transactions,
            webhook=functions["stripe_webhook"],
            apply=functions["apply_payments"],
            refill=functions["auto_refill"],
            reconcile=functions["reconcile"],
            askers=[functions[folder] for folder, size in FUNCTION_SIZES.items() if size.uses_stripe],
        )


def _carries(size: Size, layer: str) -> bool:
    return {"Stripe": size.uses_stripe, "Typst": size.uses_typst, "Console": size.shows_pages}.get(layer, True)


def _list_routes(functions: Functions) -> list[Route]:
    authorize_call, rest, receipts = functions["authorize_call"], functions["api"], functions["receipts"]
    console, payment = functions["console"], "/console/history/{transaction_id}"
    transaction = "/v1/accounts/{account_id}/transactions/{transaction_id}"
    lease = "/v1/workspaces/{workspace_id}/leases/{lease_id}"
    return [
        Route("/v1/events", (HttpMethod.POST,), functions["ingest_events"]),
        Route("/v1/accounts/{account_id}/call-permission", (HttpMethod.GET,), authorize_call),
        Route("/v1/workspaces/{workspace_id}/call-permission", (HttpMethod.GET,), authorize_call),
        Route(lease, (HttpMethod.PUT, HttpMethod.DELETE), authorize_call),
        Route(f"{transaction}/receipt", (HttpMethod.GET,), receipts),
        Route(f"{transaction}/credit-notes/{{number}}", (HttpMethod.GET,), receipts),
        Route("/v1/accounts/{account_id}/statements/{month}", (HttpMethod.GET,), receipts),
        Route("/webhooks/stripe", (HttpMethod.POST,), functions["stripe_webhook"], open_to_all=True),
        Route("/openapi.json", (HttpMethod.GET,), rest, open_to_all=True),
        Route("/v1/{proxy+}", (HttpMethod.ANY,), rest),
        # A refusal must be a page, so the function knows its visitors by itself.
        Route("/console", (HttpMethod.ANY,), console, open_to_all=True),
        Route("/console/{proxy+}", (HttpMethod.ANY,), console, open_to_all=True),
        Route(f"{payment}/receipt.pdf", (HttpMethod.GET,), receipts, open_to_all=True),
        Route(f"{payment}/credit-notes/{{number}}", (HttpMethod.GET,), receipts, open_to_all=True),
    ]
