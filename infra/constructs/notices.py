"""Telling people: from the event bus to webhooks and e-mails."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from billing.contracts.bus_events import BUS_SOURCE
from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.event_bus import OwnEventBus
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.constructs.triggers import Tick, run_on_clock, watch_runs
from infra.stages import Stage

_BATCH = 10
_SPREADERS = 5
_DELIVERERS = 20
_SWEEP = events.Schedule.rate(Duration.minutes(1))
_SWEPT = Tick(metric="DeliveriesSwept", period=Duration.minutes(5), periods=2)
_EXPIRING_CARDS = events.Schedule.cron(hour="6", minute="0")
# Periods of a day begin when CloudWatch likes: in one of them a run may fall into the next.
_ANNOUNCED = Tick(metric="CardsAnnounced", period=Duration.days(1), periods=2)
_BEHIND_AFTER = Duration.minutes(15)
"""A customer who is told a quarter of an hour late has lost calls."""


class Notices(Construct):
    """Each of the product's own events is spread by `notify` into deliveries, which `deliver` makes.

    Spreading and delivering have a queue each: a server that does not answer holds up no notice but its own. Once a day
    `announce` marks the cards that expire soon.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        bus: OwnEventBus,
        notify: BillingFunction,
        deliver: BillingFunction,
        announce: BillingFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.spread = QueueConsumer(
            self,
            "Spread",
            stage=stage,
            alarms=alarms,
            function=notify,
            batch_size=_BATCH,
            window_seconds=0,
            max_concurrency=_SPREADERS,
            behind_after=_BEHIND_AFTER,
        )
        self.deliveries = QueueConsumer(
            self,
            "Deliveries",
            stage=stage,
            alarms=alarms,
            function=deliver,
            batch_size=_BATCH,
            window_seconds=0,
            max_concurrency=_DELIVERERS,
            behind_after=_BEHIND_AFTER,
        )
        undelivered = DeadLetterQueue(self, "Undelivered", stage=stage, alarms=alarms, kind="not-handed-over")
        events.Rule(
            self,
            "Told",
            event_bus=bus.bus,
            event_pattern=events.EventPattern(source=[BUS_SOURCE]),
            targets=[targets.SqsQueue(self.spread.queue, dead_letter_queue=undelivered.queue)],
        )
        run_on_clock(_SWEEP, self, "Sweep", function=deliver, missed=undelivered)
        watch_runs(self, "Sweeps", function=deliver, tick=_SWEPT, stage=stage, alarms=alarms)
        run_on_clock(_EXPIRING_CARDS, self, "ExpiringCards", function=announce, missed=undelivered)
        watch_runs(self, "Announcements", function=announce, tick=_ANNOUNCED, stage=stage, alarms=alarms)
        for sender in (notify, deliver):
            self.deliveries.let_send(sender, url_as="DELIVERY_QUEUE_URL")
        self._let_write_email(deliver, stage)
        self._alarm_on_given_up(deliver, alarms)

    def _let_write_email(self, deliver: BillingFunction, stage: Stage) -> None:
        address = stage.mail_from.rpartition("<")[2].rstrip(">")
        sender = ses.EmailIdentity(self, "Sender", identity=ses.Identity.email(address))
        deliver.tell("MAIL_FROM", stage.mail_from)
        deliver.tell("BILLING_URL", stage.billing_url)
        # The emulator does not see which identity a mail names.
        identity = sender.email_identity_arn if stage.on_aws else "*"
        deliver.allow("ses:SendEmail", on=[identity])

    def _alarm_on_given_up(self, deliver: BillingFunction, alarms: sns.ITopic) -> None:
        alarm_when(
            deliver.metric("DeliveriesFailed"),
            self,
            "GivenUp",
            kind="deliveries-given-up",
            says="Deliveries are given up after three days: the log says to whom, what and why.",
            alarms=alarms,
        )
