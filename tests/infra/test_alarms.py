"""What goes wrong is heard: by whom, of what, and how soon. Of the templates as they would go to AWS."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from billing.services.apply_payment import NOT_CREDITED
from infra.constructs.alarms import AlarmKind
from infra.functions import FUNCTION_SIZES
from infra.local.synthesis import synthesise
from infra.paths import FUNCTIONS, ROOT
from infra.stages import STAGES
from tests.infra.conftest import resources_of

Resources = dict[str, Any]
KIND = re.compile(r"^\[([a-z0-9-]+)\] \S")


def of_type(resources: Resources, kind: str) -> dict[str, Any]:
    return {name: each.get("Properties", {}) for name, each in resources.items() if each["Type"] == kind}


def alarms_of(resources: Resources) -> list[dict[str, Any]]:
    return list(of_type(resources, "AWS::CloudWatch::Alarm").values())


def kind_of(alarm: dict[str, Any]) -> str:
    said = KIND.match(str(alarm["AlarmDescription"]))
    assert said is not None, alarm["AlarmDescription"]
    return said.group(1)


def watched(resources: Resources, kind: str) -> set[str]:
    """The logical ids, or the names of services, that alarms of a kind watch."""
    names = set()
    for alarm in alarms_of(resources):
        if kind_of(alarm) == kind:
            for dimension in alarm["Dimensions"]:
                value = dimension["Value"]
                names.add(value if isinstance(value, str) else value.get("Ref") or value["Fn::GetAtt"][0])
    return names


def functions_of(resources: Resources) -> dict[str, str]:
    """Each function's folder by its logical id."""
    functions = of_type(resources, "AWS::Lambda::Function")
    return {name: each["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for name, each in functions.items()}


def statements_on(resources: Resources, topic: str) -> Iterator[dict[str, Any]]:
    for policy in of_type(resources, "AWS::SNS::TopicPolicy").values():
        if {"Ref": topic} in policy["Topics"]:
            yield from policy["PolicyDocument"]["Statement"]


def may_publish(statements: list[dict[str, Any]], topic: str) -> bool:
    """Whether CloudWatch's alarms of this account may publish: allowed, and caught by no refusal but plain HTTP's."""
    allowed = [
        each
        for each in statements
        if each["Effect"] == "Allow"
        and each["Action"] == "sns:Publish"
        and each["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        and each["Resource"] == {"Ref": topic}
        and each["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    ]
    refused = [
        each
        for each in statements
        if each["Effect"] == "Deny" and each.get("Condition") != {"Bool": {"aws:SecureTransport": "false"}}
    ]
    return bool(allowed) and not refused


@pytest.mark.parametrize("stage", STAGES)
def test_every_action_of_every_alarm_is_allowed_to_arrive(stage: str) -> None:
    resources = resources_of(synthesise(stage))
    topics = of_type(resources, "AWS::SNS::Topic")
    assert alarms_of(resources)
    for alarm in alarms_of(resources):
        actions = [*alarm["AlarmActions"], *alarm.get("OKActions", []), *alarm.get("InsufficientDataActions", [])]
        assert alarm.get("ActionsEnabled", True)
        assert actions
        for action in actions:
            assert action["Ref"] in topics
            assert may_publish(list(statements_on(resources, action["Ref"])), action["Ref"])


def test_a_topic_that_says_no_more_than_that_plain_http_is_refused_lets_no_alarm_arrive() -> None:
    """As it was: a policy of one's own takes the place of the default one, which lets CloudWatch publish."""
    refusal = {
        "Effect": "Deny",
        "Action": "sns:Publish",
        "Principal": "*",
        "Resource": {"Ref": "Alarms"},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert not may_publish([refusal], "Alarms")


def test_who_looks_at_the_alarms_has_the_topic_s_address(assembly: Any) -> None:
    template = json.loads((assembly / "talktime-production-service.template.json").read_text())
    assert template["Outputs"]["AlarmTopicArn"]["Value"]["Ref"] in of_type(template["Resources"], "AWS::SNS::Topic")


@pytest.mark.parametrize("kind", ["function-errors", "function-throttles", "function-timeouts"])
def test_each_function_is_heard_when_it_breaks_is_throttled_or_is_cut_off(resources: Resources, kind: str) -> None:
    assert watched(resources, kind) == set(functions_of(resources))


def test_a_time_out_is_heard_at_the_function_s_own_limit(resources: Resources) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    for alarm in alarms_of(resources):
        if kind_of(alarm) == "function-timeouts":
            (dimension,) = alarm["Dimensions"]
            assert (alarm["MetricName"], alarm["Statistic"]) == ("Duration", "Maximum")
            assert alarm["Threshold"] == 1000 * functions[dimension["Value"]["Ref"]]["Timeout"]


def test_each_reader_of_a_stream_is_heard_when_it_falls_behind(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    readers = {
        mapping["FunctionName"]["Ref"]
        for mapping in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        if mapping["EventSourceArn"].get("Fn::GetAtt", [""])[0] not in queues
    }
    assert {functions_of(resources)[name] for name in readers} == {"relay_changes", "auto_refill"}
    assert watched(resources, "stream-behind") == readers
    assert {each["MetricName"] for each in alarms_of(resources) if kind_of(each) == "stream-behind"} == {"IteratorAge"}


def test_each_queue_that_is_worked_off_is_heard_when_messages_wait(resources: Resources) -> None:
    worked_off = {name for name, queue in of_type(resources, "AWS::SQS::Queue").items() if "RedrivePolicy" in queue}
    assert watched(resources, "queue-behind") == worked_off
    for alarm in alarms_of(resources):
        if kind_of(alarm) == "queue-behind":
            assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
            assert 600 <= alarm["Threshold"] <= 1800


def started_by_a_clock(resources: Resources) -> set[str]:
    """The logical ids of the functions that a rule or a schedule starts."""
    rules = of_type(resources, "AWS::Events::Rule").values()
    arns = [target["Arn"] for rule in rules if "ScheduleExpression" in rule for target in rule["Targets"]]
    arns += [each["Target"]["Arn"] for each in of_type(resources, "AWS::Scheduler::Schedule").values()]
    return {arn["Fn::GetAtt"][0] for arn in arns}


def test_what_a_clock_starts_keeps_the_runs_that_it_failed_at_and_is_heard(resources: Resources) -> None:
    clocked = started_by_a_clock(resources)
    assert {functions_of(resources)[name] for name in clocked} == {
        "reconcile",
        "schedule_renewals",
        "deliver",
        "announce_expiring_cards",
        "issue_receipts",
    }
    configs = {
        each["FunctionName"]["Ref"]: each for each in of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    }
    assert set(configs) == clocked
    destinations = {
        name: each["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0] for name, each in configs.items()
    }
    assert len(set(destinations.values())) == len(destinations), "a failure destination of its own"
    assert watched(resources, "failed-runs") == {f"{queue}" for queue in destinations.values()}
    for name, queue in destinations.items():
        role = of_type(resources, "AWS::Lambda::Function")[name]["Role"]["Fn::GetAtt"][0]
        assert may_send(resources, role, queue)
        # Lambda refuses a destination that the role may not send to: the function waits for its policy, this for it.
        assert [each for each in resources[name]["DependsOn"] if resources[each]["Type"] == "AWS::IAM::Policy"]
        assert configs[name]["MaximumRetryAttempts"] == 2
        assert 60 <= configs[name]["MaximumEventAgeInSeconds"] <= 6 * 3600


def may_send(resources: Resources, role: str, queue: str) -> bool:
    return any(
        {"Ref": role} in policy["Roles"]
        and statement["Action"] == "sqs:SendMessage"
        and queue in json.dumps(statement["Resource"])
        for policy in of_type(resources, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    )


def test_a_clock_that_has_not_ticked_is_heard_by_its_silence(resources: Resources) -> None:
    clocks = [each for each in alarms_of(resources) if kind_of(each) == "clock-stopped"]
    started = {functions_of(resources)[name] for name in started_by_a_clock(resources)}
    assert {each["Dimensions"][0]["Value"] for each in clocks} == started
    for each in clocks:
        assert (each["TreatMissingData"], each["Statistic"]) == ("breaching", "SampleCount")
        assert (each["ComparisonOperator"], each["Threshold"]) == ("LessThanThreshold", 1)


def test_only_of_a_clock_silence_is_trouble(resources: Resources) -> None:
    others = [each for each in alarms_of(resources) if kind_of(each) != "clock-stopped"]
    assert {each["TreatMissingData"] for each in others} == {"notBreaching"}


def test_the_api_is_heard_when_it_answers_with_a_5xx(resources: Resources) -> None:
    (alarm,) = [each for each in alarms_of(resources) if kind_of(each) == "api-5xx"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApiGateway", "5xx")
    assert alarm["Dimensions"][0]["Value"]["Ref"] in of_type(resources, "AWS::ApiGatewayV2::Api")


def test_money_that_nobody_was_credited_is_heard_from_whoever_hears_of_it_first(resources: Resources) -> None:
    filters = of_type(resources, "AWS::Logs::MetricFilter").values()
    logs = {
        function["LoggingConfig"]["LogGroup"]["Ref"]: name
        for name, function in of_type(resources, "AWS::Lambda::Function").items()
    }
    read = {functions_of(resources)[logs[each["LogGroupName"]["Ref"]]] for each in filters}
    assert read == {folder for folder, size in FUNCTION_SIZES.items() if size.uses_stripe}
    assert {each["FilterPattern"] for each in filters} == {f'{{ $.message = "{NOT_CREDITED}" }}'}
    (metric,) = {each["MetricTransformations"][0]["MetricName"] for each in filters}
    (alarm,) = [each for each in alarms_of(resources) if kind_of(each) == "money-not-credited"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Talktime", metric)


def test_every_kind_of_alarm_is_raised_by_one(resources: Resources) -> None:
    assert {kind_of(each) for each in alarms_of(resources)} == set(get_args(AlarmKind))


def test_every_metric_of_ours_that_is_watched_or_shown_is_one_that_is_emitted(resources: Resources) -> None:
    """A name that is misspelled would be silent for ever."""
    metrics = [metric for each in widgets(resources) for metric in each["properties"].get("metrics", [])]
    shown = [name for namespace, name, *_ in metrics if namespace == "Talktime"]
    alarmed = {each["MetricName"] for each in alarms_of(resources) if each["Namespace"] == "Talktime"}
    assert len(shown) > 20
    sources = [*FUNCTIONS.rglob("*.py"), *(ROOT / "layers/billing/python/billing").rglob("*.py")]
    code = "".join(path.read_text() for path in sources)
    filtered = {"MoneyNotCredited"}
    assert [name for name in {*shown, *alarmed} - filtered if f'"{name}"' not in code] == []


def widgets(resources: Resources) -> list[dict[str, Any]]:
    """What the dashboard is made of, from the top, with the logical ids of what it refers to."""
    (body,) = (each["DashboardBody"] for each in of_type(resources, "AWS::CloudWatch::Dashboard").values())
    parts = [
        each if isinstance(each, str) else each.get("Ref") or each["Fn::GetAtt"][0] for each in body["Fn::Join"][1]
    ]
    found: list[dict[str, Any]] = json.loads("".join(parts))["widgets"]
    return found


def test_the_dashboard_begins_with_all_alarms_and_shows_whether_money_flows(resources: Resources) -> None:
    shown = widgets(resources)
    parts = [each["properties"]["alarms"] for each in shown if each["type"] == "alarm"]
    assert [each["type"] for each in shown[: len(parts)]] == ["alarm"] * len(parts)
    assert sorted(name for part in parts for name in part) == sorted(of_type(resources, "AWS::CloudWatch::Alarm"))
    assert max(map(len, parts)) <= 100, "one widget shows a hundred at the most"
    titles = [each["properties"]["title"] for each in shown[len(parts) :]]
    assert titles == [
        "Calls settled",
        "Payments credited",
        "Renewals paid",
        "Part of charges declined",
        "Payments without an answer",
        "Renewals without an answer",
        "Calls, and how long after their end they are settled",
        "How long the oldest message waits, by queue",
        "The API",
        "How long an answer takes",
        "Payments and refills",
        "Renewals",
        "Stripe",
        "What customers and platforms are told",
    ]
