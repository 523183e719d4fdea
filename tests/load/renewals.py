"""What renewing a million subscriptions would take and cost: a simulation. Figures, not a test.

Measured, on this machine and its emulator: sweeps over 100,000 due subscriptions into a queue, and a sample of renewals
by the worker, whose Stripe answers at once. Computed from that: a million, by the prices below. Write units are
computed from the items, by DynamoDB's rules: the emulator does not count as AWS does.
"""

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.account import Account
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import RENEWAL_SHARDS, check_quantities
from billing.domain.subscription_life import subscribe
from billing.domain.terms import Terms
from billing.domain.transaction import CardFace, PaymentReport, Transaction
from billing.domain.wallet import DefaultCard, Wallet
from billing.payments.gateway import Gateway
from billing.payments.reading import Intent
from billing.payments.settings import StripeSettings
from billing.runtime import aws
from billing.runtime.backoff import pause
from billing.runtime.renewal_queue import RenewalQueue
from billing.services.renew_subscription import renew_subscription
from billing.services.schedule_renewals import MAX_ORDERS_A_SHARD, schedule_renewals
from billing.services.stripe_customer import customer_digest
from billing.store.accounts import Accounts
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.due_renewals import DueRenewals
from billing.store.plans import Plans
from billing.store.store import Store
from billing.store.tables import table_definition
from billing.store.wallets import new_wallet_put
from infra.local.emulator import free_port, running_emulator
from tests.builders import change, change_period
from tests.load.bench import Meter
from tests.platform_of_one import World
from tests.subscriber import STARTER

DUE = 100_000
SAMPLE = 500
MILLION = 1_000_000
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RENEWAL = datetime(2026, 12, 23, 12, 0, tzinfo=UTC)
BATCH = 25

# us-east-1, on demand, US dollars: DynamoDB and SQS a million units or requests, Lambda (arm64) a GB and second.
# https://aws.amazon.com/dynamodb/pricing/on-demand https://aws.amazon.com/sqs/pricing https://aws.amazon.com/lambda/pricing
WRITE_UNITS_PRICE, READ_UNITS_PRICE, SQS_PRICE = 0.625, 0.125, 0.40
LAMBDA_GB_SECOND_PRICE = 0.0000133334
WORKER_GB = 1.0
# What is assumed of Stripe: the time of a charge, and the requests a second that it allows in live mode.
STRIPE_SECONDS = 1.0
STRIPE_REQUESTS_A_SECOND = 100
WORKERS = 80
# Entries of sparse indexes that a renewal moves, a unit each: the wallet's due moment goes and comes; the transaction's
# history is put and rewritten, its open entry comes and goes, its payment comes; the ledger's listing comes.
INDEX_WRITE_UNITS = 2 + 2 + 2 + 1


class InstantStripe(Gateway):
    """Every charge succeeds at once, without a request."""

    def charge(self, transaction: Transaction, customer_id: str) -> Intent:
        report = PaymentReport(
            transaction_id=transaction.transaction_id,
            account_id=transaction.account_id,
            payment_intent_id=f"pi_{transaction.transaction_id}",
            outcome="succeeded",
            received_micros=transaction.amount_micros,
            currency=transaction.currency,
            card=CardFace("visa", "4242"),
            card_fingerprint=transaction.card_fingerprint,
        )
        return Intent(
            intent_id=f"pi_{transaction.transaction_id}",
            foreign=False,
            metadata={},
            status="succeeded",
            created_at=transaction.created_at,
            report=report,
            card_id=None,
            customer_id=customer_id,
            refunded=False,
            disputed=False,
        )


def wallet_of(number: int, terms: Terms) -> Wallet:
    empty = Wallet(f"a{number:06d}", "USD", default_card=DefaultCard("pm_card_of_the_account", "fingerprint0123"))
    used = {"call_minutes": 299_000_000, "voicemail_detection": 17_000_000}
    return change_period(subscribe(empty, terms, START), used=used)


def write_wallets(database: Database, wallets: Sequence[Wallet]) -> None:
    for start in range(0, len(wallets), BATCH):
        puts = [new_wallet_put(database, wallet)["Put"]["Item"] for wallet in wallets[start : start + BATCH]]
        requests: Any = {"wallets": [{"PutRequest": {"Item": item}} for item in puts]}
        database.client.batch_write_item(RequestItems=requests)


def progress(doing: str, done: int, of: int) -> None:
    sys.stderr.write(f"\r{doing} {done:,} of {of:,} ...")
    sys.stderr.flush()


def seed(database: Database, terms: Terms) -> list[Wallet]:
    wallets = [wallet_of(number, terms) for number in range(DUE)]
    for start in range(0, DUE, 5000):
        progress("Writing wallets", start, DUE)
        write_wallets(database, wallets[start : start + 5000])
    accounts = Accounts(database)
    for wallet in wallets[:SAMPLE]:
        # The worker asks for the account's customer at Stripe; of the sweep nothing but the index is asked.
        account = Account(wallet.account_id, "Acme LLC", "billing@acme.example", "USD", "en", START)
        database.client.put_item(TableName="accounts", Item=account_item(account))
        accounts.keep_customer(wallet.account_id, f"cus_{wallet.account_id}", customer_digest(account))
    return wallets


def account_item(account: Account) -> Any:
    texts = {"account_id", "name", "email", "currency", "language"}
    item = {name: {"S": getattr(account, name)} for name in texts}
    return {**item, "created_at": {"S": "2026-11-01T00:00:00.000Z"}}


class Calls:
    """Counts a client's requests by operation."""

    def __init__(self, *clients: Any) -> None:
        self.counts: Counter[str] = Counter()
        for client in clients:
            client.meta.events.register("before-call.*.*", self._note)

    def _note(self, model: Any, **_: Any) -> None:
        self.counts[model.name] += 1


def sweeps(database: Database, queue: RenewalQueue, wallets: Sequence[Wallet], calls: Calls) -> Iterator[float]:
    """Seconds of each sweep, as often as there are any due. What is queued is taken out of the index in bulk."""
    now, left = RENEWAL + timedelta(minutes=5), {wallet.account_id: wallet for wallet in wallets}
    while True:
        started = time.perf_counter()
        swept = schedule_renewals(Store(database), queue, now)
        seconds = time.perf_counter() - started
        counted = ", ".join(f"{count:,} {name}" for name, count in sorted(calls.counts.items()))
        calls.counts.clear()
        if swept.due == 0:
            print(f"  a sweep that finds nothing: {seconds:6.2f} s; {counted}")
            return
        print(f"  {swept.due:,} due, {swept.queued:,} queued: {seconds:6.2f} s; {counted}")
        yield seconds
        take_out(database, left, now)
        calls.counts.clear()
        now += timedelta(minutes=5)


def take_out(database: Database, left: dict[str, Wallet], now: datetime) -> None:
    """Stands in for the worker: the first of each shard, which the sweep has queued, are as if renewed."""
    due = DueRenewals(database)
    ordered = [each for shard in range(RENEWAL_SHARDS) for each in due.of_shard(shard, now, MAX_ORDERS_A_SHARD)]
    renewed = [left.pop(order.account_id) for order in ordered]
    write_wallets(database, [change(wallet, canceled=True) for wallet in renewed])


@dataclass(frozen=True)
class Renewing:
    """What one renewal takes, without Stripe's time: milliseconds of the worker and of its CPU, and capacity units."""

    wall_ms: float
    cpu_ms: float
    write_units: float
    read_units: float


def renewals(database: Database, wallets: Sequence[Wallet], calls: Calls, meter: Meter) -> Renewing:
    gateway, plans = InstantStripe(StripeSettings("sk_test_unused", "http://127.0.0.1:9"), "test"), Plans(database)
    plans.version(STARTER.plan_id, 1)
    store = Store(database)
    order = [RenewalOrder(wallet.account_id, RENEWAL, RENEWAL + timedelta(minutes=5)) for wallet in wallets]
    calls.counts.clear()
    meter.reset()
    wall: list[float] = []
    cpu = time.process_time()
    for each in order:
        started = time.perf_counter()
        assert renew_subscription(store, gateway, each, each.time) == "paid"
        wall.append((time.perf_counter() - started) * 1000)
    cpu_ms = (time.process_time() - cpu) * 1000 / len(order)
    counted = ", ".join(f"{count / len(order):.1f} {name}" for name, count in sorted(calls.counts.items()))
    print(f"  requests of a renewal: {counted}")
    # The meter counts the index of the ledger already.
    return Renewing(
        statistics.median(wall),
        cpu_ms,
        write_units=meter.write_units / len(order) + INDEX_WRITE_UNITS - 1,
        read_units=calls.counts["GetItem"] / len(order),
    )


def main() -> None:
    with running_emulator(free_port()) as emulator:
        os.environ |= emulator.environment()
        client, sqs = aws.dynamodb(), aws.sqs()
        for model in ALL_TABLES:
            client.create_table(**table_definition(model))
        database = Database(client, {m.Meta.table_name: m.Meta.table_name for m in ALL_TABLES}, pause)
        queue = RenewalQueue(sqs, sqs.create_queue(QueueName="renewals")["QueueUrl"])
        plan = World(database).current_version(STARTER)
        terms = Terms(plan.plan_id, plan.version, check_quantities(plan, {"phone_number": 2}))
        wallets = seed(database, terms)
        calls, meter = Calls(client, sqs), Meter(client)
        print(
            f"\nMeasured: sweeping {DUE:,} due subscriptions, at most {MAX_ORDERS_A_SHARD * RENEWAL_SHARDS:,} at a time"
        )
        seconds = list(sweeps(database, queue, wallets, calls))
        print(f"\nMeasured: {SAMPLE} renewals by the worker, one after the other, Stripe's time left out")
        write_wallets(database, [wallet_of(number, terms) for number in range(SAMPLE)])
        one = renewals(database, wallets[:SAMPLE], calls, meter)
        print(f"  a renewal: {one.wall_ms:.1f} ms (median), of them {one.cpu_ms:.1f} ms CPU")
        print(f"  capacity of a renewal: {one.write_units:.0f} write units and {one.read_units:.0f} read units")
        tell_of_a_million(sum(seconds), one)


def tell_of_a_million(sweep_seconds: float, one: Renewing) -> None:
    each_seconds = STRIPE_SECONDS + one.wall_ms / 1000
    least_hours = MILLION / STRIPE_REQUESTS_A_SECOND / 3600
    a_second = min(WORKERS / each_seconds, STRIPE_REQUESTS_A_SECOND)
    sweeps_in_all = MILLION / (MAX_ORDERS_A_SHARD * RENEWAL_SHARDS)
    dollars = {
        "DynamoDB writes": one.write_units * WRITE_UNITS_PRICE,
        "DynamoDB reads": one.read_units * READ_UNITS_PRICE,
        "SQS (send a tenth, receive and delete a tenth each)": 3 * SQS_PRICE / 10,
        "Lambda": MILLION * each_seconds * WORKER_GB * LAMBDA_GB_SECOND_PRICE,
    }
    print(f"\nComputed for {MILLION:,}, with {STRIPE_SECONDS:.0f} s a charge at Stripe and {WORKERS} workers")
    print(f"  charging: {a_second:.0f} a second, {MILLION / a_second / 3600:.1f} hours")
    print(f"  at the least: {least_hours:.1f} hours, by the {STRIPE_REQUESTS_A_SECOND} requests a second of Stripe")
    print(
        f"  sweeping: {sweep_seconds * MILLION / DUE:.0f} s of work in {sweeps_in_all:.0f} sweeps, one in five minutes"
    )
    for name, amount in dollars.items():
        print(f"  {name}: {amount:.2f} USD")
    print(f"  in all: {sum(dollars.values()):.2f} USD, without Stripe's fees")


if __name__ == "__main__":
    main()
