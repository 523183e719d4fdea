"""Workspaces in the table: whose each of them is."""

import time
from collections.abc import Callable, Iterable

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from billing.store.accounts import AccountItem
from billing.store.database import Database, Item
from billing.store.tables import readable

WORKSPACE_KEPT_SECONDS = 30


class WorkspaceItem(Model):
    """A business of an account; calls come from it."""

    class Meta:
        table_name = "workspaces"

    workspace_id = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()


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
