"""Subscriptions renew: a sweep on a clock, the queue it fills, and the worker that charges."""

import json

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.constructs.triggers import Tick, watch_runs
from infra.stages import Stage

_SWEPT_EVERY = "rate(5 minutes)"
_ORDERS_A_BATCH = 10
# Stripe allows 100 requests a second in all, and a charge takes about one: a worker makes about one a second.
_WORKERS = 80
_SWEPT = Tick(metric="RenewalsDue", period=Duration.minutes(5), periods=3)
# A sweep orders what five minutes of charging can take. At the first of a month many sweeps follow each other.
_BEHIND_AFTER = Duration.minutes(30)


class Renewals(Construct):
    """`schedule` orders what is due, `renew` does it. A run that was missed is made up for by the next one."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        schedule: BillingFunction,
        renew: BillingFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.orders = QueueConsumer(
            self,
            "Orders",
            stage=stage,
            alarms=alarms,
            function=renew,
            batch_size=_ORDERS_A_BATCH,
            window_seconds=0,
            max_concurrency=_WORKERS,
            behind_after=_BEHIND_AFTER,
        )
        self.orders.let_send(schedule, url_as="RENEWAL_QUEUE_URL")
        self._build_clock(stage, alarms, schedule)

    def _build_clock(self, stage: Stage, alarms: sns.ITopic, schedule: BillingFunction) -> None:
        missed = DeadLetterQueue(self, "MissedRuns", stage=stage, alarms=alarms, kind="not-handed-over")
        watch_runs(self, "Sweeps", function=schedule, tick=_SWEPT, stage=stage, alarms=alarms)
        alarm_when(
            schedule.metric("RenewalsOverdue"),
            self,
            "Overdue",
            kind="renewals-unanswered",
            says="Subscriptions have waited for their renewal, or for a try of it, for an hour or longer.",
            alarms=alarms,
        )
        clock = iam.Role(self, "Clock", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        # Not the target of CDK's own, which allows to call every version of the function, too.
        for action, resource in (
            ("lambda:InvokeFunction", schedule.function.function_arn),
            ("sqs:SendMessage", missed.queue.queue_arn),
        ):
            clock.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        # The emulator puts nothing in the place of the scheduler's words: there a run asks the clock.
        moment = {"time": "<aws.scheduler.scheduled-time>"} if stage.on_aws else {}
        scheduler.CfnSchedule(
            self,
            "Sweep",
            description="Orders the renewals, dunning tries and ends of subscriptions that are due.",
            schedule_expression=_SWEPT_EVERY,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=schedule.function.function_arn,
                role_arn=clock.role_arn,
                input=json.dumps(moment),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=missed.queue.queue_arn),
            ),
        )
