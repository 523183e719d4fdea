"""Wallets in the table, and the part of a transaction that moves one from a version to the next."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pynamodb.attributes import Attribute, BooleanAttribute, UnicodeAttribute
from pynamodb.constants import LIST, MAP, STREAM_NEW_AND_OLD_IMAGE, STRING
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from billing.domain.dunning import Dunning, FailedTry
from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.low_allowance import Told
from billing.domain.standing import standing
from billing.domain.subscription import RENEWAL_SHARDS, OwnPayment, Period, Subscription, renewal_shard
from billing.domain.terms import PendingChange, Terms
from billing.domain.wallet import DefaultCard, DisputeHold, Grant, Refill, Wallet
from billing.store.attributes import InstantAttribute, IntegerAttribute, IntegerMapAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.due import due_pages
from billing.store.formats import MOMENT, MapFormat, NameFormat, PositionFormat
from billing.store.tables import raw_item, readable
from billing.store.versioned import versioned_update

_TOLD = PositionFormat(Told)


class ToldAttribute(Attribute[Mapping[str, Told]]):
    """By feature, as compact JSON: `{"call_minutes":[80,500000000]}`."""

    attr_type = STRING

    def serialize(self, value: Any) -> str:
        return JsonAttribute().serialize({feature: _TOLD.write(told) for feature, told in value.items()})

    def deserialize(self, value: Any) -> Mapping[str, Told]:
        stored = JsonAttribute().deserialize(value)
        return {feature: _TOLD.read(told) for feature, told in stored.items()}


_GRANT = MapFormat(
    Grant, grant_id=UnicodeAttribute(), remaining_micros=IntegerAttribute(), expires_at=InstantAttribute()
)
_PERIOD = MapFormat(
    Period,
    plan_id=UnicodeAttribute(),
    plan_version=IntegerAttribute(),
    start=InstantAttribute(attr_name="starts_at"),
    end=InstantAttribute(attr_name="ends_at"),
    used=IntegerMapAttribute(),
    bought=IntegerMapAttribute(null=True),
    payment=UnicodeAttribute(null=True),
    asked_at=InstantAttribute(null=True),
    told=ToldAttribute(null=True),
    reset_at=InstantAttribute(null=True),
)
_TERMS = PositionFormat(Terms)
_CHANGE = PositionFormat(PendingChange, terms=_TERMS, later=_TERMS, starts_at=MOMENT)
_DUNNING = PositionFormat(
    Dunning, failed_at=MOMENT, next_attempt_at=MOMENT, last=PositionFormat(FailedTry), grace_until=MOMENT
)
_OWN_PAYMENT = PositionFormat(OwnPayment, open_until=MOMENT)
_DEFAULT_CARD = PositionFormat(DefaultCard)
_HOLD = PositionFormat(DisputeHold)
_REFILL = NameFormat(Refill, next_attempt_at=MOMENT, last_attempt_at=MOMENT, retry_at=MOMENT)


class GrantsAttribute(Attribute[tuple[Grant, ...]]):
    attr_type = LIST

    def serialize(self, value: Any) -> list[Any]:
        return [{MAP: _GRANT.write(grant)} for grant in value]

    def deserialize(self, value: Any) -> tuple[Grant, ...]:
        return tuple(_GRANT.read(grant[MAP]) for grant in value)


class PeriodAttribute(Attribute[Period | None]):
    attr_type = MAP

    def serialize(self, value: Any) -> dict[str, Any]:
        return _PERIOD.write(value)

    def deserialize(self, value: Any) -> Period:
        return _PERIOD.read(value)


class WalletsWaiting(GlobalSecondaryIndex[Any]):
    """Wallets in which something waits for a moment: auto-refill for its next try, promotional credit for its end.

    The earliest first. Sparse; keys only: calls do not write it.
    """

    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    waiting = UnicodeAttribute(hash_key=True)
    waits_until = InstantAttribute(range_key=True)


class WalletsDueForRenewal(GlobalSecondaryIndex[Any]):
    """Wallets by the day on which their subscription needs something, spread over shards, the earliest first.

    A wallet is under one day only. Keys only: calls do not write it.
    """

    class Meta:
        index_name = "renewals"
        projection = KeysOnlyProjection()

    renews = UnicodeAttribute(hash_key=True)
    renews_at = InstantAttribute(range_key=True)


class WalletsByStanding(GlobalSecondaryIndex[Any]):
    """Wallets that are not simply active, by how they stand (see `standing`). Keys only: calls do not write it."""

    class Meta:
        index_name = "by_standing"
        projection = KeysOnlyProjection()

    standing = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute(range_key=True)


class WalletItem(Model):
    """The hot item of an account: each write is conditioned on `version`."""

    class Meta:
        table_name = "wallets"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    account_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    sequence = IntegerAttribute()
    posted_at = InstantAttribute(null=True)
    currency = UnicodeAttribute()
    paid_micros = IntegerAttribute()
    grants = GrantsAttribute()
    paused = BooleanAttribute()
    lock_reason = UnicodeAttribute(null=True)
    canceled = BooleanAttribute()
    anchor_day = IntegerAttribute(null=True)
    period = PeriodAttribute(null=True)
    previous_period = PeriodAttribute(null=True)
    quantities = IntegerMapAttribute()
    subscription = JsonAttribute(null=True)
    renews = UnicodeAttribute(null=True)
    renews_at = InstantAttribute(null=True)
    default_card = JsonAttribute(null=True)
    refill = JsonAttribute(null=True)
    waiting = UnicodeAttribute(null=True)
    waits_until = InstantAttribute(null=True)
    alert_thresholds = JsonAttribute(null=True)
    alerted_micros = IntegerAttribute(null=True)
    holds = JsonAttribute(null=True)
    standing = UnicodeAttribute(null=True)

    by_moment = WalletsWaiting()
    due_for_renewal = WalletsDueForRenewal()
    by_standing = WalletsByStanding()


_WAITING = "waiting"
_NO_SUBSCRIPTION: dict[str, Any] = {"canceled": False, "quantities": {}}
_SAID = frozenset({"next", "cancel", "change", "dunning", "own_payment", "dead_card", "changed"})
"""The members of the attribute `subscription`."""


class Wallets:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Wallet | None:
        item = self._database.get(WalletItem, {"account_id": account_id})
        return None if item is None else _wallet(item)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Wallet]:
        """Those that are there and can be read: one that cannot is logged, since it concerns its own account alone."""
        keys = [{"account_id": account_id} for account_id in account_ids]
        wallets = readable(WalletItem, self._database.get_many(WalletItem, keys), read_wallet)
        return {wallet.account_id: wallet for wallet in wallets}

    def waited(self, now: datetime) -> Iterator[list[str]]:
        """The accounts in which something waited for a moment that has come, the longest waiting first, in pages."""
        pages = due_pages(
            self._database, WalletItem, WalletsWaiting.Meta.index_name, ("waiting", _WAITING), ("waits_until", now)
        )
        return ([item["account_id"]["S"] for item in page] for page in pages)

    def in_standing(self, group: str, after: str | None, size: int) -> Iterator[list[str]]:
        """The accounts whose wallets stand so, by their ids, behind the one `after`, in pages."""
        start = {} if after is None else {"ExclusiveStartKey": {"standing": {"S": group}, "account_id": {"S": after}}}
        pages = self._database.pages(
            "query",
            WalletItem,
            limit=size,
            IndexName=WalletsByStanding.Meta.index_name,
            KeyConditionExpression="standing = :group",
            ExpressionAttributeValues={":group": {"S": group}},
            **start,
        )
        return ([item["account_id"]["S"] for item in page] for page in pages)

    def fill_standings(self) -> int:
        """Put the wallets of earlier releases into the index of standings, by a scan; how many were not in it."""
        pages = self._database.pages("scan", WalletItem)
        rows = (row for page in pages for row in readable(WalletItem, page, _with_group))
        return sum(self._fill_standing(wallet) for wallet, group in rows if group != standing(wallet))

    def _fill_standing(self, wallet: Wallet) -> bool:
        """False where somebody wrote the wallet meanwhile, and so its standing, too. Its version stays."""
        group = standing(wallet)
        values = {":version": {"N": str(wallet.version)}}
        return self._database.update(
            WalletItem,
            {"account_id": wallet.account_id},
            UpdateExpression="REMOVE standing" if group is None else "SET standing = :group",
            ConditionExpression="#version = :version",
            ExpressionAttributeNames={"#version": "version"},
            ExpressionAttributeValues=values if group is None else {**values, ":group": {"S": group}},
        )


def _with_group(raw: Item) -> tuple[Wallet, str | None]:
    """A wallet and the group that it is in, as its row says."""
    item = WalletItem.from_raw_data(raw)
    return _wallet(item), item.standing


def read_wallet(raw: Item) -> Wallet:
    return _wallet(WalletItem.from_raw_data(raw))


def new_wallet_put(database: Database, wallet: Wallet) -> Item:
    return database.put_new(WalletItem, _item(wallet, wallet.version), "account_id")


def wallet_update(database: Database, before: Wallet, after: Wallet) -> Item:
    """Move the wallet on, where it still is at the version of `before`."""
    return versioned_update(database, WalletItem, _item(after, before.version + 1), before.version)


def _item(wallet: Wallet, version: int) -> Item:
    waits_until = wallet.waits_until
    return raw_item(
        WalletItem,
        account_id=wallet.account_id,
        version=version,
        sequence=wallet.sequence,
        posted_at=wallet.posted_at,
        currency=wallet.currency,
        paid_micros=wallet.paid_micros,
        grants=wallet.grants,
        paused=wallet.paused,
        lock_reason=wallet.lock_reason,
        alert_thresholds=list(wallet.alert_thresholds) or None,
        alerted_micros=wallet.alerted_micros,
        default_card=None if wallet.default_card is None else _DEFAULT_CARD.write(wallet.default_card),
        refill=None if wallet.refill is None else _REFILL.write(wallet.refill),
        holds=[_HOLD.write(hold) for hold in wallet.holds] or None,
        waiting=None if waits_until is None else _WAITING,
        waits_until=waits_until,
        standing=standing(wallet),
        subscription=_said(wallet),
        **(_NO_SUBSCRIPTION if wallet.subscription is None else _attributes(wallet.account_id, wallet.subscription)),
    )


def _wallet(item: WalletItem) -> Wallet:
    said = item.subscription or {}
    return Wallet(
        account_id=item.account_id,
        currency=item.currency,
        paid_micros=item.paid_micros,
        grants=tuple(item.grants),  # raises where it is missing: such a row is none of ours
        paused=item.paused,
        lock_reason=item.lock_reason,
        subscription=_subscription(item),
        pending_change=_CHANGE.read(said["change"]) if "change" in said else None,
        sequence=item.sequence,
        posted_at=item.posted_at,
        alert_thresholds=tuple(item.alert_thresholds or ()),
        alerted_micros=item.alerted_micros,
        default_card=None if item.default_card is None else _DEFAULT_CARD.read(item.default_card),
        refill=None if item.refill is None else _REFILL.read(item.refill),
        version=item.version,
        holds=tuple(map(_HOLD.read, item.holds or ())),
        newer={name: value for name, value in said.items() if name not in _SAID},
    )


def renewals_key(day: str, shard: int) -> str:
    """The hash key of `WalletsDueForRenewal`: a day (UTC) and one of its shards."""
    return f"renews#{day}#{shard % RENEWAL_SHARDS:02d}"


def _attributes(account_id: str, subscription: Subscription) -> dict[str, Any]:
    due = subscription.due_at
    return {
        "canceled": subscription.canceled,
        "anchor_day": subscription.anchor_day,
        "period": subscription.period,
        "previous_period": subscription.previous_period,
        "quantities": subscription.quantities,
        "renews": None if due is None else renewals_key(format_instant(due)[:10], renewal_shard(account_id)),
        "renews_at": due,
    }


def _said(wallet: Wallet) -> dict[str, Any] | None:
    """What is as it always is takes no room: a wallet is written with each call."""
    subscription, said = wallet.subscription, dict[str, Any]()
    if subscription is not None and subscription.next_terms is not None:
        said["next"] = _TERMS.write(subscription.next_terms)
    if subscription is not None and subscription.cancel_at_period_end:
        said["cancel"] = 1
    if wallet.pending_change is not None:
        said["change"] = _CHANGE.write(wallet.pending_change)
    if subscription is not None and subscription.dunning is not None:
        said["dunning"] = _DUNNING.write(subscription.dunning)
    if subscription is not None and subscription.own_payment is not None:
        said["own_payment"] = _OWN_PAYMENT.write(subscription.own_payment)
    if subscription is not None and subscription.dead_card is not None:
        said["dead_card"] = subscription.dead_card
    if subscription is not None and subscription.changed_at is not None:
        said["changed"] = format_instant(subscription.changed_at)
    return {**said, **wallet.newer} or None


def _subscription(item: WalletItem) -> Subscription | None:
    """None where there is no period: a first subscription that is being paid is a change alone."""
    if item.period is None:
        return None
    said = item.subscription or {}
    return Subscription(
        period=item.period,
        anchor_day=item.anchor_day,
        quantities=item.quantities,
        previous_period=item.previous_period,
        next_terms=_TERMS.read(said["next"]) if "next" in said else None,
        cancel_at_period_end="cancel" in said,
        dunning=_DUNNING.read(said["dunning"]) if "dunning" in said else None,
        canceled=item.canceled,
        own_payment=_OWN_PAYMENT.read(said["own_payment"]) if "own_payment" in said else None,
        dead_card=said.get("dead_card"),
        changed_at=parse_stored_instant(said["changed"]) if "changed" in said else None,
    )
