"""`make bench`: what settling and asking cost, against the budgets of the README. Figures, not a test.

Requests and CPU are measured on this machine; write units are computed from the items that were written, by DynamoDB's
rules (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html): the emulator does
not count as AWS does. Compare ratios within one run: machines are noisy.
"""

import itertools
import math
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from billing.runtime.aws import dynamodb
from billing.runtime.backoff import pause
from billing.services.authorize_call import CallAuthorization
from billing.services.settle_usage import Received, UsageSettlement
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.tables import table_definition
from billing.store.wallets import WalletItem
from infra.local.emulator import free_port, running_emulator
from infra.naming import table_variable
from infra.permissions import TABLE_ACCESS
from tests.builders import NOW, call, calls_feature, detection_feature, plan, received
from tests.load import bench_documents, bench_usage
from tests.platform_of_one import World

ACCOUNTS = 100
CALLS = 1000
ROUNDS = 5
COLD_STARTS = 7
KILOBYTE = 1024
TRANSACTIONAL = 2


class Meter:
    """Counts requests and write units of a client by its own events. What was written is weighed when asked for.

    Weighing takes a tenth of a call's CPU, and must not be taken for the handler's.
    """

    def __init__(self, client: Any) -> None:
        self.requests = 0
        self._written: list[list[dict[str, Any]]] = []
        client.meta.events.register_first("provide-client-params.dynamodb.*", self._note)

    def reset(self) -> None:
        self.requests = 0
        self._written.clear()

    @property
    def write_units(self) -> float:
        return float(sum(_units(item) for items in self._written for item in items))

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests += 1
        if model.name == "TransactWriteItems":
            self._written.append(list(params["TransactItems"]))
        elif model.name == "PutItem":
            self._written.append([{"PutAlone": params["Item"]}])
        elif model.name == "UpdateItem":
            self._written.append([{"UpdateAlone": params}])


def _units(item: dict[str, Any]) -> int:
    if "PutAlone" in item:
        return math.ceil(_size(item["PutAlone"]) / KILOBYTE)
    if "Put" in item:
        units = math.ceil(_size(item["Put"]["Item"]) / KILOBYTE)
        index_units = {"ledger_entries": units, "receipts": 1}.get(item["Put"]["TableName"], 0)
        return TRANSACTIONAL * units + index_units
    if "ConditionCheck" in item:
        return TRANSACTIONAL
    if "UpdateAlone" in item:
        return _update_units(item["UpdateAlone"])
    return TRANSACTIONAL * _update_units(item["Update"])


def _update_units(update: dict[str, Any]) -> int:
    written = {**update["Key"], **update.get("ExpressionAttributeValues", {})}
    names = sum(map(len, update.get("ExpressionAttributeNames", {}).values()))
    return math.ceil((_size(written) + names) / KILOBYTE)


def _size(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: dict[str, Any]) -> int:
    kind, value = next(iter(typed.items()))
    if kind == "N":
        return len(value.lstrip("-")) // 2 + 2
    if kind == "M":
        return 3 + sum(len(name) + 1 + _value_size(inner) for name, inner in value.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(inner) for inner in value)
    return len(value.encode()) if kind == "S" else 1


def workload(name: str, chance: random.Random, run: int) -> list[Received]:
    """The calls of one batch: one call; a thousand over a hundred accounts, Zipf; a thousand of one account."""
    if name == "1 call":
        workspaces = ["w0"]
    elif name == "one hot account":
        workspaces = ["w0"] * CALLS
    else:
        weights = [1 / rank for rank in range(1, ACCOUNTS + 1)]
        workspaces = [f"w{n}" for n in chance.choices(range(ACCOUNTS), weights, k=CALLS)]
    return [
        received(call(f"{name}-{run}-{n}", seconds=str(chance.randint(1, 600)), workspace_id=workspace, detections=1))
        for n, workspace in enumerate(workspaces)
    ]


def settling(store: World, meter: Meter, naive_cpu: float) -> None:
    chance = random.Random(0)
    settlement = UsageSettlement(store)
    settlement.settle_batch([received(call(f"warm-{n}", workspace_id=f"w{n}")) for n in range(ACCOUNTS)], NOW)
    print(f"{'settling, a call':34}{'write units':>12}{'requests':>10}{'CPU ms':>9}{'CPU / one transaction':>23}")
    for name, budget in (
        ("1 call", "7.1 / 2 / 2.2"),
        ("100 accounts, Zipf", "3.6 / 0.11 / 0.2"),
        ("one hot account", "3.2 / 0.02 / 0.1"),
    ):
        rounds = 200 if name == "1 call" else ROUNDS
        cpu: list[float] = []
        calls = 0
        meter.reset()
        for run in range(rounds):
            batch = workload(name, chance, run)
            started = time.process_time()
            outcome = settlement.settle_batch(batch, NOW)
            cpu.append((time.process_time() - started) * 1000 / len(batch))
            calls += len(outcome.settled)
        ms = statistics.median(cpu)
        figures = f"{meter.write_units / calls:12.2f}{meter.requests / calls:10.3f}{ms:9.3f}{ms / naive_cpu:23.2f}"
        print(f"  {name:32}{figures}   budget {budget}")


def one_transaction_cpu_ms(store: World) -> float:
    """CPU of one four-item transaction a call, as the simplest thing that could work would send."""
    client: Any = store.database.client
    cpu: list[float] = []
    for run in range(200):
        puts = [
            {
                "Put": {
                    "TableName": "workspaces",
                    "Item": {"workspace_id": {"S": f"naive-{run}-{n}"}, "account_id": {"S": "x" * 400}},
                }
            }
            for n in range(4)
        ]
        started = time.process_time()
        client.transact_write_items(TransactItems=puts)
        cpu.append((time.process_time() - started) * 1000)
    return statistics.median(cpu)


def asking(store: World) -> None:
    authorization = CallAuthorization(store)
    client: Any = store.database.client

    def get_item() -> None:
        client.get_item(TableName="wallets", Key={"account_id": {"S": "a0"}}, ConsistentRead=True)

    permission, bare = _paired(lambda: authorization.of_account("a0", None, NOW), get_item)
    print(f"call permission, by account: p50 {permission:.2f} ms, {permission / bare:.2f} x one GetItem   budget < 2")
    of_workspace, bare = _paired(lambda: authorization.of_workspace("w0", None, NOW), get_item)
    print(
        f"call permission, by workspace: p50 {of_workspace:.2f} ms, {of_workspace / bare:.2f} x one GetItem (two reads)"
    )
    raw = client.get_item(TableName="wallets", Key={"account_id": {"S": "a0"}})["Item"]
    print(f"wallet: {_size(raw)} bytes ({len(WalletItem.get_attributes())} attributes)   budget 1024")


def _paired(measured: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """Medians in ms of two things done in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in itertools.islice(itertools.cycle((0, 1)), 800):
        started = time.perf_counter()
        (measured, bare)[turn]()
        times[turn].append((time.perf_counter() - started) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


COLD_STARTED = ("bare client", "settle_usage", "authorize_call", "authorizer")
_COLD_START = """
import sys, time
started = time.process_time()
if sys.argv[1] == "bare client":
    from billing.runtime.aws import dynamodb
    dynamodb()
else:
    sys.path.insert(0, f"functions/{sys.argv[1]}")
    import handler
print(time.process_time() - started)
"""


def cold_starts() -> None:
    """CPU from nothing to a handler that waits, in processes of their own in turn, with byte code as in the layers.

    Each is told of its own tables, as it is when it is deployed: it makes the parts of the store for these.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    told = {
        name: environment | {table_variable(access.table): access.table for access in TABLE_ACCESS.get(name, ())}
        for name in COLD_STARTED
    }
    cpu: dict[str, list[float]] = {name: [] for name in COLD_STARTED}
    for turn in range(1 + COLD_STARTS):
        for name, times in cpu.items():
            program = [sys.executable, "-c", _COLD_START, name]
            said = subprocess.run(program, env=told[name], check=True, capture_output=True, text=True).stdout
            if turn:  # the first one writes the byte code
                times.append(float(said) * 1000)
    bare = statistics.median(cpu["bare client"])
    for name, times in cpu.items():
        ms = statistics.median(times)
        print(f"cold start, {name:16} {ms:7.1f} ms CPU, {ms / bare:.2f} x a bare DynamoDB client   budget 1.3")


def seed(store: World) -> None:
    features = (calls_feature(included_minutes=500, discounts={1000: 10}), detection_feature())
    for n in range(ACCOUNTS):
        store.open_account(plan(*features), account_id=f"a{n}", workspaces=(f"w{n}",), paid="1000")


def main(_: Sequence[str]) -> None:
    with running_emulator(free_port()) as emulator:
        os.environ |= emulator.environment()
        client = dynamodb()
        for model in ALL_TABLES:
            client.create_table(**table_definition(model))
        meter = Meter(client)
        store = World(Database(client, {m.Meta.table_name: m.Meta.table_name for m in ALL_TABLES}, pause))
        seed(store)
        settling(store, meter, one_transaction_cpu_ms(store))
        asking(store)
        cold_starts()
        bench_usage.main(store)
        bench_documents.main(store, meter)


if __name__ == "__main__":
    main(sys.argv[1:])
