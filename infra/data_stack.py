"""What must outlive every deployment: the tables, built from the models that the code reads and writes with."""

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from billing.store.all_tables import ALL_TABLES
from billing.store.tables import expiry_attribute, table_definition
from infra.naming import pascal
from infra.stages import Stage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef

_TYPES = {
    "S": dynamodb.AttributeType.STRING,
    "N": dynamodb.AttributeType.NUMBER,
    "B": dynamodb.AttributeType.BINARY,
}


class DataStack(Stack):
    """`tables` holds each table by its logical name (`wallets`); the physical ones are CloudFormation's choice."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id, termination_protection=stage.on_aws)
        self.tables = {
            model.Meta.table_name: self._build_table(stage, table_definition(model), expiry_attribute(model))
            for model in ALL_TABLES
        }
        for name, table in self.tables.items():
            CfnOutput(self, f"{pascal(name)}TableName", value=table.table_name)

    def _build_table(
        self, stage: Stage, definition: "CreateTableInputTypeDef", expiry_attribute: str | None
    ) -> dynamodb.Table:
        types = {a["AttributeName"]: _TYPES[a["AttributeType"]] for a in definition.get("AttributeDefinitions", ())}

        def key(name: str) -> dynamodb.Attribute:
            return dynamodb.Attribute(name=name, type=types[name])

        stream = definition.get("StreamSpecification", {}).get("StreamViewType")
        partition_key, *sort_key = (key(part["AttributeName"]) for part in definition.get("KeySchema", ()))
        table = dynamodb.Table(
            self,
            pascal(definition["TableName"]),
            partition_key=partition_key,
            sort_key=sort_key[0] if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType[stream] if stream else None,
            time_to_live_attribute=expiry_attribute,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=stage.on_aws
            ),
            deletion_protection=stage.on_aws,
            removal_policy=stage.removal_policy,
        )
        for index in definition.get("GlobalSecondaryIndexes", ()):
            index_key, *index_sort_key = (key(part["AttributeName"]) for part in index["KeySchema"])
            projection = index["Projection"]
            table.add_global_secondary_index(
                index_name=index["IndexName"],
                partition_key=index_key,
                sort_key=index_sort_key[0] if index_sort_key else None,
                projection_type=dynamodb.ProjectionType[projection.get("ProjectionType", "ALL")],
                non_key_attributes=list(projection.get("NonKeyAttributes", ())) or None,
            )
        return table
