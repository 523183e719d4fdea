"""Workspaces in the table: whose each of them is, and was."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.workspace import Tenure, Workspace
from billing.store.attributes import JsonAttribute
from billing.store.database import Database, Item
from billing.store.formats import MOMENT, PositionFormat
from billing.store.paging import Listing, start_key
from billing.store.tables import item_update, raw_item, readable

WORKSPACE_KEPT_SECONDS = 30
"""Less than a move takes to hold (`MOVE_TAKES`): whoever settles knows of it in time."""


class WorkspacesOfAccount(GlobalSecondaryIndex[Any]):
    """An account's workspaces. One that is to move is the new account's already."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    workspace_id = UnicodeAttribute(range_key=True)


class WorkspaceItem(Model):
    """A business of an account; calls come from it. `account_id` is the latest of `tenures`."""

    class Meta:
        table_name = "workspaces"

    workspace_id = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()
    name = UnicodeAttribute(null=True)
    tenures = JsonAttribute(null=True)

    by_account = WorkspacesOfAccount()


_KEY = ("account_id", "workspace_id")
_TENURE = PositionFormat(Tenure, since=MOMENT)


class Workspaces:
    """Settling keeps what it read for WORKSPACE_KEPT_SECONDS; who asks about one workspace reads it as it is now."""

    def __init__(self, database: Database, seconds: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._seconds = seconds
        self._kept: dict[str, tuple[Workspace, float]] = {}

    def get(self, workspace_id: str) -> Workspace | None:
        """The workspace now, strongly consistent."""
        item = self._database.get(WorkspaceItem, {"workspace_id": workspace_id})
        return None if item is None else _workspace(item)

    def get_many(self, workspace_ids: Iterable[str]) -> dict[str, Workspace]:
        """Those that there are now, strongly consistent: a request for a hundred.

        One whose row cannot be read is as one that is not there: its events are kept as rejected ones.
        """
        keys = [{"workspace_id": key} for key in sorted(set(workspace_ids))]
        found = readable(WorkspaceItem, self._database.get_many(WorkspaceItem, keys), _read)
        return {workspace.workspace_id: workspace for workspace in found}

    def get_kept(self, workspace_ids: Iterable[str]) -> dict[str, Workspace]:
        """The same as of at most WORKSPACE_KEPT_SECONDS ago. Unknown ones are read again each time."""
        now = self._seconds()
        wanted = set(workspace_ids)
        known = {key: self._kept[key][0] for key in wanted if key in self._kept and self._kept[key][1] > now}
        read = self.get_many(wanted - known.keys())
        self._kept |= {key: (workspace, now + WORKSPACE_KEPT_SECONDS) for key, workspace in read.items()}
        return known | read

    def page(self, account_id: str, limit: int, cursor: str | None) -> Listing[Workspace]:
        """The account's workspaces, by their ids."""
        page = self._database.page(
            "query",
            WorkspaceItem,
            _KEY,
            limit=limit,
            start=start_key(cursor, _KEY, {"account_id": {"S": account_id}}),
            IndexName=WorkspacesOfAccount.Meta.index_name,
            KeyConditionExpression="account_id = :account",
            ExpressionAttributeValues={":account": {"S": account_id}},
        )
        return Listing.of(page, _read)

    def put(self, before: Workspace | None, after: Workspace, account_exists: Item) -> bool | None:
        """Write what `before` has become, for an account that exists: `Accounts.must_exist` is a part of it.

        False, having written nothing, where there is no such account; None where the workspace has changed since.
        """
        table = self._database.table(WorkspaceItem)
        condition, compared = _unchanged(before)
        item: Item = {
            "Update": {
                "TableName": table,
                **item_update(WorkspaceItem, _item(after), condition=condition, **compared),
            }
        }
        canceled = self._database.transact([item, account_exists])
        if canceled is None:
            return True
        account_reason = canceled.reasons[1]
        return False if account_reason is not None and account_reason.condition_failed else None


def _unchanged(before: Workspace | None) -> tuple[str, Item]:
    """The condition, and what it compares with. A row of an earlier release has no tenures."""
    if before is None:
        return "attribute_not_exists(workspace_id)", {}
    read = _item(before)
    if before.latest.since is None:
        del read["tenures"]
    compared = {name: value for name, value in read.items() if name != "workspace_id"}
    absent = [name for name in ("name", "tenures") if name not in read]
    conditions = [
        *(f"#{name} = :read_{name}" for name in compared),
        *(f"attribute_not_exists(#{name})" for name in absent),
    ]
    return " AND ".join(conditions), {f"read_{name}": value for name, value in compared.items()}


def _item(workspace: Workspace) -> Item:
    return raw_item(
        WorkspaceItem,
        workspace_id=workspace.workspace_id,
        account_id=workspace.account_id,
        name=workspace.name,
        tenures=[_TENURE.write(each) for each in workspace.tenures],
    )


def _read(raw: Item) -> Workspace:
    return _workspace(WorkspaceItem.from_raw_data(raw))


def _workspace(item: WorkspaceItem) -> Workspace:
    if item.account_id is None:
        raise ValueError("a workspace of nobody")
    # A row of an earlier release has an account alone.
    tenures = tuple(_TENURE.read(each) for each in item.tenures or ([item.account_id],))
    return Workspace(item.workspace_id, tenures, item.name)
