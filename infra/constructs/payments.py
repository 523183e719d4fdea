"""Money in: Stripe's webhook and its queue, refills from the stream of transactions, reconciliation on a clock."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from billing.runtime.metrics import NAMESPACE
from billing.services.apply_payment import NOT_CREDITED
from infra.constructs.alarms import AlarmKind, alarm_when
from infra.constructs.billing_function import BillingFunction
from infra.constructs.queues import DeadLetterQueue, QueueConsumer
from infra.constructs.triggers import Tick, run_on_changes, run_on_clock, watch_runs
from infra.naming import pascal
from infra.stages import Stage

_EVENTS_A_BATCH = 10
_EVENT_WORKERS = 10  # each asks Stripe a few times a second; its limit is 100 requests a second
_REFILLS_A_BATCH = 10
_REFILL_WORKERS_A_SHARD = 5
_REFILL_RETRIES = 3  # for what broke: where Stripe does not answer, reconciliation goes on
_BEHIND_AFTER = Duration.minutes(15)  # a customer waits for their payment to become credit
_RECONCILIATION = events.Schedule.rate(Duration.minutes(5))
_RECONCILED = Tick(metric="TransactionsChecked", period=Duration.minutes(5), periods=3)
_UNANSWERED: Mapping[str, tuple[AlarmKind, str]] = {
    "PaymentsUnansweredAnHour": (
        "payments-unanswered",
        "Stripe has not answered about a charge for an hour: the log names each.",
    ),
    "RenewalsUnansweredAnHour": (
        "renewals-unanswered",
        "Stripe has not answered about a renewal for an hour: the log names each.",
    ),
    "RenewalsUnanswered72Hours": (
        "renewals-unanswered-for-days",
        "Stripe has not answered about a renewal for 72 hours: the account draws no allowance any more.",
    ),
}
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
        self._alarm_on_uncredited(alarms, askers)
        for asker in askers:
            self._alarm_on_refused_key(alarms, asker)
        for metric, (kind, says) in _UNANSWERED.items():
            alarm_when(reconcile.metric(metric), self, metric, kind=kind, says=says, alarms=alarms)
        alarm_when(
            reconcile.metric("EventsOutOfReach"),
            self,
            "EventsOutOfReach",
            kind="events-out-of-reach",
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
        self.inbox = QueueConsumer(
            self,
            "Inbox",
            stage=stage,
            alarms=alarms,
            function=apply,
            batch_size=_EVENTS_A_BATCH,
            window_seconds=0,
            max_concurrency=_EVENT_WORKERS,
            behind_after=_BEHIND_AFTER,
        )
        self.inbox.let_send(webhook, url_as="STRIPE_QUEUE_URL", in_batches=False)

    def _build_refills(
        self, stage: Stage, alarms: sns.ITopic, transactions: dynamodb.Table, refill: BillingFunction
    ) -> None:
        broken = DeadLetterQueue(self, "BrokenRefills", stage=stage, alarms=alarms, kind="lost-changes")
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
        missed = DeadLetterQueue(self, "MissedRuns", stage=stage, alarms=alarms, kind="not-handed-over")
        run_on_clock(_RECONCILIATION, self, "Reconciliation", function=reconcile, missed=missed)
        watch_runs(self, "Runs", function=reconcile, tick=_RECONCILED, stage=stage, alarms=alarms)

    def _alarm_on_uncredited(self, alarms: sns.ITopic, askers: Sequence[BillingFunction]) -> None:
        """Whoever hears of a payment first may be any of those who ask Stripe: the log of each is read."""
        metric = "MoneyNotCredited"
        for asker in askers:
            asker.count_log_lines(NOT_CREDITED, as_metric=metric)
        alarm_when(
            cloudwatch.Metric(namespace=NAMESPACE, metric_name=metric, period=Duration.minutes(5), statistic="Sum"),
            self,
            "NotCredited",
            kind="money-not-credited",
            says="Money arrived that no account was credited with: the log names the payment and why.",
            alarms=alarms,
        )

    def _alarm_on_refused_key(self, alarms: sns.ITopic, function: BillingFunction) -> None:
        alarm_when(
            function.metric("StripeKeyRefused"),
            self,
            f"{function.node.id}KeyRefused",
            kind="stripe-key-refused",
            says="Stripe does not take our key: revoked, restricted, or of another account or mode. Nobody is charged.",
            alarms=alarms,
        )
