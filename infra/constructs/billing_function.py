"""One Lambda function: its own code, the shared layers, its own role, its own log group."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, CfnOutput, Duration, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from billing.runtime.metrics import NAMESPACE
from infra.constructs.alarms import alarm_when
from infra.functions import Size
from infra.naming import pascal, table_variable
from infra.paths import FUNCTIONS
from infra.permissions import TABLE_ACCESS, Access
from infra.stages import Stage

_FIVE_MINUTES = Duration.minutes(5)
_STREAM_BEHIND_AFTER = Duration.minutes(10)


class BillingFunction(Construct):
    """`functions/<folder>`, allowed what `TABLE_ACCESS` says of it and told the names of those tables only.

    `alarms` hears of its errors, throttles and time-outs.
    """

    def __init__(
        self,
        scope: Construct,
        folder: str,
        *,
        stage: Stage,
        layers: Sequence[lambda_.ILayerVersion],
        tables: Mapping[str, dynamodb.Table],
        size: Size,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, pascal(folder))
        self.folder = folder
        self.size = size
        self._alarms = alarms
        access = TABLE_ACCESS[folder]
        self._logs = logs.LogGroup(self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        self.role = self._build_role(self._logs)
        for each in access:
            self._let_use(tables[each.table], each)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS / folder), exclude=["__pycache__"]),
            handler="handler.handler",
            layers=layers,
            role=self.role,
            log_group=self._logs,
            logging_format=lambda_.LoggingFormat.JSON,
            # Lambda drops what is below its own level, which is INFO where nothing is said.
            application_log_level_v2=lambda_.ApplicationLogLevel(stage.log_level),
            memory_size=size.memory_mb,
            timeout=Duration.seconds(size.timeout_seconds),
            environment={
                "STAGE": stage.name,
                "LOG_LEVEL": stage.log_level,
                "POWERTOOLS_SERVICE_NAME": folder,
                "POWERTOOLS_METRICS_NAMESPACE": NAMESPACE,
                **{table_variable(each.table): tables[each.table].table_name for each in access},
            },
        )
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1", reason="The code is tested on 3.11 and 3.13; newer ones are not proved."
            )
        )
        CfnOutput(scope, f"{pascal(folder)}FunctionName", value=self.function.function_name)
        self._alarm_on_failures()

    def tell(self, name: str, value: str) -> None:
        """Set an environment variable of the function."""
        self.function.add_environment(name, value)

    def allow(self, *actions: str, on: list[str]) -> None:
        """Let the function do `actions` on the resources `on`: each by name, since CDK's own grants often give more."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=on))

    def metric(self, name: str, *, period: Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """What the function emits under this name (EMF), by default summed over five minutes."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self.folder},
            period=period or Duration.minutes(5),
            statistic=statistic,
        )

    def watch_stream(self) -> None:
        """Raise an alarm when what the function reads of streams is ten minutes old. Once, of however many streams."""
        if self.node.try_find_child("StreamBehind") is not None:
            return
        alarm_when(
            self.function.metric("IteratorAge", period=_FIVE_MINUTES, statistic="Maximum"),
            self,
            "StreamBehind",
            kind="stream-behind",
            says=f"{self.folder} reads changes that are {_STREAM_BEHIND_AFTER.to_minutes()} minutes old or older.",
            reaches=_STREAM_BEHIND_AFTER.to_milliseconds(),
            alarms=self._alarms,
        )

    def count_log_lines(self, message: str, *, as_metric: str) -> None:
        """Count the lines of the log that say `message`, of all functions together, in the metric `as_metric`."""
        self._logs.add_metric_filter(
            as_metric,
            filter_pattern=logs.FilterPattern.string_value("$.message", "=", message),
            metric_namespace=NAMESPACE,
            metric_name=as_metric,
        )

    def _alarm_on_failures(self) -> None:
        alarm_when(
            # Handlers catch what is expected: an error is a bug, a missing permission, a time-out, or no memory left.
            self.function.metric_errors(period=_FIVE_MINUTES),
            self,
            "Errors",
            kind="function-errors",
            says=f"{self.folder} broke: its log says how.",
            alarms=self._alarms,
        )
        alarm_when(
            # Queues, streams and EventBridge try again. What lasts a quarter of an hour is no burst.
            self.function.metric_throttles(period=_FIVE_MINUTES),
            self,
            "Throttles",
            kind="function-throttles",
            says=f"{self.folder} has not got enough concurrent executions for a quarter of an hour.",
            periods=3,
            alarms=self._alarms,
        )
        alarm_when(
            # Lambda counts what it cut off as long as the whole limit. No less: `reconcile` uses almost all of its own.
            self.function.metric_duration(period=_FIVE_MINUTES, statistic="Maximum"),
            self,
            "Timeouts",
            kind="function-timeouts",
            says=f"{self.folder} was cut off after {self.size.timeout_seconds} s.",
            reaches=self.size.timeout_seconds * 1000,
            alarms=self._alarms,
        )

    def _build_role(self, log_group: logs.LogGroup) -> iam.Role:
        # Not AWSLambdaBasicExecutionRole: it may write to every log group of the account.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        return role

    def _let_use(self, table: dynamodb.Table, access: Access) -> None:
        if access.actions:
            self.allow(*(f"dynamodb:{action}" for action in access.actions), on=[table.table_arn])
        if access.indexes:
            self.allow("dynamodb:Query", on=[f"{table.table_arn}/index/{index}" for index in access.indexes])
