"""Accounts in the table."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.account import DEFAULT_SELLER, Account
from billing.domain.billing_details import BillingDetails
from billing.domain.instants import parse_stored_instant
from billing.domain.wallet import Wallet
from billing.store.attributes import InstantAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.directory import listed
from billing.store.formats import pick_known
from billing.store.tables import raw_item, readable
from billing.store.wallets import new_wallet_put


class AccountItem(Model):
    """Who pays. What changes with each call is the wallet's."""

    class Meta:
        table_name = "accounts"

    account_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    email = UnicodeAttribute()
    currency = UnicodeAttribute()
    language = UnicodeAttribute()
    created_at = InstantAttribute()
    stripe_customer_id = UnicodeAttribute(null=True)
    stripe_customer_digest = UnicodeAttribute(null=True)
    seller_id = UnicodeAttribute(null=True)
    details = JsonAttribute(null=True)


@dataclass(frozen=True, slots=True)
class StripeCustomer:
    """The account's customer at Stripe. `digest` is of what Stripe was last told of it, None if that is not known."""

    customer_id: str
    digest: str | None = None


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, account_id: str) -> Account | None:
        item = self._database.get(AccountItem, {"account_id": account_id})
        return None if item is None else _account(item)

    def get_many(self, account_ids: Iterable[str]) -> dict[str, Account]:
        """Those that are there and can be read: one that cannot is logged, since it concerns itself alone."""
        keys = [{"account_id": account_id} for account_id in account_ids]
        accounts = readable(AccountItem, self._database.get_many(AccountItem, keys), read_account)
        return {account.account_id: account for account in accounts}

    def must_exist(self, account_id: str) -> Item:
        """The part of a transaction that stops it where there is no such account."""
        return {
            "ConditionCheck": {
                "TableName": self._database.table(AccountItem),
                "Key": {"account_id": {"S": account_id}},
                "ConditionExpression": "attribute_exists(account_id)",
            }
        }

    def create(self, account: Account) -> bool:
        """Write the account with an empty wallet, and list it. False, having written nothing, where the id is taken."""
        return self._database.write_all(
            [
                self._database.put_new(AccountItem, _item(account), "account_id"),
                new_wallet_put(self._database, Wallet(account.account_id, account.currency)),
                *listed(self._database, account),
            ]
        )

    def change(self, before: Account, after: Account) -> bool:
        """Write the name, address, language and seller that `before` has got, and list it by the first two.

        False, having written nothing, where the account has changed since it was read.
        """
        table = self._database.table(AccountItem)
        values = {**_changeable(after), **_changeable(before, "_before")}
        update: Item = {
            "Update": {
                "TableName": table,
                "Key": {"account_id": {"S": after.account_id}},
                "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in _CHANGEABLE),
                "ConditionExpression": _unchanged(before),
                "ExpressionAttributeNames": {f"#{name}": name for name in _CHANGEABLE},
                "ExpressionAttributeValues": values,
            }
        }
        return self._database.write_all([update, *listed(self._database, after, before)])

    def set_details(self, account_id: str, details: BillingDetails) -> bool:
        """Write the billing details as a whole. False, having written nothing, where there is no such account."""
        return self._database.update(
            AccountItem,
            {"account_id": account_id},
            UpdateExpression="SET details = :details",
            ConditionExpression="attribute_exists(account_id)",
            ExpressionAttributeValues={":details": raw_item(AccountItem, details=asdict(details))["details"]},
        )

    def list_again(self, account: Account) -> bool:
        """List an account of an earlier release, as it was read. False where it has changed since."""
        unchanged: Item = {
            "ConditionCheck": {
                "TableName": self._database.table(AccountItem),
                "Key": {"account_id": {"S": account.account_id}},
                "ConditionExpression": _unchanged(account),
                "ExpressionAttributeNames": {f"#{name}": name for name in _CHANGEABLE},
                "ExpressionAttributeValues": _changeable(account, "_before"),
            }
        }
        return self._database.write_all([unchanged, *listed(self._database, account)])

    def all_pages(self) -> Iterator[list[Account]]:
        """All accounts, by a scan: for who puts the tables right, and nobody who waits."""
        for page in self._database.pages("scan", AccountItem):
            yield list(readable(AccountItem, page, read_account))

    def births(self, *, after: str | None = None) -> Iterator[list[tuple[str, datetime]]]:
        """All accounts with the moments of their opening, in the order of the table: by a scan. `after` one of them.

        Also those whose rows cannot be read otherwise.
        """
        arguments: dict[str, Any] = {"ConsistentRead": True, "ProjectionExpression": "account_id, created_at"}
        if after is not None:
            arguments["ExclusiveStartKey"] = {"account_id": {"S": after}}
        for page in self._database.pages("scan", AccountItem, **arguments):
            yield [(item["account_id"]["S"], parse_stored_instant(item["created_at"]["S"])) for item in page]

    def with_customer(self, account_id: str) -> tuple[Account, StripeCustomer | None] | None:
        """The account and its customer at Stripe, once there is one."""
        item = self._database.get(AccountItem, {"account_id": account_id})
        if item is None:
            return None
        customer_id = item.stripe_customer_id
        customer = None if customer_id is None else StripeCustomer(customer_id, item.stripe_customer_digest)
        return _account(item), customer

    def keep_customer(self, account_id: str, customer_id: str, digest: str) -> str:
        """Keep the first customer for good, with the digest of what Stripe was told. Returns the id that is kept."""
        kept = self._database.update(
            AccountItem,
            {"account_id": account_id},
            UpdateExpression="SET stripe_customer_id = :customer, stripe_customer_digest = :digest",
            ConditionExpression="attribute_exists(account_id) AND attribute_not_exists(stripe_customer_id)",
            ExpressionAttributeValues={":customer": {"S": customer_id}, ":digest": {"S": digest}},
        )
        found = None if kept else self.with_customer(account_id)
        return customer_id if found is None or found[1] is None else found[1].customer_id

    def replace_customer(self, account_id: str, deleted_id: str, customer_id: str, digest: str) -> None:
        """Keep a customer in the place of one that was deleted; nothing where another one has that place already."""
        self._database.update(
            AccountItem,
            {"account_id": account_id},
            UpdateExpression="SET stripe_customer_id = :customer, stripe_customer_digest = :digest",
            ConditionExpression="stripe_customer_id = :deleted",
            ExpressionAttributeValues={
                ":customer": {"S": customer_id},
                ":deleted": {"S": deleted_id},
                ":digest": {"S": digest},
            },
        )

    def mark_customer(self, account_id: str, before: StripeCustomer, digest: str) -> None:
        """Keep the digest of what Stripe was just told. `before` is the customer as it was read before that.

        If Stripe was told something else meanwhile, nobody knows what came last: then no digest is kept.
        """
        unchanged = "attribute_not_exists(stripe_customer_digest)"
        values = {":customer": {"S": before.customer_id}, ":digest": {"S": digest}}
        if before.digest is not None:
            unchanged = "stripe_customer_digest = :before"
            values[":before"] = {"S": before.digest}
        marked = self._database.update(
            AccountItem,
            {"account_id": account_id},
            UpdateExpression="SET stripe_customer_digest = :digest",
            ConditionExpression=f"stripe_customer_id = :customer AND ({unchanged} OR stripe_customer_digest = :digest)",
            ExpressionAttributeValues=values,
        )
        if not marked:
            self._database.update(
                AccountItem,
                {"account_id": account_id},
                UpdateExpression="REMOVE stripe_customer_digest",
                ConditionExpression="attribute_exists(account_id)",
            )


_CHANGEABLE = ("name", "email", "language", "seller_id")
_NO_SELLER = "attribute_not_exists(#seller_id)"
"""An account that names none has the default one: so it is in rows of a former release."""


def _unchanged(before: Account) -> str:
    same = {name: f"#{name} = :{name}_before" for name in _CHANGEABLE}
    if before.seller_id == DEFAULT_SELLER:
        same["seller_id"] = f"({_NO_SELLER} OR {same['seller_id']})"
    return " AND ".join(same.values())


def _changeable(account: Account, suffix: str = "") -> Item:
    return {f":{name}{suffix}": {"S": getattr(account, name)} for name in _CHANGEABLE}


def read_account(raw: Item) -> Account:
    return _account(AccountItem.from_raw_data(raw))


def _item(account: Account) -> Item:
    return raw_item(
        AccountItem,
        account_id=account.account_id,
        name=account.name,
        email=account.email,
        currency=account.currency,
        language=account.language,
        created_at=account.created_at,
        seller_id=None if account.seller_id == DEFAULT_SELLER else account.seller_id,
    )


def _account(item: AccountItem) -> Account:
    return Account(
        item.account_id,
        item.name,
        item.email,
        item.currency,
        item.language,
        item.created_at,
        seller_id=item.seller_id or DEFAULT_SELLER,
        details=None if item.details is None else _details(item.details),
    )


def _details(stored: dict[str, Any]) -> BillingDetails:
    """Members of a newer release are passed over; the next PUT writes the details as a whole."""
    known: dict[str, Any] = pick_known(BillingDetails, stored)
    lists = {name: tuple(told) for name, told in known.items() if isinstance(told, list)}
    return BillingDetails(**{**known, **lists})
