"""Deploys a synthesised app through CloudFormation, as the CDK command line does, without it."""

import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from billing.store.all_tables import ALL_TABLES
from infra.local.emulator import REGION
from infra.naming import pascal
from infra.permissions import TABLE_ACCESS

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

ACCOUNT = "000000000000"

_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_POLL_SECONDS = 0.1
_DEPLOYS_WITHIN_SECONDS = 120


class DeploymentError(Exception):
    """CloudFormation gave up; the message names each resource that failed and why."""

    def __init__(self, stack: str, status: str, failures: list[str]) -> None:
        super().__init__("\n".join([f"{stack} is {status}.", *failures]))


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the deployed parts are: functions by folder name, tables and queues by logical name."""

    api_url: str
    aws_url: str
    functions: Mapping[str, str]
    tables: Mapping[str, str]
    queues: Mapping[str, str]
    usage_bus: str
    event_bus: str
    account: str = ACCOUNT
    admin_key: str = ""
    stripe_url: str = ""


@cache
def session(account: str = ACCOUNT) -> boto3.Session:
    """One session an account, which keeps the services' models: to read them is most of a client's time.

    Credentials that the emulator takes for `account`: a 12-digit key id selects one, each empty and isolated."""
    return boto3.Session(aws_access_key_id=account, aws_secret_access_key="local", region_name=REGION)  # noqa: S106  no secret


def deploy(assembly: Path, aws_url: str, shared: Path, account: str = ACCOUNT) -> Outputs:
    """Publishes the assets and creates the stacks of `assembly`. Raises DeploymentError.

    All functions read one copy of each layer, which is put into `shared`: it must stay as long as the emulator runs.
    """
    aws = session(account)
    s3 = aws.client("s3", endpoint_url=aws_url)
    bucket = f"cdk-hnb659fds-assets-{account}-{REGION}"
    s3.create_bucket(Bucket=bucket)
    aws.client("ssm", endpoint_url=aws_url).put_parameter(
        Name=_BOOTSTRAP_VERSION, Value="30", Type="String", Overwrite=True
    )
    cloudformation = aws.client("cloudformation", endpoint_url=aws_url)
    values: dict[str, str] = {}
    for stack, template in _stacks_in_order(assembly):
        _publish(s3, bucket, assembly, stack, shared)
        values |= _create(cloudformation, stack, f"{aws_url}/{bucket}/{template}")
    return Outputs(
        # The stage is `$default`, written so that a shell leaves it alone.
        api_url=f"{aws_url}/_aws/execute-api/{values['ApiId']}/%24default",
        aws_url=aws_url,
        functions={folder: values[f"{pascal(folder)}FunctionName"] for folder in TABLE_ACCESS},
        tables={name: values[f"{pascal(name)}TableName"] for name in (model.Meta.table_name for model in ALL_TABLES)},
        queues={"usage": values["UsageQueueUrl"]},
        usage_bus=values["UsageBusName"],
        event_bus=values["EventBusName"],
        account=account,
    )


def _stacks_in_order(assembly: Path) -> Iterator[tuple[str, str]]:
    """Each stack's name and the key of its template among the assets, those that others depend on first."""
    artifacts: dict[str, Any] = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    waiting = {name: artifact for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}
    while waiting:
        name = next(name for name, stack in waiting.items() if not waiting.keys() & set(stack["dependencies"]))
        yield name, waiting.pop(name)["properties"]["stackTemplateAssetObjectUrl"].rpartition("/")[2]


def _publish(s3: "S3Client", bucket: str, assembly: Path, stack: str, shared: Path) -> None:
    files: dict[str, Any] = json.loads((assembly / f"{stack}.assets.json").read_text())["files"]
    for asset in files.values():
        source = assembly / asset["source"]["path"]
        (destination,) = asset["destinations"].values()
        body = _archive(source, shared) if asset["source"]["packaging"] == "zip" else source.read_bytes()
        s3.put_object(Bucket=bucket, Key=destination["objectKey"], Body=body)


def _archive(folder: Path, shared: Path) -> bytes:
    if (folder / "python").is_dir():
        return _layer_that_leads_to(_shared_copy(folder, shared))
    return _zipped({str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()})


def _shared_copy(layer: Path, shared: Path) -> Path:
    copy = shared / layer.name
    if not copy.exists():
        shutil.copytree(layer, copy, copy_function=_link)
    return copy


def _link(source: str, target: str) -> None:
    """Links cost nothing, and files of layers never change. Another file system has no link to them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _layer_that_leads_to(layer: Path) -> bytes:
    """A layer of one file: it has Python import from `layer`, before all else as a layer's own packages are.

    The emulator unpacks all layers for each worker of each function: 2 GB for one platform.
    """
    line = f"import sys; sys.path.insert(0, {str(layer / 'python')!r})\n"
    return _zipped({"python/lib/python3/site-packages/shared.pth": line.encode()})


def _zipped(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:  # going nowhere: packing would be all of the time
        for name, content in sorted(files.items()):
            zipped.writestr(name, content)
    return archive.getvalue()


def _create(cloudformation: "CloudFormationClient", stack: str, template_url: str) -> dict[str, str]:
    cloudformation.create_stack(StackName=stack, TemplateURL=template_url, Capabilities=["CAPABILITY_IAM"])
    deadline = time.monotonic() + _DEPLOYS_WITHIN_SECONDS
    while True:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if described["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
        if described["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            raise DeploymentError(stack, described["StackStatus"], _failures(cloudformation, stack))
        time.sleep(_POLL_SECONDS)


def _failures(cloudformation: "CloudFormationClient", stack: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
        for event in events
        if event.get("ResourceStatus", "").endswith("FAILED")
    ]
