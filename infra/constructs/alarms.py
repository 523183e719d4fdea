"""Alarms: a metric that reaches a threshold is told to whoever is on duty."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


def alarm_when(
    metric: cloudwatch.Metric,
    scope: Construct,
    construct_id: str,
    *,
    says: str,
    alarms: sns.ITopic,
    reaches: float = 1,
    evaluate_low_sample_count_percentile: str | None = None,
) -> None:
    """Tell `alarms` when the metric is `reaches` or more within one of its periods; no value is no trouble."""
    metric.create_alarm(
        scope,
        construct_id,
        alarm_description=says,
        threshold=reaches,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluate_low_sample_count_percentile=evaluate_low_sample_count_percentile,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    ).add_alarm_action(actions.SnsAction(alarms))
