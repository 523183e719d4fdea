"""The index that tells a sweep whose subscription is due."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.renewal_order import RenewalOrder
from billing.store.database import Database
from billing.store.wallets import WalletItem, WalletsDueForRenewal, renewals_key

DAYS_BACK = 3
"""How long each sweep makes up for those that were missed; the first of a day looks back much longer."""

DAYS_BACK_ONCE_A_DAY = 40
_FIRST_SWEEP_OF_A_DAY = time(0, 5)

_KEY = ("renews", "renews_at", "account_id")


class DueRenewals:
    """The index of what is due. It answers a moment after a write: whoever acts on it reads the wallet first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_shard(self, shard: int, now: datetime, limit: int) -> list[RenewalOrder]:
        """At most `limit` of what is due in a shard by `now`, the longest waiting first."""
        found: list[RenewalOrder] = []
        for day in _days(now):
            if len(found) < limit:
                found += self._of_day(day, shard, now, limit - len(found))
        return found

    def _of_day(self, day: str, shard: int, now: datetime, limit: int) -> list[RenewalOrder]:
        page = self._database.page(
            "query",
            WalletItem,
            _KEY,
            limit=limit,
            start=None,
            IndexName=WalletsDueForRenewal.Meta.index_name,
            KeyConditionExpression="renews = :day AND renews_at <= :now",
            ExpressionAttributeValues={":day": {"S": renewals_key(day, shard)}, ":now": {"S": format_instant(now)}},
        )
        return [
            RenewalOrder(item["account_id"]["S"], parse_stored_instant(item["renews_at"]["S"]), now)
            for item in page.items
        ]


def _days(now: datetime) -> Iterator[str]:
    days_back = DAYS_BACK_ONCE_A_DAY if now.time() < _FIRST_SWEEP_OF_A_DAY else DAYS_BACK
    return (format_instant(now - timedelta(days=back))[:10] for back in range(days_back, -1, -1))
