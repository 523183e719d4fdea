"""The EventBridge bus of the product's own events: the notices, and nothing from outside."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.constructs.billing_function import BillingFunction


class OwnEventBus(Construct):
    """What is on this bus becomes webhooks and mails, so that one function alone may put events on it.

    It is another bus than the one for usage: whoever may report usage could else forge a signed webhook and a
    customer's mail, or keep the real one from being sent, by its id. Rules of your own belong on this one.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(self, "Bus")

    def let_put_events(self, function: BillingFunction) -> None:
        """Let `function` put events on the bus, and tell it the bus's name."""
        function.tell("EVENT_BUS_NAME", self.bus.event_bus_name)
        function.allow("events:PutEvents", on=[self.bus.event_bus_arn])
