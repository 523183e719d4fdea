"""Wallets in the table, and the part of a transaction that moves one from a version to the next."""

from collections.abc import Iterable
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.wallet import DefaultCard, Grant, Period, Refill, Wallet
from billing.store.database import Database, Item
from billing.store.subscriptions import read_subscription, subscription_attributes
from billing.store.tables import GrantMap, PeriodMap, WalletItem, WalletsWaiting, raw_item
from billing.store.versioned import versioned_update

_WAITING = "waiting"
_WAITING_KEY = ("waiting", "waits_until", "account_id")
_NEW_REFILL = Refill()
_REFILL_FIELDS = tuple(field.name for field in fields(Refill))
_REFILL_MOMENTS = frozenset({"next_attempt_at", "last_attempt_at"})


class Wallets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Wallet | None:
        item = self._database.get(WalletItem, {"account_id": account_id})
        return None if item is None else _wallet(item)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Wallet]:
        keys = [{"account_id": account_id} for account_id in account_ids]
        return {item.account_id: _wallet(item) for item in self._database.get_many(WalletItem, keys)}

    def waited(self, now: datetime, limit: int) -> list[str]:
        """The accounts in which something waited for a moment that has come, the longest waiting first."""
        page = self._database.page(
            "query",
            WalletItem,
            _WAITING_KEY,
            limit=limit,
            start=None,
            IndexName=WalletsWaiting.Meta.index_name,
            KeyConditionExpression="waiting = :waiting AND waits_until <= :now",
            ExpressionAttributeValues={":waiting": {"S": _WAITING}, ":now": {"S": format_instant(now)}},
        )
        return [item["account_id"]["S"] for item in page.items]


def read_wallet(raw: Item) -> Wallet:
    return _wallet(WalletItem.from_raw_data(raw))


def new_wallet_put(database: Database, wallet: Wallet) -> Item:
    return database.put_new(WalletItem, _item(wallet, wallet.version), "account_id")


def wallet_update(database: Database, before: Wallet, after: Wallet) -> Item:
    """Move the wallet on, where it still is at the version of `before`."""
    return versioned_update(database, WalletItem, "account_id", _item(after, before.version + 1), before.version)


def _item(wallet: Wallet, version: int) -> Item:
    waits_until = _waits_until(wallet)
    return raw_item(
        WalletItem,
        account_id=wallet.account_id,
        version=version,
        sequence=wallet.sequence,
        posted_at=wallet.posted_at,
        currency=wallet.currency,
        paid_micros=wallet.paid_micros,
        grants=[
            GrantMap(grant_id=grant.grant_id, remaining_micros=grant.remaining_micros, expires_at=grant.expires_at)
            for grant in wallet.grants
        ],
        paused=wallet.paused,
        lock_reason=wallet.lock_reason,
        canceled=wallet.canceled,
        anchor_day=wallet.anchor_day,
        period=_period_map(wallet.period),
        previous_period=_period_map(wallet.previous_period),
        quantities=dict(wallet.quantities),
        alert_thresholds=list(wallet.alert_thresholds) or None,
        alerted_micros=wallet.alerted_micros,
        default_card=None if wallet.default_card is None else list(astuple(wallet.default_card)),
        refill=None if wallet.refill is None else _refill_said(wallet.refill),
        waiting=None if waits_until is None else _WAITING,
        waits_until=waits_until,
        **subscription_attributes(wallet),
    )


def _wallet(item: WalletItem) -> Wallet:
    return Wallet(
        account_id=item.account_id,
        currency=item.currency,
        paid_micros=item.paid_micros,
        grants=tuple(Grant(grant.grant_id, grant.remaining_micros, grant.expires_at) for grant in item.grants),
        paused=item.paused,
        lock_reason=item.lock_reason,
        canceled=item.canceled,
        period=_period(item.period),
        previous_period=_period(item.previous_period),
        quantities=item.quantities,
        anchor_day=item.anchor_day,
        sequence=item.sequence,
        posted_at=item.posted_at,
        alert_thresholds=tuple(item.alert_thresholds or ()),
        alerted_micros=item.alerted_micros,
        default_card=None if item.default_card is None else DefaultCard(*item.default_card),
        refill=_refill(item.refill),
        **read_subscription(item.subscription),
        version=item.version,
    )


def _waits_until(wallet: Wallet) -> datetime | None:
    moments = [grant.expires_at for grant in wallet.grants]
    refill = wallet.refill
    # While calls may not be paid from credit, no refill starts: such an account must not wait in front of all others.
    if refill is not None and refill.enabled and refill.next_attempt_at and wallet.status in {"active", "paused"}:
        moments.append(refill.next_attempt_at)
    return min(moments, default=None)


def _refill_said(refill: Refill) -> dict[str, Any]:
    """Auto-refill as JSON without what is as at first: a wallet is written with each call."""
    return {
        name: format_instant(value) if isinstance(value, datetime) else value
        for name in _REFILL_FIELDS
        if (value := getattr(refill, name)) != getattr(_NEW_REFILL, name)
    }


def _refill(stored: Any) -> Refill | None:
    if stored is None:
        return None
    moments = {name: parse_stored_instant(stored[name]) for name in _REFILL_MOMENTS & stored.keys()}
    return Refill(**{**stored, **moments})


def _period_map(period: Period | None) -> PeriodMap | None:
    if period is None:
        return None
    return PeriodMap(
        plan_id=period.plan_id,
        plan_version=period.plan_version,
        starts_at=period.start,
        ends_at=period.end,
        used=dict(period.used),
        bought=dict(period.bought) or None,
        payment=None if period.payment == "paid" else period.payment,
    )


def _period(stored: Any) -> Period | None:
    if stored is None:
        return None
    return Period(
        stored.plan_id,
        stored.plan_version,
        stored.starts_at,
        stored.ends_at,
        stored.used,
        stored.bought or {},
        stored.payment or "paid",
    )
