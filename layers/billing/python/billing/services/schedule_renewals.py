"""Find the subscriptions that need something by now, and queue them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import RENEWAL_SHARDS
from billing.store.store import Store

MAX_ORDERS_A_SHARD = 1500
"""24,000 a sweep: what five minutes of charging can take. The next sweep finds the rest, and less of it twice."""

OVERDUE_AFTER = timedelta(hours=1)
_WORKERS = 8


class OrderQueue(Protocol):
    def send(self, orders: Sequence[RenewalOrder]) -> int:
        """Queue the orders. Returns how many are known to be in the queue."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """How many subscriptions were found due, and how many of them were queued. The rest waits for the next sweep.

    `overdue` have been due for an hour: a sweep finds something every five minutes.
    """

    due: int
    queued: int
    overdue: int = 0


def schedule_renewals(store: Store, queue: OrderQueue, now: datetime) -> Sweep:
    """Queue what is due by `now`. An order too many does no harm; one that is lost is found by the next sweep."""
    due = store.due_renewals

    def sweep(shard: int) -> Sweep:
        orders = due.of_shard(shard, now, MAX_ORDERS_A_SHARD)
        overdue = sum(order.due_at is not None and now - order.due_at >= OVERDUE_AFTER for order in orders)
        return Sweep(len(orders), queue.send(orders) if orders else 0, overdue)

    with ThreadPoolExecutor(_WORKERS) as workers:
        swept = list(workers.map(sweep, range(RENEWAL_SHARDS)))
    return Sweep(
        sum(each.due for each in swept), sum(each.queued for each in swept), sum(each.overdue for each in swept)
    )
