"""Accounts and their workspaces in the table."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.domain.account import Account
from billing.domain.wallet import Wallet
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
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


class WorkspaceItem(Model):
    """A business of an account; calls come from it."""

    class Meta:
        table_name = "workspaces"

    workspace_id = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()


_KEY = ("account_id",)


@dataclass(frozen=True, slots=True)
class StripeCustomer:
    """The account's customer at Stripe. `digest` is of what Stripe was last told of it, None if that is not known."""

    customer_id: str
    digest: str | None = None


WORKSPACE_KEPT_SECONDS = 30


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


class Workspaces:
    """Whose workspace it is. Settling keeps what it read for WORKSPACE_KEPT_SECONDS: a move takes that long to hold."""

    def __init__(self, database: Database, seconds: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._seconds = seconds
        self._kept: dict[str, tuple[str, float]] = {}

    def account_of(self, workspace_id: str) -> str | None:
        """The account now, strongly consistent."""
        item = self._database.get(WorkspaceItem, {"workspace_id": workspace_id})
        return None if item is None else item.account_id

    def accounts_of(self, workspace_ids: Iterable[str]) -> dict[str, str]:
        """Accounts by workspace, as of at most WORKSPACE_KEPT_SECONDS ago; unknown ones are read again each time.

        A workspace whose row cannot be read is as one that is not there: its events are kept as rejected ones.
        """
        now = self._seconds()
        wanted = set(workspace_ids)
        known = {
            workspace_id: self._kept[workspace_id][0]
            for workspace_id in wanted
            if workspace_id in self._kept and self._kept[workspace_id][1] > now
        }
        missing = sorted(wanted - known.keys())
        found = self._database.get_many(WorkspaceItem, [{"workspace_id": key} for key in missing])
        for workspace_id, account_id in readable(WorkspaceItem, found, _workspace_and_account):
            known[workspace_id] = account_id
            self._kept[workspace_id] = account_id, now + WORKSPACE_KEPT_SECONDS
        return known

    def assign(self, workspace_id: str, account_id: str) -> bool:
        """Make it the account's. False, having written nothing, where there is no such account."""
        item: Item = {
            "Update": {
                "TableName": self._database.table(WorkspaceItem),
                "Key": {"workspace_id": {"S": workspace_id}},
                "UpdateExpression": "SET account_id = :account",
                "ExpressionAttributeValues": {":account": {"S": account_id}},
            }
        }
        account_exists: Item = {
            "ConditionCheck": {
                "TableName": self._database.table(AccountItem),
                "Key": {"account_id": {"S": account_id}},
                "ConditionExpression": "attribute_exists(account_id)",
            }
        }
        return self._database.write_all([item, account_exists])


def _workspace_and_account(item: Item) -> tuple[str, str]:
    return item["workspace_id"]["S"], item["account_id"]["S"]


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
