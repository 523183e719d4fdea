"""The policies as an AWS that enforces them reads them: each test takes a function's rights, and tries."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.deploy import Outputs, session
from infra.local.emulator import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Rights = Callable[[str], boto3.Session]

_ENTRY = {"cause": {"S": "call:1"}, "account_id": {"S": "acme"}, "position": {"S": "2026-11-24T00:00:00.000Z#1"}}


@pytest.fixture
def rights_of(platform: Outputs) -> Rights:
    """A session with the deployed policies of a function's role, by the function's folder.

    The role itself can be assumed by Lambda alone, so a twin of it is made that this account may assume.
    """
    aws = session()
    iam = aws.client("iam", endpoint_url=platform.aws_url)
    lambda_ = aws.client("lambda", endpoint_url=platform.aws_url)
    sts = aws.client("sts", endpoint_url=platform.aws_url)

    def assume(folder: str) -> boto3.Session:
        configuration = lambda_.get_function_configuration(FunctionName=platform.functions[folder])
        role = configuration["Role"].rpartition("/")[2]
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": platform.account}}
        twin = iam.create_role(
            RoleName=f"twin-of-{folder}-{len(iam.list_roles()['Roles'])}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            iam.put_role_policy(RoleName=twin["RoleName"], PolicyName=name, PolicyDocument=json.dumps(document))
        keys = sts.assume_role(RoleArn=twin["Arn"], RoleSessionName=folder)["Credentials"]
        return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=REGION)

    return assume


def dynamodb(rights: boto3.Session, platform: Outputs) -> "DynamoDBClient":
    return rights.client("dynamodb", endpoint_url=platform.aws_url)


def denied(request: Callable[[], Any]) -> bool:
    try:
        request()
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]
    return False


def test_the_authorizer_can_read_a_key_and_write_nothing(platform: Outputs, rights_of: Rights) -> None:
    client = dynamodb(rights_of("authorizer"), platform)
    keys, ledger = platform.tables["api_keys"], platform.tables["ledger_entries"]
    client.get_item(TableName=keys, Key={"key_id": {"S": "none"}})
    assert denied(lambda: client.put_item(TableName=keys, Item={"key_id": {"S": "mine"}}))
    assert denied(lambda: client.put_item(TableName=ledger, Item=_ENTRY))
    assert denied(lambda: client.get_item(TableName=ledger, Key={"cause": {"S": "call:1"}}))
    assert denied(lambda: client.scan(TableName=keys))


def test_asking_for_permission_cannot_change_a_wallet(platform: Outputs, rights_of: Rights) -> None:
    client = dynamodb(rights_of("authorize_call"), platform)
    wallets = platform.tables["wallets"]
    client.get_item(TableName=platform.tables["plans"], Key={"plan_id": {"S": "starter"}, "version": {"N": "0"}})
    assert denied(lambda: client.put_item(TableName=wallets, Item={"account_id": {"S": "acme"}}))


def test_a_page_of_leases_is_updated_and_never_put_as_a_whole(platform: Outputs, rights_of: Rights) -> None:
    client = dynamodb(rights_of("authorize_call"), platform)
    leases, key = platform.tables["leases"], {"account_id": {"S": "nobody"}, "page_number": {"N": "0"}}
    client.update_item(TableName=leases, Key=key)
    assert denied(lambda: client.put_item(TableName=leases, Item=key))


def test_settlement_can_add_to_the_ledger_but_not_change_or_delete_it(platform: Outputs, rights_of: Rights) -> None:
    client = dynamodb(rights_of("settle_usage"), platform)
    ledger = platform.tables["ledger_entries"]
    key = {"cause": _ENTRY["cause"]}
    client.transact_write_items(TransactItems=[{"Put": {"TableName": ledger, "Item": _ENTRY}}])
    assert denied(lambda: client.delete_item(TableName=ledger, Key=key))
    assert denied(lambda: client.transact_write_items(TransactItems=[{"Delete": {"TableName": ledger, "Key": key}}]))


def test_ingest_can_queue_an_event_but_not_settle_it(platform: Outputs, rights_of: Rights) -> None:
    rights = rights_of("ingest_events")
    queue = platform.queues["usage"]
    sqs = rights.client("sqs", endpoint_url=platform.aws_url)
    ledger = platform.tables["ledger_entries"]
    assert denied(lambda: sqs.receive_message(QueueUrl=queue))
    assert denied(lambda: dynamodb(rights, platform).put_item(TableName=ledger, Item=_ENTRY))
