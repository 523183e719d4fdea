"""The outbox: the streams of some tables, and the function that tells the event bus what changed."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.event_bus import OwnEventBus
from infra.constructs.queues import DeadLetterQueue
from infra.constructs.triggers import run_on_changes
from infra.naming import pascal, table_variable
from infra.stages import Stage

_BATCH = 100
# More than three charges of ten. So high a percentile of fewer than 34 in a period is not evaluated.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
_DECLINE_PERCENTILE = "p70"


class ChangeRelay(Construct):
    """`function` reads the stream of each table and puts events on `bus`.

    While the bus is out of reach a batch comes again for as long as a stream keeps it, a day. What nobody can read goes
    to a queue of its own, whole and with an alarm, and holds up nothing.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        function: BillingFunction,
        tables: Mapping[str, dynamodb.Table],
        bus: OwnEventBus,
    ) -> None:
        super().__init__(scope, construct_id)
        lost = DeadLetterQueue(self, "Lost", stage=stage, alarms=alarms, kind="lost-changes")
        bus.let_put_events(function)
        function.tell("UNREADABLE_CHANGES_QUEUE_URL", lost.queue.queue_url)
        for name, table in tables.items():
            function.tell(table_variable(name), table.table_name)
            run_on_changes(
                table,
                self,
                pascal(name),
                function=function,
                failed=lost,
                batch_size=_BATCH,
                bisect_batch_on_error=True,
            )
        self._alarm_on_declines(function, alarms)

    def _alarm_on_declines(self, function: BillingFunction, alarms: sns.ITopic) -> None:
        """Each charge of a saved card is a value, 1 where it was declined; their 70th percentile says the rule."""
        alarm_when(
            function.metric("CardDeclined", period=Duration.hours(1), statistic=_DECLINE_PERCENTILE),
            self,
            "DeclineRate",
            kind="decline-rate",
            says="More than three charges of ten were declined within an hour, of 34 or more.",
            reaches=0.5,  # CloudWatch estimates a percentile: it may be a little less than 1
            evaluate_low_sample_count_percentile="ignore",
            alarms=alarms,
        )
