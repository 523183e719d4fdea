"""What starts a function beside a queue: the stream of a table, and a clock. What fails is kept, with an alarm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk.aws_lambda_event_sources import SqsDlq
from constructs import Construct

from infra.constructs.alarms import alarm_without
from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue
from infra.stages import Stage

# What Lambda allows an asynchronous event to wait.
_SHORTEST_AGE_SECONDS, _LONGEST_AGE_SECONDS = 60, 6 * 3600
_READ_A_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")


def run_on_changes(
    table: dynamodb.Table,
    scope: Construct,
    construct_id: str,
    *,
    function: BillingFunction,
    failed: DeadLetterQueue,
    batch_size: int,
    bisect_batch_on_error: bool | None = None,
    parallelization_factor: int | None = None,
    retry_attempts: int | None = None,
    filters: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Let `function` read the stream of `table`, from its oldest change on. Raises ValueError where it has none.

    Not DynamoEventSource, which also allows to list the streams of every table.
    """
    stream_arn = table.table_stream_arn
    if stream_arn is None:
        raise ValueError(f"{table.node.id} has no stream")
    function.allow(*(f"dynamodb:{action}" for action in _READ_A_STREAM), on=[stream_arn])
    function.watch_stream()
    lambda_.EventSourceMapping(
        scope,
        construct_id,
        target=function.function,
        event_source_arn=stream_arn,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=batch_size,
        bisect_batch_on_error=bisect_batch_on_error,
        parallelization_factor=parallelization_factor,
        retry_attempts=retry_attempts,
        report_batch_item_failures=True,
        filters=filters,
        on_failure=SqsDlq(failed.queue),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """How it is heard that a clock stands still: `metric` is what a run emits when it is done.

    In each of `periods` periods one run is expected at the least.
    """

    metric: str
    period: Duration
    periods: int


def run_on_clock(
    schedule: events.Schedule,
    scope: Construct,
    construct_id: str,
    *,
    function: BillingFunction,
    missed: DeadLetterQueue,
) -> None:
    """Start `function` at each moment of `schedule`. A start that cannot be handed over ends in `missed`.

    What the function then fails at does not: see `watch_runs`.
    """
    target = targets.LambdaFunction(function.function, dead_letter_queue=missed.queue)
    events.Rule(scope, construct_id, schedule=schedule, targets=[target])


def watch_runs(
    scope: Construct, construct_id: str, *, function: BillingFunction, tick: Tick, stage: Stage, alarms: sns.ITopic
) -> None:
    """Keep the runs that `function` failed at, in a queue with an alarm; and raise one when no run is done any more.

    EventBridge and Scheduler start a function asynchronously: their own dead-letter queue gets what could not be handed
    over, never what the function failed at. A failed run is tried twice more, unless the next one has come by then.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    failed = DeadLetterQueue(scope, f"{construct_id}Failed", stage=stage, alarms=alarms, kind="failed-runs")
    oldest = min(max(tick.period.to_seconds(), _SHORTEST_AGE_SECONDS), _LONGEST_AGE_SECONDS)
    lambda_.CfnEventInvokeConfig(
        scope,
        f"{construct_id}OnFailure",
        function_name=function.function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=oldest,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=failed.queue.queue_arn)
        ),
    )
    function.allow("sqs:SendMessage", on=[failed.queue.queue_arn])
    alarm_without(
        function.metric(tick.metric, period=tick.period, statistic="SampleCount"),
        scope,
        f"{construct_id}Stopped",
        kind="clock-stopped",
        says=f"No run of {function.folder} was done for {tick.periods * tick.period.to_minutes()} minutes.",
        periods=tick.periods,
        alarms=alarms,
    )
