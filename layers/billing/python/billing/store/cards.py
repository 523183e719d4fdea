"""Saved cards in the table. Which one is the default, the wallet knows."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from billing.domain.card import Card
from billing.domain.declines import Failure
from billing.domain.subscription import month_after
from billing.store.attributes import InstantAttribute, IntegerAttribute
from billing.store.database import Database, Item
from billing.store.due import due_pages
from billing.store.tables import item_update, raw_item, readable


class OpenPaymentMethods(GlobalSecondaryIndex[Any]):
    """Cards of which a verification or a removal is under way, the oldest first. Sparse."""

    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    added_at = InstantAttribute(range_key=True)


class PaymentMethodItem(Model):
    """A card of an account. Its key is Stripe's fingerprint: that is what makes the same card twice impossible."""

    class Meta:
        table_name = "payment_methods"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    account_id = UnicodeAttribute(hash_key=True)
    card_fingerprint = UnicodeAttribute(range_key=True)
    payment_method_id = UnicodeAttribute()
    brand = UnicodeAttribute()
    last4 = UnicodeAttribute()
    exp_month = IntegerAttribute()
    exp_year = IntegerAttribute()
    verification = UnicodeAttribute()
    open = UnicodeAttribute(null=True)
    added_at = InstantAttribute()
    failure_code = UnicodeAttribute(null=True)
    expiry_told_days = IntegerAttribute(null=True)

    open_cards = OpenPaymentMethods()


_OPEN = "open"
_UNCHANGED = "payment_method_id = :method AND verification = :verification"
_MAX_CARDS_READ = 100
_CARDS_A_REQUEST = 1000


class Cards:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str, fingerprint: str) -> Card | None:
        item = self._database.get(PaymentMethodItem, _key(account_id, fingerprint))
        return None if item is None else _card(item)

    def of_account(self, account_id: str) -> list[Card]:
        """All cards of an account, the first added first, strongly consistent."""
        page = self._database.page(
            "query",
            PaymentMethodItem,
            ("account_id", "card_fingerprint"),
            limit=_MAX_CARDS_READ,
            start=None,
            ConsistentRead=True,
            KeyConditionExpression="account_id = :account",
            ExpressionAttributeValues={":account": {"S": account_id}},
        )
        cards = (_card(PaymentMethodItem.from_raw_data(item)) for item in page.items)
        return sorted(cards, key=lambda card: (card.added_at, card.fingerprint))

    def add(self, card: Card) -> Card:
        """Write a card where there is none of its fingerprint, or one that cannot be used. Returns what is there."""
        added = self._database.move(
            PaymentMethodItem,
            _item(card),
            condition="attribute_not_exists(account_id) OR #verification IN (:failed, :gone)",
            failed={"S": "failed"},
            gone={"S": "gone"},
        )
        return card if added else self.get(card.account_id, card.fingerprint) or card

    def forget(self, card: Card) -> None:
        """Delete a card whose removal was decided, unless it was added again since."""
        self._database.write_all(
            [
                {
                    "Delete": {
                        "TableName": self._database.table(PaymentMethodItem),
                        "Key": raw_item(PaymentMethodItem, **_key(card.account_id, card.fingerprint)),
                        **_unchanged(card),
                    }
                }
            ]
        )

    def open(self) -> Iterator[list[tuple[str, str]]]:
        """Account and fingerprint of the cards of which something is under way, the oldest first, in pages."""
        pages = due_pages(self._database, PaymentMethodItem, OpenPaymentMethods.Meta.index_name, ("open", _OPEN))
        return ([(item["account_id"]["S"], item["card_fingerprint"]["S"]) for item in page] for page in pages)

    def expiring(self, now: datetime) -> Iterator[Card]:
        """The verified cards that name this month or the next. Reads the whole table: for once a day."""
        month = month_after(now, 1)
        start: Item | None = None
        while True:
            page = self._database.page(
                "scan",
                PaymentMethodItem,
                ("account_id", "card_fingerprint"),
                limit=_CARDS_A_REQUEST,
                start=start,
                FilterExpression="verification = :verified AND "
                "((exp_year = :year AND exp_month = :month) OR (exp_year = :next_year AND exp_month = :next_month))",
                ExpressionAttributeValues={
                    ":verified": {"S": "verified"},
                    ":year": {"N": str(now.year)},
                    ":month": {"N": str(now.month)},
                    ":next_year": {"N": str(month.year)},
                    ":next_month": {"N": str(month.month)},
                },
            )
            yield from readable(PaymentMethodItem, page.items, read_card)
            start = page.next_key
            if start is None:
                return

    def mark_expiry_told(self, card: Card, days: int) -> bool:
        """False, having written nothing, where the card is another one by now, or this was announced before."""
        return self._database.update(
            PaymentMethodItem,
            _key(card.account_id, card.fingerprint),
            UpdateExpression="SET expiry_told_days = :days",
            ConditionExpression="payment_method_id = :method AND "
            "(attribute_not_exists(expiry_told_days) OR expiry_told_days > :days)",
            ExpressionAttributeValues={":days": {"N": str(days)}, ":method": {"S": card.payment_method_id}},
        )


def read_card(raw: Item) -> Card:
    return _card(PaymentMethodItem.from_raw_data(raw))


def card_update(database: Database, before: Card, after: Card) -> Item:
    """A transaction's item: move the card on, where it still is what `before` says."""
    update = item_update(PaymentMethodItem, _item(after), condition=_UNCHANGED, **_compared(before))
    return {"Update": {"TableName": database.table(PaymentMethodItem), **update}}


def card_is_unmoved(database: Database, card: Card) -> Item:
    """A transaction's item: go on only while this very card is there and verified."""
    return {
        "ConditionCheck": {
            "TableName": database.table(PaymentMethodItem),
            "Key": raw_item(PaymentMethodItem, **_key(card.account_id, card.fingerprint)),
            **_unchanged(card),
        }
    }


def _unchanged(card: Card) -> Item:
    return {
        "ConditionExpression": _UNCHANGED,
        "ExpressionAttributeValues": {f":{name}": value for name, value in _compared(card).items()},
    }


def _compared(card: Card) -> Item:
    return {"method": {"S": card.payment_method_id}, "verification": {"S": card.verification}}


def _key(account_id: str, fingerprint: str) -> dict[str, str]:
    return {"account_id": account_id, "card_fingerprint": fingerprint}


def _item(card: Card) -> Item:
    return raw_item(
        PaymentMethodItem,
        account_id=card.account_id,
        card_fingerprint=card.fingerprint,
        payment_method_id=card.payment_method_id,
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        verification=card.verification,
        open=_OPEN if card.verification in {"pending", "removing"} else None,
        added_at=card.added_at,
        failure_code=None if card.failure is None else card.failure.code,
        expiry_told_days=card.expiry_told_days,
    )


def _card(item: PaymentMethodItem) -> Card:
    verification: Any = item.verification
    return Card(
        account_id=item.account_id,
        fingerprint=item.card_fingerprint,
        payment_method_id=item.payment_method_id,
        brand=item.brand,
        last4=item.last4,
        exp_month=item.exp_month,
        exp_year=item.exp_year,
        verification=verification,
        added_at=item.added_at,
        failure=None if item.failure_code is None else Failure(item.failure_code),
        expiry_told_days=item.expiry_told_days,
    )
