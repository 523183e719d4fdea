"""Money in: Stripe's webhook and its queue, refills from the stream of transactions, reconciliation on a clock."""

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.aws_lambda_event_sources import SqsDlq
from constructs import Construct

from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.stages import Stage

_EVENTS_A_BATCH = 10
_EVENT_WORKERS = 10  # each asks Stripe a few times a second; its limit is 100 requests a second
_REFILLS_A_BATCH = 10
_REFILL_WORKERS_A_SHARD = 5
_REFILL_RETRIES = 3  # for what broke: where Stripe does not answer, reconciliation goes on
_RECONCILED_EVERY = Duration.minutes(5)
_READ_A_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
_NEW_REFILLS = lambda_.FilterCriteria.filter(
    {
        "eventName": lambda_.FilterRule.is_equal("INSERT"),
        "dynamodb": {"NewImage": {"kind": {"S": lambda_.FilterRule.is_equal("auto_refill")}}},
    }
)


class Payments(Construct):
    """`webhook` takes Stripe's events, `apply` works them off, `refill` charges new refills, `reconcile` does the rest.

    `askers` and all but `webhook` talk to Stripe and may read its key; `webhook` reads the secrets it checks with.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        alarms: sns.ITopic,
        transactions: dynamodb.Table,
        webhook: BillingFunction,
        apply: BillingFunction,
        refill: BillingFunction,
        reconcile: BillingFunction,
        askers: tuple[BillingFunction, ...],
    ) -> None:
        super().__init__(scope, construct_id)
        self._stage = stage
        self._alarms = alarms
        self._let_ask_stripe((apply, refill, reconcile, *askers), webhook)
        self._build_inbox(webhook, apply)
        self._build_refills(transactions, refill)
        self._build_reconciliation(reconcile)
        for function in (apply, reconcile):
            self._alarm_on_uncredited(function)

    def _let_ask_stripe(self, askers: tuple[BillingFunction, ...], webhook: BillingFunction) -> None:
        for asker in askers:
            asker.function.add_environment("RETURN_URL", self._stage.return_url)
        if not self._stage.on_aws:
            return  # keys come with the emulator's own environment
        for name, readers in (("STRIPE_API_KEY", askers), ("STRIPE_WEBHOOK_SECRETS", (webhook,))):
            secret = secretsmanager.Secret(
                self,
                "".join(word.capitalize() for word in name.split("_")),
                description=f"{name}: set it to Stripe's own; until then it is a random text that opens nothing.",
                removal_policy=self._stage.removal_policy,
            )
            Validations.of(secret).acknowledge(
                Acknowledgment(id="AwsSolutions-SMG4", reason="Stripe issues it; it is replaced there, then here.")
            )
            for reader in readers:
                reader.function.add_environment(f"{name}_SECRET", secret.secret_arn)
                reader.role.add_to_policy(
                    iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn])
                )

    def _build_inbox(self, webhook: BillingFunction, apply: BillingFunction) -> None:
        inbox = QueueConsumer(
            self,
            "Inbox",
            stage=self._stage,
            alarms=self._alarms,
            function=apply.function,
            batch_size=_EVENTS_A_BATCH,
            window_seconds=0,
            max_concurrency=_EVENT_WORKERS,
        )
        webhook.function.add_environment("STRIPE_QUEUE_URL", inbox.queue.queue_url)
        webhook.role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[inbox.queue.queue_arn]))

    def _build_refills(self, transactions: dynamodb.Table, refill: BillingFunction) -> None:
        stream_arn = transactions.table_stream_arn
        if stream_arn is None:
            raise ValueError("transactions have no stream")
        broken = DeadLetterQueue(self, "BrokenRefills", stage=self._stage, alarms=self._alarms)
        refill.role.add_to_policy(
            iam.PolicyStatement(actions=[f"dynamodb:{action}" for action in _READ_A_STREAM], resources=[stream_arn])
        )
        lambda_.EventSourceMapping(
            self,
            "Refills",
            target=refill.function,
            event_source_arn=stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_REFILLS_A_BATCH,
            parallelization_factor=_REFILL_WORKERS_A_SHARD,
            retry_attempts=_REFILL_RETRIES,
            report_batch_item_failures=True,
            filters=[_NEW_REFILLS],
            on_failure=SqsDlq(broken.queue),
        )

    def _build_reconciliation(self, reconcile: BillingFunction) -> None:
        missed = DeadLetterQueue(self, "MissedRuns", stage=self._stage, alarms=self._alarms)
        events.Rule(
            self,
            "Reconciliation",
            schedule=events.Schedule.rate(_RECONCILED_EVERY),
            targets=[targets.LambdaFunction(reconcile.function, dead_letter_queue=missed.queue)],
        )

    def _alarm_on_uncredited(self, function: BillingFunction) -> None:
        alarm_when(
            function.metric("PaymentsNotCredited"),
            self,
            f"{function.node.id}NotCredited",
            says="Money arrived that no account was credited with: the log names the payment and why.",
            alarms=self._alarms,
        )
