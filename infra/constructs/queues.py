"""Queues that lose nothing: what cannot be handled ends in a dead-letter queue, and somebody is told."""

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.alarms import AlarmKind, alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.stages import Stage

_RETENTION = Duration.days(14)  # the longest that SQS offers
_MAX_RECEIVES = 8  # some minutes of trouble pass by themselves; a message that still fails needs a person


class DeadLetterQueue(Construct):
    """Keeps what failed for 14 days; the first message raises an alarm of this kind."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, alarms: sns.ITopic, kind: AlarmKind
    ) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(self, "Queue", retention_period=_RETENTION, enforce_ssl=stage.on_aws)
        Validations.of(self.queue).acknowledge(
            Acknowledgment(id="AwsSolutions-SQS3", reason="It is the end of the line, also where EventBridge fills it.")
        )
        alarm_when(
            self.queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            self,
            "Alarm",
            kind=kind,
            says=f"{self.node.path} holds what nobody will handle by itself.",
            alarms=alarms,
        )


class QueueConsumer(Construct):
    """A queue, its dead-letter queue with an alarm, and the function that works it off in batches.

    The function answers with the messages that failed (`batchItemFailures`); only those are delivered again. A message
    that waits for `behind_after` raises an alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        function: BillingFunction,
        batch_size: int,
        window_seconds: int,
        max_concurrency: int,
        behind_after: Duration,
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        timeout = function.function.timeout or Duration.seconds(3)
        dead = DeadLetterQueue(self, "DeadLetters", stage=stage, alarms=alarms, kind="dead-letters")
        self.queue = sqs.Queue(
            self,
            "Queue",
            # AWS's advice: six times the function's timeout, or a throttled batch is received twice while in work.
            visibility_timeout=Duration.seconds(6 * timeout.to_seconds()),
            retention_period=_RETENTION,
            enforce_ssl=stage.on_aws,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead.queue, max_receive_count=_MAX_RECEIVES),
        )
        function.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_batching_window=Duration.seconds(window_seconds),
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )

        alarm_when(
            self.queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(5), statistic="Maximum"),
            self,
            "Behind",
            kind="queue-behind",
            says=f"A message has waited in {self.node.path} for {behind_after.to_minutes()} minutes or longer.",
            reaches=behind_after.to_seconds(),
            alarms=alarms,
        )

    def let_send(self, sender: BillingFunction, *, url_as: str, in_batches: bool = True) -> None:
        """Let `sender` put messages into the queue, and tell it the queue's URL in the variable `url_as`.

        Not Queue.grant_send_messages, which allows to ask for the queue's attributes, too.
        """
        actions = self._stage.send_actions if in_batches else ("sqs:SendMessage",)
        sender.tell(url_as, self.queue.queue_url)
        sender.allow(*actions, on=[self.queue.queue_arn])
