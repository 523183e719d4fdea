"""The EventBridge bus on which a platform may put ended calls, instead of posting them.

The product's own events are on another one (`event_bus`). This one keeps the place that it had when they shared it:
usage that goes astray is money lost, a rule that is to be moved is not.
"""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.queues import DeadLetterQueue
from infra.stages import Stage

_USAGE = ["call.ended", "usage.recorded"]


class UsageBus(Construct):
    """Delivers each usage event, with the moment at which the bus took it in, to the queue of the HTTP API's events."""

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, alarms: sns.ITopic, queue: sqs.Queue
    ) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(self, "Bus")
        undelivered = DeadLetterQueue(self, "Undelivered", stage=stage, alarms=alarms, kind="not-handed-over")
        events.Rule(
            self,
            "Usage",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail_type=_USAGE),
            targets=[targets.SqsQueue(queue, message=_message(), dead_letter_queue=undelivered.queue)],
        )


def _message() -> events.RuleTargetInput:
    """The shape that `contracts/usage_queue.py` reads. The envelope's own `time` is whatever the sender says it is."""
    return events.RuleTargetInput.from_object(
        {"arrived_at": "<aws.events.event.ingestion-time>", "event": events.EventField.from_path("$.detail")}
    )
