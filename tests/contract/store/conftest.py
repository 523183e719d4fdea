"""What the store relies on of DynamoDB, asked of three DynamoDBs.

The store's own tests (tests/integration) run against MiniStack alone. Whatever MiniStack does otherwise than AWS, they
would not see. So each test here is asked of each engine:

| engine | what it is | when it runs |
|---|---|---|
| `ministack` | the emulator that everything else is tested on | always |
| `moto` | moto's DynamoDB, inside this process | always |
| `dynamodb_local` | AWS's DynamoDB Local | if TALKTIME_DYNAMODB_LOCAL names its folder: see tests/dynamodb_local.py |

An engine that is known to differ from AWS stands in differences.py, with the reason. Its test must fail there.

A test uses the store's own classes if that is how the product comes to the request. It uses the low-level client for
what the store only reads (the reasons of a cancellation, the key behind a page) and for what DynamoDB must refuse.

| what is relied on                                         | by (a file of the store)               | tried in test_  |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A transaction writes all of its items or none: Put,       | accounts, books, cards, database,      | transactions    |
| Update, Delete, ConditionCheck; up to 100.                | directory, leases, plans, rows,        |                 |
|                                                           | transactions, versioned, wallets,      |                 |
|                                                           | webhook_endpoints, workspaces          |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A token is written once, and stands for one transaction.  | database, wire                         | transactions    |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Of many writers of one version one wins.                  | books, leases, versioned, wallets      | transactions    |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| `ADD` makes the row and the counter, and adds to it.      | books                                  | transactions    |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A cancellation has a reason for each item, in order:      | books, database, workspaces            | cancellations   |
| `None` or `ConditionalCheckFailed`.                       |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| With `ALL_OLD` the reason holds the row, if there is one. | books, database, versioned             | cancellations   |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A write whose condition does not hold is a                | database                               | cancellations   |
| ConditionalCheckFailedException, and writes nothing.      |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A deletion returns the row that it deleted.               | database                               | cancellations   |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Conditions: `attribute_exists`, `attribute_not_exists`,   | all that write                         | conditions      |
| `=`, `<`, `<=`, `>`, `IN`, `AND`, `OR`, brackets. A       |                                        |                 |
| comparison with a missing attribute is false.             |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Updates: `SET`, `REMOVE` of what is not there,            | accounts, rejected_events,             | conditions      |
| `if_not_exists`. All of them read the row as it was.      | stripe_inbox, tables,                  |                 |
|                                                           | webhook_endpoints                      |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| An update leaves all other attributes as they are.        | tables                                 | conditions      |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| An index shows its keys, the table's keys and what it     | all with an index                      | indexes         |
| includes.                                                 |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A row without a key of an index is not in it.             | api_keys, cards, deliveries, due,      | indexes         |
|                                                           | due_renewals, plans, stripe_inbox,     |                 |
|                                                           | transactions, wallets                  |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Rows come by their sort key: texts by their UTF-8 bytes,  | books, deliveries, directory, due,     | pages           |
| numbers by their value. Backwards, if asked.              | due_renewals, leases, rejected_events, |                 |
|                                                           | transactions, workspaces               |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A page goes on behind any key: also if that row is gone,  | database, directory, paging, wallets   | pages           |
| or others have the same moment.                           |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A limit counts rows before the filter. A page ends at a   | books, cards, database, plans,         | pages           |
| megabyte.                                                 | transactions                           |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A scan comes to each row once.                            | accounts, api_keys, cards, database,   | pages           |
|                                                           | directory, wallets, webhook_endpoints  |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A start key is refused if it has other attributes or      | database, paging                       | pages           |
| types, or is of another partition.                        |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A batch reads up to 100 distinct keys, of several tables. | all that `get_many`, leases            | batches         |
| The rest is told as it was asked for.                     |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Reads are consistent, if asked to be.                     | cards, database, directory, leases,    | all: each reads |
|                                                           | webhook_endpoints                      | what it wrote   |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Texts, bytes, booleans, maps, lists, sets and whole       | attributes, formats, leases, tables,   | attributes      |
| numbers of 38 digits come back as they were; so do empty  | wallets, wire                          |                 |
| ones.                                                     |                                        |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A map has no order.                                       | books                                  | attributes      |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A row has up to 400 KB. A larger one is refused whole.    | deliveries, rejected_events            | attributes      |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| The moment of expiry is an attribute like any other,      | deliveries, leases, reconciliation,    | attributes      |
| until DynamoDB deletes the row.                           | stripe_inbox                           |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| A stream shows a changed row whole, before and after.     | row_changes                            | streams         |
|-----------------------------------------------------------|----------------------------------------|-----------------|
| Wrong expressions, keys, queries and numbers are refused. | all: a mistake must show before it is  | refused         |
|                                                           | deployed                               |                 |
|-----------------------------------------------------------|----------------------------------------|-----------------|

Files of the store that are not named ask nothing of DynamoDB themselves: all_tables, store.

No engine is short of capacity, loses an answer, or meets another transaction on the same items (`TransactionConflict`).
Tests inject that: tests/integration/test_settlement_races.py, test_settlement_crashes.py, test_transactions_as_held.py.
Nor is an index ever a moment behind its table here, as it may be in AWS.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import cast

import pytest

from billing.store.database import Database
from tests.contract.store.differences import DIFFERENCES
from tests.contract.store.engines import (
    ENGINES,
    EngineName,
    OpenClient,
    TablesOnDemand,
    client_of,
    forget_moto,
    moto_client,
)
from tests.dynamodb_local import dynamodb_local_home
from tests.platform_of_one import World

_accounts = itertools.count(200_000_000_001)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that asks an engine asks all of them that are here."""
    if "engine" in metafunc.fixturenames:
        absent = set() if dynamodb_local_home() else {"dynamodb_local"}
        metafunc.parametrize("engine", [name for name in ENGINES if name not in absent])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A known difference must show: see `Difference`."""
    for item in items:
        if isinstance(item, pytest.Function) and "engine" in item.fixturenames:
            name, engine = _asked(item)
            difference = DIFFERENCES[engine].get(name)
            if difference is not None:
                item.add_marker(pytest.mark.xfail(reason=difference.why, raises=difference.raises, strict=True))


def _asked(item: pytest.Function) -> tuple[str, EngineName]:
    """The name of a test and its case, as `DIFFERENCES` has it, and the engine that it asks."""
    engine = cast("EngineName", item.callspec.params["engine"])
    case = item.callspec.id.removeprefix(engine).removeprefix("-")
    return item.originalname + (f"[{case}]" if case else ""), engine


@pytest.fixture
def open_client(engine: EngineName, request: pytest.FixtureRequest) -> Iterator[OpenClient]:
    """Opens clients of the engine, in an account that no other test uses, and that holds nothing."""
    account = str(next(_accounts))
    if engine == "moto":
        yield partial(moto_client, account)
        forget_moto(account)
    else:
        home = request.getfixturevalue("emulator" if engine == "ministack" else "dynamodb_local")
        yield partial(client_of, home.url, account)


@pytest.fixture
def database(open_client: OpenClient) -> Database:
    """A store of the engine's, over empty tables."""
    return TablesOnDemand(open_client("dynamodb"))


@pytest.fixture
def store(database: Database) -> World:
    return World(database)
