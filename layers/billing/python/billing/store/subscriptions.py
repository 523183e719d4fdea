"""What a wallet's item says of its subscription beside the period, and the index that tells a sweep whose is due."""

from collections.abc import Iterator
from dataclasses import astuple
from datetime import datetime, time, timedelta
from typing import Any

from billing.domain.dunning import Dunning, FailedTry
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription import RENEWAL_SHARDS, due_at, renewal_shard
from billing.domain.terms import PendingChange, Terms
from billing.domain.wallet import Wallet
from billing.store.database import Database
from billing.store.tables import WalletItem, WalletsDueForRenewal

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
            ExpressionAttributeValues={":day": {"S": _hash_key(day, shard)}, ":now": {"S": format_instant(now)}},
        )
        return [
            RenewalOrder(item["account_id"]["S"], parse_stored_instant(item["renews_at"]["S"]), now)
            for item in page.items
        ]


def _days(now: datetime) -> Iterator[str]:
    days_back = DAYS_BACK_ONCE_A_DAY if now.time() < _FIRST_SWEEP_OF_A_DAY else DAYS_BACK
    return (format_instant(now - timedelta(days=back))[:10] for back in range(days_back, -1, -1))


def _hash_key(day: str, shard: int) -> str:
    return f"renews#{day}#{shard % RENEWAL_SHARDS:02d}"


def subscription_attributes(wallet: Wallet) -> dict[str, Any]:
    """What is as it always is takes no room: a wallet is written with each call."""
    due = due_at(wallet)
    if due is None:
        return {"subscription": _said(wallet)}
    renews = _hash_key(format_instant(due)[:10], renewal_shard(wallet.account_id))
    return {"subscription": _said(wallet), "renews": renews, "renews_at": due}


def _said(wallet: Wallet) -> dict[str, Any] | None:
    change, dunning = wallet.pending_change, wallet.dunning
    said: dict[str, Any] = {}
    if wallet.next_terms is not None:
        said["next"] = _terms(wallet.next_terms)
    if wallet.cancel_at_period_end:
        said["cancel"] = 1
    if change is not None:
        said["change"] = [
            change.transaction_id, _terms(change.terms), _terms(change.later), _text(change.starts_at)
        ]  # fmt: skip
    if dunning is not None:
        said["dunning"] = [
            _text(dunning.failed_at), dunning.attempts, _text(dunning.next_attempt_at), astuple(dunning.last),
            dunning.locked, _text(dunning.grace_until),
        ]  # fmt: skip
    return said or None


def read_subscription(said: Any) -> dict[str, Any]:
    """The wallet's fields of this, by name."""
    if said is None:
        return {}
    change, dunning = said.get("change"), said.get("dunning")
    return {
        "next_terms": _read_terms(said.get("next")),
        "cancel_at_period_end": "cancel" in said,
        "pending_change": change
        and PendingChange(change[0], Terms(*change[1]), _read_terms(change[2]), _moment(change[3])),
        "dunning": dunning
        and Dunning(
            failed_at=parse_stored_instant(dunning[0]),
            attempts=dunning[1],
            next_attempt_at=_moment(dunning[2]),
            last=FailedTry(*dunning[3]),
            locked=dunning[4],
            grace_until=_moment(dunning[5]),
        ),
    }


def _terms(terms: Terms | None) -> list[Any] | None:
    return None if terms is None else [terms.plan_id, terms.plan_version, dict(terms.quantities)]


def _read_terms(said: Any) -> Terms | None:
    return None if said is None else Terms(*said)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_stored_instant(text)
