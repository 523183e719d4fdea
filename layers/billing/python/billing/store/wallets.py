"""Wallets in the table, and the part of a transaction that moves one from a version to the next."""

from collections.abc import Iterable
from typing import Any

from billing.domain.wallet import Grant, Period, Wallet
from billing.store.database import Database, Item
from billing.store.tables import GrantMap, PeriodMap, WalletItem, raw_item


class Wallets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Wallet | None:
        item = self._database.get(WalletItem, {"account_id": account_id})
        return None if item is None else _wallet(item)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Wallet]:
        keys = [{"account_id": account_id} for account_id in account_ids]
        return {item.account_id: _wallet(item) for item in self._database.get_many(WalletItem, keys)}


def read_wallet(raw: Item) -> Wallet:
    return _wallet(WalletItem.from_raw_data(raw))


def new_wallet_put(database: Database, wallet: Wallet) -> Item:
    return database.put_new(WalletItem, _item(wallet, wallet.version), "account_id")


def wallet_update(database: Database, before: Wallet, after: Wallet) -> Item:
    """Move the wallet on, where it still is at the version of `before`.

    Attributes are set one by one and never the item as a whole: a deployed release that knows one attribute more must
    not lose it to one that does not, while both run.
    """
    fields = _item(after, before.version + 1)
    del fields["account_id"]
    names = {f"#{position}": name for position, name in enumerate(fields)}
    gone = [name for name in WalletItem.get_attributes() if name not in fields and name != "account_id"]
    expression = "SET " + ", ".join(f"{alias} = :{alias[1:]}" for alias in names)
    if gone:
        expression += " REMOVE " + ", ".join(gone)
    return {
        "Update": {
            "TableName": database.table(WalletItem),
            "Key": {"account_id": {"S": after.account_id}},
            "UpdateExpression": expression,
            "ConditionExpression": "version = :before",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":before": {"N": str(before.version)},
                **{f":{alias[1:]}": fields[name] for alias, name in names.items()},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def _item(wallet: Wallet, version: int) -> Item:
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
        version=item.version,
    )


def _period_map(period: Period | None) -> PeriodMap | None:
    if period is None:
        return None
    return PeriodMap(
        plan_id=period.plan_id,
        plan_version=period.plan_version,
        starts_at=period.start,
        ends_at=period.end,
        used=dict(period.used),
    )


def _period(stored: Any) -> Period | None:
    if stored is None:
        return None
    return Period(stored.plan_id, stored.plan_version, stored.starts_at, stored.ends_at, stored.used)
