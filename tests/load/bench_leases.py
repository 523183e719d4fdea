"""What taking, extending, giving back and counting leases costs at 1, 50 and 5000 live ones. Figures, not a test.

Run it with `python -m tests.load.bench_leases`. Requests and times are measured on this machine; units are computed
from the items' sizes by DynamoDB's rules, as in `make bench`.
"""

import json
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from billing.domain.lease import PAGE_SLOTS, LeasePage, lease_key
from billing.domain.plan import RecurringFeature
from billing.runtime.aws import dynamodb
from billing.runtime.backoff import pause
from billing.services.authorize_call import CallAuthorization
from billing.services.leases import CallLeases
from billing.services.settle_usage import UsageSettlement
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.leases import Leases
from billing.store.tables import table_definition
from infra.local.emulator import free_port, running_emulator
from tests.builders import NOW, call, plan, received
from tests.platform_of_one import World

ROUNDS = 100
CALLS = 1000
TTL = 900
READ_UNIT, WRITE_UNIT, TRANSACTIONAL = 4096, 1024, 2


class Meter:
    """Requests and units of a client, by what it sent and was answered."""

    def __init__(self, client: Any) -> None:
        self.requests, self.read, self.written = 0, 0, 0
        client.meta.events.register("provide-client-params.dynamodb.*", self._sent)
        client.meta.events.register("after-call.dynamodb.*", self._answered)

    def start(self) -> None:
        self.requests, self.read, self.written = 0, 0, 0

    def _sent(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests += 1
        if model.name == "UpdateItem":
            self.written += math.ceil(_size(_page_of(params)) / WRITE_UNIT)
        elif model.name == "TransactWriteItems":
            pages = [_page_of(item["Update"]) for item in params["TransactItems"] if "Update" in item]
            self.written += sum(TRANSACTIONAL * math.ceil(_size(page) / WRITE_UNIT) for page in pages)

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "GetItem":
            self.read += max(1, math.ceil(_size(parsed.get("Item", {})) / READ_UNIT))
        elif model.name == "BatchGetItem":
            items = [item for items in parsed["Responses"].values() for item in items]
            self.read += sum(math.ceil(_size(item) / READ_UNIT) for item in items)
        elif model.name == "Query":
            self.read += max(1, math.ceil(sum(map(_size, parsed["Items"])) / READ_UNIT))


def _page_of(update: dict[str, Any]) -> dict[str, Any]:
    """The row as an update leaves it."""
    values = update["ExpressionAttributeValues"]
    written = {name.removeprefix(":new_"): value for name, value in values.items() if name.startswith(":new_")}
    return {**update["Key"], **written}


def _size(item: dict[str, Any]) -> int:
    return sum(
        len(name) + (len(value["B"]) if "B" in value else len(json.dumps(value)) - len('{"S": ""}'))
        for name, value in item.items()
    )


def open_account(store: World, account_id: str, slots: int, live: int) -> None:
    """An account with `live` leases, spread over its pages."""
    feature = RecurringFeature("call_concurrency", "Concurrent calls", slots, 0)
    store.open_account(
        plan(plan_id=account_id, recurring=(feature,)), account_id=account_id, workspaces=(account_id,), paid="1000"
    )
    pages = math.ceil(slots / PAGE_SLOTS)
    expiry = int(NOW.timestamp()) + TTL
    for number in range(pages):
        keys = [lease_key(account_id, f"running-{each}") for each in range(number, live, pages)]
        assert Leases(store.database).write(
            account_id, [LeasePage(number, dict.fromkeys(keys, expiry), pages=pages)], NOW
        )


def measure(store: World, meter: Meter, account_id: str, live: int) -> None:
    leases, authorization = CallLeases(store), CallAuthorization(store)

    def hold(lease_id: str) -> None:
        leases.hold(account_id, lease_id, ttl_seconds=TTL, bound_to=None, now=NOW)

    authorization.of_account(account_id, None, NOW)  # reads the plan, once a process
    leases.hold(account_id, "running-0", ttl_seconds=TTL, bound_to=None, now=NOW)
    steps: dict[str, Callable[[], object]] = {
        "permission": lambda: authorization.of_account(account_id, None, NOW),
        "extend": lambda: hold("running-0"),
        "take": lambda: hold("new"),
        "give back": lambda: leases.give_back(account_id, "new", bound_to=None, now=NOW),
    }
    figures = {name: _Figures() for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            figures[name].add(meter, step)
    for name, each in figures.items():
        print(f"{live:6} live, {name:12}{each}")


class _Figures:
    def __init__(self) -> None:
        self.ms: list[float] = []
        self.totals = [0, 0, 0]

    def add(self, meter: Meter, step: Callable[[], object]) -> None:
        meter.start()
        started = time.perf_counter()
        step()
        self.ms.append((time.perf_counter() - started) * 1000)
        for position, value in enumerate((meter.requests, meter.read, meter.written)):
            self.totals[position] += value

    def __str__(self) -> str:
        requests, read, written = (total / len(self.ms) for total in self.totals)
        return f"{requests:8.2f}{read:12.2f}{written:13.2f}{statistics.median(self.ms):9.2f}"


def ending_calls(store: World, meter: Meter) -> None:
    """What it adds to settling that an account's calls held leases: one batch of its calls, with and without."""
    for account_id, held in (("with-none", False), ("with-leases", True)):
        open_account(store, account_id, slots=1000, live=0)
        leases = CallLeases(store)
        events = [call(f"{account_id}-{number}", workspace_id=account_id) for number in range(CALLS)]
        if held:
            for event in events:
                leases.hold(account_id, str(event.call_id), ttl_seconds=TTL, bound_to=None, now=NOW)
        settlement = UsageSettlement(store)
        settlement.settle_batch([received(call(f"warm-{account_id}", workspace_id=account_id))], NOW)
        meter.start()
        settlement.settle_batch([received(event) for event in events], NOW)
        print(f"settling {CALLS} calls, {account_id}: {meter.requests / CALLS:.3f} requests a call")


def main() -> None:
    with running_emulator(free_port()) as emulator:
        os.environ |= emulator.environment()
        client = dynamodb()
        for model in ALL_TABLES:
            client.create_table(**table_definition(model))
        meter = Meter(client)
        store = World(Database(client, {m.Meta.table_name: m.Meta.table_name for m in ALL_TABLES}, pause))
        print(f"{'':25}{'requests':>8}{'read units':>12}{'write units':>13}{'p50 ms':>9}")
        for slots, live in ((5, 1), (50, 49), (6000, 5000)):
            open_account(store, f"of-{slots}", slots, live)
            measure(store, meter, f"of-{slots}", live)
        ending_calls(store, meter)


if __name__ == "__main__":
    main()
