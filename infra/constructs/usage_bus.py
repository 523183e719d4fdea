"""The EventBridge bus on which a platform may put ended calls, instead of posting them."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.queues import DeadLetterQueue
from infra.stages import Stage

_USAGE = ["call.ended", "usage.recorded"]


class UsageBus(Construct):
    """Delivers each usage event, in its EventBridge envelope, to the queue where the HTTP API's events wait, too."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, alarms: sns.ITopic, queue: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(self, "Bus")
        undelivered = DeadLetterQueue(self, "Undelivered", stage=stage, alarms=alarms)
        events.Rule(
            self,
            "Usage",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail_type=_USAGE),
            targets=[targets.SqsQueue(queue, dead_letter_queue=undelivered.queue)],
        )
