"""Alarms: who is told, when a metric says that something is wrong, and which row of the runbook says what to do."""

from typing import Literal

from aws_cdk import Aws
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stages import Stage

AlarmKind = Literal[
    "api-5xx",
    "clock-stopped",
    "dead-letters",
    "decline-rate",
    "deliveries-given-up",
    "events-out-of-reach",
    "failed-runs",
    "function-errors",
    "function-throttles",
    "function-timeouts",
    "lost-changes",
    "money-not-credited",
    "not-handed-over",
    "payments-unanswered",
    "queue-behind",
    "receipt-numbers-broken",
    "receipts-missing",
    "renewals-unanswered",
    "renewals-unanswered-for-days",
    "settlement-lag",
    "stream-behind",
    "stripe-key-refused",
]
"""Each is a row of the runbook (infra/README.md), and stands at the beginning of its alarms' descriptions."""


def alarm_topic(scope: Construct, construct_id: str, *, stage: Stage) -> sns.Topic:
    """The topic that tells whoever is on duty.

    A policy of one's own, as `enforce_ssl` makes one, takes the place of the default one. So CloudWatch may publish
    only where that says so, and only for alarms of this account.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    topic = sns.Topic(scope, construct_id, enforce_ssl=stage.on_aws)
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )
    return topic


def alarm_when(
    metric: cloudwatch.Metric,
    scope: Construct,
    construct_id: str,
    *,
    kind: AlarmKind,
    says: str,
    alarms: sns.ITopic,
    reaches: float = 1,
    periods: int = 1,
    evaluate_low_sample_count_percentile: str | None = None,
) -> None:
    """Tell `alarms` when the metric is `reaches` or more in each of so many periods; no value is no trouble."""
    metric.create_alarm(
        scope,
        construct_id,
        alarm_description=f"[{kind}] {says}",
        threshold=reaches,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluate_low_sample_count_percentile=evaluate_low_sample_count_percentile,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))


def alarm_without(
    metric: cloudwatch.Metric,
    scope: Construct,
    construct_id: str,
    *,
    kind: AlarmKind,
    says: str,
    alarms: sns.ITopic,
    periods: int,
) -> None:
    """Tell `alarms` when the metric has had no value in any of so many periods: here silence is the trouble."""
    metric.create_alarm(
        scope,
        construct_id,
        alarm_description=f"[{kind}] {says}",
        threshold=1,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))
