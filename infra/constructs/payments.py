"""Money in: Stripe's webhook and its queue, refills from the stream of transactions, reconciliation on a clock."""

from collections.abc import Sequence

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.alarms import alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.constructs.triggers import run_on_changes, run_on_clock
from infra.naming import pascal
from infra.stages import Stage

_EVENTS_A_BATCH = 10
_EVENT_WORKERS = 10  # each asks Stripe a few times a second; its limit is 100 requests a second
_REFILLS_A_BATCH = 10
_REFILL_WORKERS_A_SHARD = 5
_REFILL_RETRIES = 3  # for what broke: where Stripe does not answer, reconciliation goes on
_RECONCILIATION = events.Schedule.rate(Duration.minutes(5))
_NEW_REFILLS = lambda_.FilterCriteria.filter(
    {
        "eventName": lambda_.FilterRule.is_equal("INSERT"),
        "dynamodb": {"NewImage": {"kind": {"S": lambda_.FilterRule.is_equal("auto_refill")}}},
    }
)


class Payments(Construct):
    """`webhook` takes Stripe's events, `apply` works them off, `refill` charges new refills, `reconcile` does the rest.

    `askers` talk to Stripe and may read its key; `webhook` reads the secrets it checks with.
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
        askers: Sequence[BillingFunction],
    ) -> None:
        super().__init__(scope, construct_id)
        for asker in askers:
            asker.tell("RETURN_URL", stage.return_url)
        self._let_read("STRIPE_API_KEY", askers, stage)
        self._let_read("STRIPE_WEBHOOK_SECRETS", [webhook], stage)
        self._build_inbox(stage, alarms, webhook, apply)
        self._build_refills(stage, alarms, transactions, refill)
        self._build_reconciliation(stage, alarms, reconcile)
        for function in (apply, reconcile):
            self._alarm_on_uncredited(alarms, function)
        for asker in askers:
            self._alarm_on_refused_key(alarms, asker)
        alarm_when(
            reconcile.metric("EventsOutOfReach"),
            self,
            "EventsOutOfReach",
            says="Reconciliation did not run for longer than Stripe lists its events: the log names the time between.",
            alarms=alarms,
        )

    def _let_read(self, name: str, readers: Sequence[BillingFunction], stage: Stage) -> None:
        """Keep what Stripe issues as a secret, and let `readers` read it."""
        if not stage.on_aws:
            return  # it comes with the emulator's own environment
        secret = secretsmanager.Secret(
            self,
            pascal(name),
            description=f"{name}: set it to Stripe's own; until then it is a random text that opens nothing.",
            removal_policy=stage.removal_policy,
        )
        Validations.of(secret).acknowledge(
            Acknowledgment(id="AwsSolutions-SMG4", reason="Stripe issues it; it is replaced there, then here.")
        )
        for reader in readers:
            reader.tell(f"{name}_SECRET", secret.secret_arn)
            reader.allow("secretsmanager:GetSecretValue", on=[secret.secret_arn])

    def _build_inbox(self, stage: Stage, alarms: sns.ITopic, webhook: BillingFunction, apply: BillingFunction) -> None:
        inbox = QueueConsumer(
            self,
            "Inbox",
            stage=stage,
            alarms=alarms,
            function=apply,
            batch_size=_EVENTS_A_BATCH,
            window_seconds=0,
            max_concurrency=_EVENT_WORKERS,
        )
        inbox.let_send(webhook, url_as="STRIPE_QUEUE_URL", in_batches=False)

    def _build_refills(
        self, stage: Stage, alarms: sns.ITopic, transactions: dynamodb.Table, refill: BillingFunction
    ) -> None:
        broken = DeadLetterQueue(self, "BrokenRefills", stage=stage, alarms=alarms)
        run_on_changes(
            transactions,
            self,
            "Refills",
            function=refill,
            failed=broken,
            batch_size=_REFILLS_A_BATCH,
            parallelization_factor=_REFILL_WORKERS_A_SHARD,
            retry_attempts=_REFILL_RETRIES,
            filters=[_NEW_REFILLS],
        )

    def _build_reconciliation(self, stage: Stage, alarms: sns.ITopic, reconcile: BillingFunction) -> None:
        missed = DeadLetterQueue(self, "MissedRuns", stage=stage, alarms=alarms)
        run_on_clock(_RECONCILIATION, self, "Reconciliation", function=reconcile, missed=missed)

    def _alarm_on_uncredited(self, alarms: sns.ITopic, function: BillingFunction) -> None:
        alarm_when(
            function.metric("PaymentsNotCredited"),
            self,
            f"{function.node.id}NotCredited",
            says="Money arrived that no account was credited with: the log names the payment and why.",
            alarms=alarms,
        )

    def _alarm_on_refused_key(self, alarms: sns.ITopic, function: BillingFunction) -> None:
        alarm_when(
            function.metric("StripeKeyRefused"),
            self,
            f"{function.node.id}KeyRefused",
            says="Stripe does not take our key: revoked, restricted, or of another account or mode. Nobody is charged.",
            alarms=alarms,
        )
