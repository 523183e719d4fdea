"""Accounts in the table."""

from dataclasses import dataclass

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.account import Account
from billing.domain.wallet import Wallet
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item
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


_KEY = ("account_id",)


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

    def create(self, account: Account) -> bool:
        """Write the account with an empty wallet. False, having written nothing, where the id is taken."""
        return self._database.write_all(
            [
                self._database.put_new(AccountItem, _item(account), "account_id"),
                new_wallet_put(self._database, Wallet(account.account_id, account.currency)),
            ]
        )

    def change(self, account_id: str, *, name: str | None, email: str | None, language: str | None) -> bool:
        """Set what is not None. False where there is no such account."""
        values = {"name": name, "email": email, "language": language}
        changed = {field: value for field, value in values.items() if value is not None}
        return self._database.update(
            AccountItem,
            {"account_id": account_id},
            UpdateExpression="SET " + ", ".join(f"#{field} = :{field}" for field in changed),
            ConditionExpression="attribute_exists(account_id)",
            ExpressionAttributeNames={f"#{field}": field for field in changed},
            ExpressionAttributeValues={f":{field}": {"S": value} for field, value in changed.items()},
        )

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

    def page(self, limit: int, cursor: str | None) -> Listing[Account]:
        page = self._database.page(
            "scan", AccountItem, _KEY, limit=limit, start=start_key(cursor, _KEY), ConsistentRead=True
        )
        return Listing.of(page, lambda item: _account(AccountItem.from_raw_data(item)))


def _item(account: Account) -> Item:
    return raw_item(
        AccountItem,
        account_id=account.account_id,
        name=account.name,
        email=account.email,
        currency=account.currency,
        language=account.language,
        created_at=account.created_at,
    )


def _account(item: AccountItem) -> Account:
    return Account(item.account_id, item.name, item.email, item.currency, item.language, item.created_at)
