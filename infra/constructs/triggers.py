"""What starts a function beside a queue: the stream of a table, and a clock. What fails is kept, with an alarm."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_lambda_event_sources import SqsDlq
from constructs import Construct

from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue

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


def run_on_clock(
    schedule: events.Schedule,
    scope: Construct,
    construct_id: str,
    *,
    function: BillingFunction,
    missed: DeadLetterQueue,
) -> None:
    """Start `function` at each moment of `schedule`. A start that fails ends in `missed`."""
    target = targets.LambdaFunction(function.function, dead_letter_queue=missed.queue)
    events.Rule(scope, construct_id, schedule=schedule, targets=[target])
