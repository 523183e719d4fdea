"""Receipts: each payment and refund that the bus tells of gets its document, with the next number of its series."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from billing.contracts.bus_events import BUS_SOURCE
from billing.domain.document import PROMPT
from billing.domain.notice_types import NoticeType
from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.event_bus import OwnEventBus
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.constructs.triggers import Tick, run_on_clock, watch_runs
from infra.stages import Stage

_DOCUMENTED: tuple[NoticeType, ...] = ("payment.succeeded", "payment.refunded")
_BATCH = 100
# Issuers of one seller compete for its next number. The least that SQS allows.
_ISSUERS = 2
_PROOF = events.Schedule.cron(hour="5", minute="0")
_PROVEN = Tick(metric="ReceiptPaymentsProven", period=Duration.days(1), periods=2)


class Receipts(Construct):
    """`issue` numbers what was paid and given back, many in one transaction. Once a day it proves that none lacks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        bus: OwnEventBus,
        issue: BillingFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.paid = QueueConsumer(
            self,
            "Paid",
            stage=stage,
            alarms=alarms,
            function=issue,
            batch_size=min(_BATCH, stage.settlement_batch_size),
            window_seconds=stage.settlement_window_seconds,
            max_concurrency=_ISSUERS,
            # From then on the mail of a payment goes without a number.
            behind_after=Duration.seconds(PROMPT.total_seconds()),
        )
        missed = DeadLetterQueue(self, "Missed", stage=stage, alarms=alarms, kind="not-handed-over")
        events.Rule(
            self,
            "Told",
            event_bus=bus.bus,
            event_pattern=events.EventPattern(source=[BUS_SOURCE], detail_type=list(_DOCUMENTED)),
            targets=[targets.SqsQueue(self.paid.queue, dead_letter_queue=missed.queue)],
        )
        run_on_clock(_PROOF, self, "Proof", function=issue, missed=missed)
        watch_runs(self, "Proofs", function=issue, tick=_PROVEN, stage=stage, alarms=alarms)
        alarm_when(
            issue.metric("ReceiptNumbersBroken"),
            self,
            "NumbersBroken",
            kind="receipt-numbers-broken",
            says="A series of receipts or credit notes lacks a number or has one twice: the log says which.",
            alarms=alarms,
        )
        alarm_when(
            issue.metric("ReceiptsMissing"),
            self,
            "Missing",
            kind="receipts-missing",
            says="Payments had no receipt, or refunds no credit note, and got it now: the queue had missed them.",
            alarms=alarms,
        )
