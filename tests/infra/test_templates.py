"""What the templates promise, whatever they are made of."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.aws_sns import Topic

from billing.api.documents_api import documents_api
from billing.api.edge_operations import EDGE_OPERATIONS
from billing.contracts.usage_queue import decode
from billing.domain.queued_event import QueuedEvent
from billing.store.all_tables import ALL_TABLES
from infra.app import build
from infra.functions import FUNCTION_SIZES
from infra.local.synthesis import synthesise
from infra.naming import pascal
from infra.stages import DEV, PRODUCTION, Stage
from tests.builders import NOW, cloud_event, store_with
from tests.described import description
from tests.infra.conftest import resources_of

Resources = dict[str, Any]

MOVE_MONEY = {"SettleUsage", "Api", "ApplyPayments", "AutoRefill", "Console", "Reconcile", "RenewSubscriptions"}

CONSOLE = {
    "ANY /console",
    "ANY /console/{proxy+}",
    "GET /console/history/{transaction_id}/receipt.pdf",
    "GET /console/history/{transaction_id}/credit-notes/{number}",
}
"""Pages, which are not the API's, and know their visitors by themselves."""


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def statements(resources: Resources, function: str) -> Iterator[dict[str, Any]]:
    """What the role of a function allows; the function by its construct id (`SettleUsage`)."""
    for name, policy in of_type(resources, "AWS::IAM::Policy").items():
        if name.startswith(f"{function}Role"):
            yield from policy["PolicyDocument"]["Statement"]


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def queues_and_workers(resources: Resources) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Each queue that a function works off: the queue, the event source and the function."""
    queues = of_type(resources, "AWS::SQS::Queue")
    for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        source = mapping["EventSourceArn"]["Fn::GetAtt"][0] if "Fn::GetAtt" in mapping["EventSourceArn"] else None
        if source in queues:
            yield queues[source], mapping, resources[mapping["FunctionName"]["Ref"]]["Properties"]


def functions_with(resources: Resources, action: str, table: str) -> set[str]:
    """Functions by construct id whose role allows `action` on the table itself."""
    return {
        name.partition("Role")[0]
        for name, policy in of_type(resources, "AWS::IAM::Policy").items()
        for statement in policy["PolicyDocument"]["Statement"]
        if action in actions(statement) and f"GetAtt{pascal(table)}" in json.dumps(statement["Resource"])
    }


def test_only_what_moves_money_writes_the_ledger(resources: Resources) -> None:
    assert functions_with(resources, "dynamodb:PutItem", "ledger_entries") == MOVE_MONEY


def test_nobody_changes_or_deletes_a_ledger_entry(resources: Resources) -> None:
    for action in ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"):
        assert functions_with(resources, action, "ledger_entries") == set()


def test_only_what_moves_money_moves_a_balance(resources: Resources) -> None:
    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
        assert functions_with(resources, action, "wallets") <= MOVE_MONEY


def test_nobody_deletes_what_tells_of_money(resources: Resources) -> None:
    for table in ("plans", "accounts", "wallets", "ledger_entries", "daily_usage"):
        assert functions_with(resources, "dynamodb:DeleteItem", table) == set()


def test_nobody_changes_or_deletes_a_document_or_gives_a_number_back(resources: Resources) -> None:
    for table in ("receipts", "document_files"):
        for action in ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"):
            assert functions_with(resources, action, table) == set()
    for table in ("receipt_counters", "sellers", "statements"):
        assert functions_with(resources, "dynamodb:DeleteItem", table) == set()
    numbering = {"Api", "Console", "IssueReceipts", "Receipts"}
    assert functions_with(resources, "dynamodb:PutItem", "receipts") == numbering
    assert functions_with(resources, "dynamodb:UpdateItem", "receipt_counters") == numbering


def test_only_one_function_carries_the_typesetting_and_it_moves_no_money(resources: Resources) -> None:
    carrying = [name for name, size in FUNCTION_SIZES.items() if size.uses_typst]
    assert carrying == ["receipts"]
    for table in ("wallets", "ledger_entries", "transactions"):
        for action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
            assert "Receipts" not in functions_with(resources, action, table)


def test_the_authorizer_reads_api_keys_and_says_when_one_was_used_and_nothing_else(resources: Resources) -> None:
    granted = {action for statement in statements(resources, "Authorizer") for action in actions(statement)}
    assert {action for action in granted if not action.startswith("logs:")} == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
    }
    assert functions_with(resources, "dynamodb:GetItem", "api_keys") == {"Authorizer"}
    assert functions_with(resources, "dynamodb:UpdateItem", "api_keys") == {"Authorizer"}


def test_asking_for_a_call_permission_moves_no_money(resources: Resources) -> None:
    for table in ("wallets", "ledger_entries", "plans", "workspaces"):
        for action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
            assert "AuthorizeCall" not in functions_with(resources, action, table)


def test_no_policy_allows_a_wildcard(resources: Resources) -> None:
    for policy in of_type(resources, "AWS::IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert not any("*" in action for action in actions(statement))
            assert "*" not in json.dumps(statement["Resource"])


def test_a_function_is_told_only_of_the_tables_that_it_may_touch(resources: Resources) -> None:
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        told = {variable.removesuffix("_TABLE").lower() for variable in variables if variable.endswith("_TABLE")}
        allowed = json.dumps(list(statements(resources, name.partition("Function")[0])))
        assert told == {
            model.Meta.table_name for model in ALL_TABLES if f"GetAtt{pascal(model.Meta.table_name)}" in allowed
        }


def test_every_queue_that_is_worked_off_has_a_dead_letter_queue(resources: Resources) -> None:
    for queue, mapping, _ in queues_and_workers(resources):
        assert 5 <= queue["RedrivePolicy"]["maxReceiveCount"] <= 10
        assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in resources
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_rule_has_a_dead_letter_queue(resources: Resources) -> None:
    for rule in of_type(resources, "AWS::Events::Rule").values():
        assert all("DeadLetterConfig" in target for target in rule["Targets"])


def test_a_call_on_the_bus_tells_the_queue_when_it_arrived_so_that_a_redrive_does_not_make_it_late(
    resources: Resources,
) -> None:
    (usage,) = (
        rule
        for rule in of_type(resources, "AWS::Events::Rule").values()
        if "call.ended" in rule.get("EventPattern", {}).get("detail-type", ())
    )
    (target,) = usage["Targets"]
    template, paths = target["InputTransformer"]["InputTemplate"], target["InputTransformer"]["InputPathsMap"]
    assert paths == {"detail": "$.detail"}
    message = template.replace("<aws.events.event.ingestion-time>", "2026-11-23T12:00:00Z").replace(
        "<detail>", json.dumps(cloud_event("on-the-bus", seconds="60"))
    )
    much_later = NOW + timedelta(days=4)
    received = decode(message, sent_at=much_later, now=much_later)
    assert isinstance(received, QueuedEvent)
    assert (received.event.event_id, received.event.arrived_at) == ("on-the-bus", NOW)


def test_every_dead_letter_queue_keeps_messages_for_14_days_and_raises_an_alarm(resources: Resources) -> None:
    watched = {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "AWS/SQS" and alarm["Threshold"] == 1 and alarm["AlarmActions"]
        for dimension in alarm["Dimensions"]
    }
    queues = of_type(resources, "AWS::SQS::Queue")
    dead = {name for name, queue in queues.items() if "RedrivePolicy" not in queue}
    assert dead
    assert dead == watched
    assert {queues[name]["MessageRetentionPeriod"] for name in dead} == {14 * 24 * 3600}


def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take(resources: Resources) -> None:
    for queue, _, function in queues_and_workers(resources):
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_what_customers_own_is_recoverable_protected_and_outlives_its_stack(resources: Resources) -> None:
    tables = {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::DynamoDB::Table"}
    assert len(tables) == len(ALL_TABLES)
    for table in tables.values():
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["DeletionProtectionEnabled"]
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_no_resource_has_a_name_that_a_second_deployment_would_collide_with(resources: Resources) -> None:
    for resource in resources.values():
        names = {"TableName", "FunctionName", "QueueName", "RoleName", "TopicName", "LogGroupName", "AlarmName"}
        if resource["Type"] != "AWS::Lambda::EventSourceMapping":
            assert not [
                name
                for name in names & resource.get("Properties", {}).keys()
                if isinstance(resource["Properties"][name], str)
            ]


def test_every_route_asks_the_authorizer_but_the_api_description_stripes_webhook_and_the_console(
    resources: Resources,
) -> None:
    routes = of_type(resources, "AWS::ApiGatewayV2::Route").values()
    open_to_all = {route["RouteKey"] for route in routes if route.get("AuthorizationType") == "NONE"}
    assert open_to_all == {"GET /openapi.json", "POST /webhooks/stripe", *CONSOLE}
    assert {route["RouteKey"] for route in routes if "AuthorizerId" in route} >= {"POST /v1/events", "ANY /v1/{proxy+}"}


def test_the_gateway_has_the_routes_that_the_api_describes_and_hands_them_to_who_answers_them(
    resources: Resources,
) -> None:
    """A route that is spelled out is described as another function's, but for the description's own; the rest of /v1
    is the api function's."""
    api = {name for name in of_type(resources, "AWS::Lambda::Function") if name.startswith("ApiFunction")}
    integrations = of_type(resources, "AWS::ApiGatewayV2::Integration")
    to_api = {name for name, each in integrations.items() if each["IntegrationUri"].get("Fn::GetAtt", [""])[0] in api}
    answered: dict[bool, set[str]] = {True: set(), False: set()}
    for route in of_type(resources, "AWS::ApiGatewayV2::Route").values():
        answered[_integration_of(route) in to_api].add(route["RouteKey"])
    as_files = {f"{each.spec.method} {each.spec.path}" for each in documents_api(store_with(), lambda _: b"").routes}
    assert len(api) == len(to_api) == 1
    assert answered[False] == {f"{each.method} {each.path}" for each in EDGE_OPERATIONS} | as_files | CONSOLE
    assert answered[True] == {"GET /openapi.json", "ANY /v1/{proxy+}"}
    described = {(method.upper(), path) for path, said in description().document["paths"].items() for method in said}
    left = described - {(each.method, each.path) for each in EDGE_OPERATIONS} - {("GET", "/openapi.json")}
    assert all(path.startswith("/v1/") for _, path in left)


def _integration_of(route: dict[str, Any]) -> str:
    """The logical id in "integrations/<reference>"."""
    name: str = route["Target"]["Fn::Join"][1][1]["Ref"]
    return name


def test_a_revoked_key_is_refused_at_once(resources: Resources) -> None:
    (authorizer,) = of_type(resources, "AWS::ApiGatewayV2::Authorizer").values()
    assert authorizer["AuthorizerResultTtlInSeconds"] == 0
    assert authorizer["EnableSimpleResponses"]


def test_settlement_takes_large_batches_with_a_whole_cpu(resources: Resources) -> None:
    (settlement,) = (
        (mapping, function)
        for _, mapping, function in queues_and_workers(resources)
        if function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "settle_usage"
    )
    mapping, function = settlement
    assert mapping["BatchSize"] == 1000
    assert 1 <= mapping["MaximumBatchingWindowInSeconds"] <= 2
    assert function["MemorySize"] == 1769


@pytest.mark.parametrize("stage", [PRODUCTION, DEV], ids=lambda stage: stage.name)
def test_the_log_level_of_a_stage_reaches_every_function_and_what_lambda_lets_through(stage: Stage) -> None:
    functions = of_type(resources_of(synthesise(stage.name)), "AWS::Lambda::Function").values()
    assert len(functions) == len(FUNCTION_SIZES)
    for function in functions:
        assert function["Environment"]["Variables"]["LOG_LEVEL"] == stage.log_level
        assert function["LoggingConfig"]["ApplicationLogLevel"] == stage.log_level


def test_a_template_that_breaks_a_rule_of_aws_solutions_is_not_synthesised(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    build(app, PRODUCTION)
    Topic(Stack(app, "careless"), "Unencrypted")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


def test_the_stacks_fit_any_account_so_that_synthesis_needs_no_credentials(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    stacks = [each for each in manifest["artifacts"].values() if each["type"] == "aws:cloudformation:stack"]
    assert {stack["environment"] for stack in stacks} == {"aws://unknown-account/unknown-region"}
    assert "missing" not in manifest  # nothing that would have to be looked up in an account


def test_only_what_asks_stripe_reads_its_key_and_only_the_webhook_its_secrets(resources: Resources) -> None:
    (key,) = (name for name in of_type(resources, "AWS::SecretsManager::Secret") if "StripeApiKey" in name)
    readers = {
        function
        for function in (*MOVE_MONEY, "StripeWebhook", "Authorizer", "ScheduleRenewals")
        for statement in statements(resources, function)
        if "secretsmanager:GetSecretValue" in actions(statement) and statement["Resource"] == {"Ref": key}
    }
    assert readers == MOVE_MONEY - {"SettleUsage"}


def test_whoever_asks_stripe_raises_an_alarm_when_the_key_is_refused(resources: Resources) -> None:
    alarms = [each for each in of_type(resources, "AWS::CloudWatch::Alarm").values() if each["AlarmActions"]]
    watched = {each["Dimensions"][0]["Value"] for each in alarms if each["MetricName"] == "StripeKeyRefused"}
    assert watched == {name for name, size in FUNCTION_SIZES.items() if size.uses_stripe}
    (out_of_reach,) = [each for each in alarms if each["MetricName"] == "EventsOutOfReach"]
    assert out_of_reach["Dimensions"][0]["Value"] == "reconcile"


def test_refills_are_charged_from_the_stream_of_new_transactions(resources: Resources) -> None:
    mappings = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    (refills,) = (each for each in mappings if "FilterCriteria" in each)
    (pattern,) = refills["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"kind": {"S": ["auto_refill"]}}},
    }
    assert refills["DestinationConfig"]["OnFailure"]


def test_every_function_logs_json(resources: Resources) -> None:
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        assert function["LoggingConfig"]["LogFormat"] == "JSON", name
