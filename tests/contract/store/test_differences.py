"""The table of differences names tests that there are, and moto answers nobody else."""

import re
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from billing.store.accounts import AccountItem
from infra.local.emulator import LOOPBACK, REGION, Emulator, free_port
from tests.contract.store.differences import DIFFERENCES
from tests.contract.store.engines import TablesOnDemand, client_of, forget_moto, moto_client
from tests.contract.store.items import put, row_of

ACCOUNT = "300000000001"


def test_each_difference_is_of_a_test_of_these() -> None:
    """Otherwise nothing would prove it."""
    files = Path(__file__).parent.glob("test_*.py")
    tests = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}
    named = {name.partition("[")[0] for differences in DIFFERENCES.values() for name in differences}
    assert named <= tests


def test_dynamodb_local_is_asked_too(dynamodb_local: Emulator) -> None:
    """Skipped once, with the reason, in the place of all tests that would ask it."""
    assert client_of(dynamodb_local.url, ACCOUNT, "dynamodb").list_tables()["TableNames"] == []


def test_moto_answers_the_clients_that_are_its_own_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    database = TablesOnDemand(moto_client(ACCOUNT, "dynamodb"))
    put(database, AccountItem, {"account_id": {"S": "acme"}})
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    other = boto3.client(
        "dynamodb",
        endpoint_url=f"http://{LOOPBACK}:{free_port()}",
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="unused",
    )
    with pytest.raises(EndpointConnectionError):
        other.list_tables()
    forget_moto(ACCOUNT)
    again = TablesOnDemand(moto_client(ACCOUNT, "dynamodb"))
    assert row_of(again, AccountItem, {"account_id": {"S": "acme"}}) is None
    forget_moto(ACCOUNT)
