"""One Lambda function: its own code, the shared layers, its own role, its own log group."""

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, CfnOutput, Duration, Validations
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.functions import Size
from infra.naming import pascal, table_variable
from infra.paths import FUNCTIONS
from infra.permissions import TABLE_ACCESS, Access
from infra.stages import Stage


class BillingFunction(Construct):
    """`functions/<folder>`, allowed what `TABLE_ACCESS` says of it and told the names of those tables only."""

    def __init__(
        self,
        scope: Construct,
        folder: str,
        *,
        stage: Stage,
        layers: Sequence[lambda_.ILayerVersion],
        tables: Mapping[str, dynamodb.Table],
        size: Size,
    ) -> None:
        super().__init__(scope, pascal(folder))
        self.folder = folder
        access = TABLE_ACCESS[folder]
        log_group = logs.LogGroup(self, "Logs", retention=stage.log_retention, removal_policy=stage.removal_policy)
        self.role = self._build_role(log_group)
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
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Lambda drops what is below its own level, which is INFO where nothing is said.
            application_log_level_v2=lambda_.ApplicationLogLevel(stage.log_level),
            memory_size=size.memory_mb,
            timeout=Duration.seconds(size.timeout_seconds),
            environment={
                "STAGE": stage.name,
                "LOG_LEVEL": stage.log_level,
                "POWERTOOLS_SERVICE_NAME": folder,
                "POWERTOOLS_METRICS_NAMESPACE": "Talktime",
                **{table_variable(each.table): tables[each.table].table_name for each in access},
            },
        )
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1", reason="The code is tested on 3.11 and 3.13; newer ones are not proved."
            )
        )
        CfnOutput(scope, f"{pascal(folder)}FunctionName", value=self.function.function_name)

    def tell(self, name: str, value: str) -> None:
        """Set an environment variable of the function."""
        self.function.add_environment(name, value)

    def allow(self, *actions: str, on: list[str]) -> None:
        """Let the function do `actions` on the resources `on`: each by name, since CDK's own grants often give more."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=on))

    def metric(self, name: str, *, period: Duration | None = None, statistic: str = "Sum") -> cloudwatch.Metric:
        """What the function emits under this name (EMF), by default summed over five minutes."""
        return cloudwatch.Metric(
            namespace="Talktime",
            metric_name=name,
            dimensions_map={"service": self.folder},
            period=period or Duration.minutes(5),
            statistic=statistic,
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
