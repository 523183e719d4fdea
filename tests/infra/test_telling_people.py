"""What the templates promise of events, webhooks and mails."""

import json

from billing.domain.notice_types import NOTICE_TYPES
from infra.stages import PRODUCTION
from tests.infra.test_templates import Resources, actions, functions_with, of_type, statements


def granted(resources: Resources, function: str) -> set[str]:
    found = {action for statement in statements(resources, function) for action in actions(statement)}
    return {action for action in found if not action.startswith("logs:")}


def test_the_relay_reads_streams_and_no_table(resources: Resources) -> None:
    tables = {action for action in granted(resources, "RelayChanges") if action.startswith("dynamodb:")}
    assert tables == {
        f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    }
    assert "events:PutEvents" in granted(resources, "RelayChanges")


def test_only_the_relay_speaks_in_the_products_name(resources: Resources) -> None:
    speakers = {
        name.partition("Role")[0]
        for name, policy in of_type(resources, "AWS::IAM::Policy").items()
        for statement in policy["PolicyDocument"]["Statement"]
        if "events:PutEvents" in actions(statement)
    }
    assert speakers == {"RelayChanges"}


def test_what_may_be_sent_from_outside_travels_on_another_bus_than_the_products_own_events(
    resources: Resources,
) -> None:
    """Else whoever may report usage could forge a webhook and a mail, or take the place of the real one."""
    rules = {
        json.dumps(rule["EventPattern"]): rule["EventBusName"]["Ref"]
        for rule in of_type(resources, "AWS::Events::Rule").values()
        if "EventPattern" in rule
    }
    usage = {bus for pattern, bus in rules.items() if "call.ended" in pattern}
    own = {bus for pattern, bus in rules.items() if "call.ended" not in pattern}
    assert (len(usage), len(own), len(usage | own)) == (1, 1, 2)
    put_on = [
        json.dumps(statement["Resource"])
        for policy in of_type(resources, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "events:PutEvents" in actions(statement)
    ]
    assert put_on
    assert all(own.copy().pop() in resource and usage.copy().pop() not in resource for resource in put_on)


def test_only_deliveries_read_a_webhook_secret_and_write_to_customers(resources: Resources) -> None:
    for action in ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"):
        assert functions_with(resources, action, "webhook_secrets") <= {"Deliver"}
    mailers = {
        name.partition("Role")[0]
        for name, policy in of_type(resources, "AWS::IAM::Policy").items()
        if "ses:SendEmail" in json.dumps(policy)
    }
    assert mailers == {"Deliver"}


def test_whoever_writes_mails_is_told_where_they_lead_and_whom_they_are_from(resources: Resources) -> None:
    (told,) = (
        function["Environment"]["Variables"]
        for function in of_type(resources, "AWS::Lambda::Function").values()
        if function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "deliver"
    )
    assert (told["BILLING_URL"], told["MAIL_FROM"]) == (PRODUCTION.billing_url, PRODUCTION.mail_from)


def test_deliveries_move_no_money(resources: Resources) -> None:
    assert functions_with(resources, "dynamodb:UpdateItem", "wallets") & {"Deliver", "Notify", "RelayChanges"} == set()


def test_a_stream_that_nobody_can_work_off_ends_where_somebody_is_told(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values():
        if "StreamArn" in json.dumps(mapping["EventSourceArn"]):
            destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
            assert "RedrivePolicy" not in queues[destination]
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_declines_raise_an_alarm_as_a_share_of_many_charges_and_never_by_the_bare_number(resources: Resources) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    (alarm,) = (each for each in alarms if each["MetricName"] == "CardDeclined")
    (dimension,) = alarm["Dimensions"]
    assert (alarm["Namespace"], dimension["Value"]) == ("Talktime", "relay_changes")
    assert (alarm["ExtendedStatistic"], alarm["Threshold"], alarm["Period"]) == ("p70", 0.5, 3600)
    assert "Statistic" not in alarm
    assert alarm["EvaluateLowSampleCountPercentile"] == "ignore"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"]


def test_events_going_out_do_not_come_in_again(resources: Resources) -> None:
    patterns = [
        rule["EventPattern"] for rule in of_type(resources, "AWS::Events::Rule").values() if "EventPattern" in rule
    ]
    (incoming,) = (pattern for pattern in patterns if "source" not in pattern)
    assert not set(incoming["detail-type"]) & set(NOTICE_TYPES)
    told, documented = sorted((pattern for pattern in patterns if "source" in pattern), key=len)
    assert told == {"source": ["talktime"]}
    assert documented == {"source": ["talktime"], "detail-type": ["payment.succeeded", "payment.refunded"]}
