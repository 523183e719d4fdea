"""Many workers at once on one account: the books are exact all the same."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from billing.services.settle_usage import Outcome, UsageSettlement
from billing.store.database import Database, StoreBusy
from tests.builders import NOW, call, calls_feature, detection_feature, micros, plan, received
from tests.platform_of_one import World, assert_books_balance

WORKERS = 8
EVENTS = 160
BATCHES_A_WORKER = 6
BATCH = 30


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(plan(calls_feature(included_minutes=10), detection_feature()), paid="5")
    return store


def test_eight_workers_settle_overlapping_batches_of_one_account_exactly(store: World) -> None:
    events = [call(f"e{n}", seconds=str(1 + n % 50), detections=n % 3) for n in range(EVENTS)]

    def work(worker: int) -> list[Outcome]:
        chance = random.Random(worker)
        settlement = UsageSettlement(store)
        batches = [chance.sample(events, BATCH) for _ in range(BATCHES_A_WORKER)]
        return [settlement.settle_batch([received(event) for event in batch], NOW) for batch in batches]

    with ThreadPoolExecutor(WORKERS) as workers:
        outcomes = [outcome for of_worker in workers.map(work, range(WORKERS)) for outcome in of_worker]
    settled = [usage.event_id for outcome in outcomes for usage in outcome.settled]
    assert len(settled) == len(set(settled)), "an event was settled by two workers"
    failed = {message for outcome in outcomes for message in outcome.failed}
    store.settle(*events)
    assert store.wallet().sequence == EVENTS + 1, f"after {len(failed)} messages had failed"
    seconds = sum(1 + n % 50 for n in range(EVENTS))
    detections = sum(n % 3 for n in range(EVENTS))
    charged = (seconds - 600) * micros("0.12") // 60 + detections * micros("0.01")
    assert store.wallet().balance_micros == micros("5") - charged
    assert_books_balance(store)


def test_adjustments_and_calls_at_once_lose_nothing(store: World) -> None:
    def adjust(number: int) -> None:
        for _ in range(20):
            try:
                store.adjust("0.50", f"wire-{number}")
            except StoreBusy:
                continue
            return

    with ThreadPoolExecutor(WORKERS) as workers:
        adjusting = [workers.submit(adjust, number) for number in range(6)]
        settling = [workers.submit(store.settle, call(f"e{n}", seconds="600")) for n in range(20)]
        for adjustment in adjusting:
            adjustment.result()
        for settlement in settling:
            settlement.result()
    store.settle(*(call(f"e{n}", seconds="600") for n in range(20)))
    assert_books_balance(store)


def transaction_conflicts(times: int) -> Any:
    """A hook that answers the next transactions as DynamoDB does when another works on the same items."""
    left = [times]

    def refuse(model: Any, **_: Any) -> None:
        if left[0]:
            left[0] -= 1
            answer: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "conflict"},
                "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}],
            }
            raise ClientError(answer, model.name)

    return refuse


def test_a_transaction_that_met_another_one_is_tried_again(store: World) -> None:
    store.database.client.meta.events.register("before-call.dynamodb.TransactWriteItems", transaction_conflicts(5))
    outcome = store.settle(call("a"))
    assert (len(outcome.settled), outcome.failed) == (1, set())
    assert_books_balance(store)


def test_an_account_that_stays_busy_gives_its_messages_back_to_the_queue_within_bounded_attempts(store: World) -> None:
    store.database.client.meta.events.register("before-call.dynamodb.TransactWriteItems", transaction_conflicts(1000))
    batch = [received(call("a")), received(call("a"), "message-of-its-copy")]
    outcome = UsageSettlement(store).settle_batch(batch, NOW)
    assert (outcome.failed, outcome.duplicates) == ({"message-of-a", "message-of-its-copy"}, 0)
    assert store.wallet().sequence == 1
