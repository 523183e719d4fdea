"""What all tests may ask for: an AWS of the worker's own, tables in it, and the deployed product."""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from hypothesis import HealthCheck, settings

from billing.runtime import aws
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.tables import table_definition
from infra.local.deploy import Outputs
from infra.local.emulator import REGION, Emulator, free_port, running_emulator
from infra.local.platform import running_platform
from infra.local.stripe_simulator import RunningSimulator, running_simulator
from tests.builders import NOW
from tests.dynamodb_local import NOT_NAMED, dynamodb_local_home, running_dynamodb_local
from tests.paying_account import Paying

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Hypothesis judges by the clock, and by the luck of the draw, whether examples are made fast enough: on a slow machine
# that fails what is right. And what is checked before a change is taken must not depend on luck: the same examples each
# time. `make explore` draws others.
settings.register_profile(
    "talktime",
    settings(),
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("explore", settings.get_profile("talktime"), derandomize=False, print_blob=True)
settings.load_profile("talktime")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dynamodb-local", action="store_true", help="keep the tests' tables in DynamoDB Local, not in the emulator"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two tests of one id are one to pytest-xdist: it would run the first and say nothing of the other."""
    twice = [node_id for node_id, number in Counter(item.nodeid for item in items).items() if number > 1]
    if twice:
        raise pytest.UsageError(f"these tests share an id, so that not all of them would run: {twice}")


_accounts = itertools.count(100_000_000_001)
_session = boto3.Session(region_name=REGION)  # shared: it keeps the service models, which take most of a client's time


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """An emulator for this worker alone; tests are kept apart by their accounts."""
    with running_emulator(free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """AWS's DynamoDB Local, afresh for each file, since it slows down with each account that it has.

    Whoever asks for it is skipped if the environment does not name it.
    """
    home = dynamodb_local_home()
    if home is None:
        pytest.skip(NOT_NAMED)
    with running_dynamodb_local(home, tmp_path_factory.mktemp("dynamodb-local") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def tables_home(request: pytest.FixtureRequest) -> Emulator:
    """Where the tables of `dynamodb` and `database` are: the emulator, or with --dynamodb-local DynamoDB Local."""
    chosen = "dynamodb_local" if request.config.getoption("--dynamodb-local") else "emulator"
    home: Emulator = request.getfixturevalue(chosen)
    return home


@pytest.fixture
def account() -> str:
    """A number of an AWS account that no other test uses, and that holds nothing."""
    return str(next(_accounts))


@pytest.fixture
def dynamodb(tables_home: Emulator, account: str) -> "DynamoDBClient":
    """A client of an account in which all tables exist, empty, under their logical names."""
    return _client_with_tables(tables_home, account)


@pytest.fixture
def lean(
    tables_home: Emulator, account: str, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> "DynamoDBClient":
    """The client that the functions use, in the AWS account of `dynamodb`, which has the tables."""
    assert dynamodb
    for name, value in tables_home.environment(account).items():
        monkeypatch.setenv(name, value)
    return aws.dynamodb()


@pytest.fixture
def fresh_database(tables_home: Emulator) -> Callable[[], Database]:
    """Makes a store over empty tables, each in an account of its own."""

    def make() -> Database:
        client = _client_with_tables(tables_home, str(next(_accounts)))
        tables = {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES}
        return Database(client, tables, pause=lambda attempt: time.sleep(0.002 * 2 ** min(attempt, 6)))

    return make


@pytest.fixture
def database(fresh_database: Callable[[], Database]) -> Database:
    """A store over empty tables."""
    return fresh_database()


@pytest.fixture(scope="session")
def stripe_simulator() -> Iterator[RunningSimulator]:
    """A Stripe for this worker, whose clock is the tests'; `paying` starts it afresh for each test."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def paying(database: Database, stripe_simulator: RunningSimulator) -> Paying:
    """An account without a card or credit, over empty tables and an empty Stripe."""
    stripe_simulator.control("reset")
    stripe_simulator.control("clock", {"now": int(NOW.timestamp())})
    account = Paying(database, stripe_simulator)
    account.open()
    return account


@pytest.fixture(scope="session")
def platform() -> Iterator[Outputs]:
    """The deployed product, its functions held to their IAM policies: what works here, they are allowed to do."""
    with running_platform(free_port(), enforce_iam=True) as outputs:
        yield outputs


def _client_with_tables(emulator: Emulator, account: str) -> "DynamoDBClient":
    client = _session.client(
        "dynamodb",
        endpoint_url=emulator.url,
        aws_access_key_id=account,
        aws_secret_access_key="unused",
        config=Config(max_pool_connections=32),
    )
    for model in ALL_TABLES:
        client.create_table(**table_definition(model))
    return client
