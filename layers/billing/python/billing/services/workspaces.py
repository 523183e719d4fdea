"""Workspaces: find one, and make it an account's."""

from collections.abc import Iterable
from datetime import datetime

from billing.domain import workspace
from billing.domain.errors import NotFound
from billing.domain.workspace import Workspace
from billing.services.accounts import AccountNotFound
from billing.store.database import StoreBusy
from billing.store.store import Store

_ATTEMPTS = 8


class WorkspaceNotFound(NotFound):
    """There is no such workspace, or it is another's, which is the same to the caller."""

    code = "workspace_not_found"

    def __init__(self, workspace_id: str) -> None:
        super().__init__(f'there is no workspace "{workspace_id}"')


def find_workspace(store: Store, workspace_id: str) -> Workspace:
    """Raises WorkspaceNotFound."""
    found = store.workspaces.get(workspace_id)
    if found is None:
        raise WorkspaceNotFound(workspace_id)
    return found


def workspace_names(store: Store, account_id: str, workspace_ids: Iterable[str], now: datetime) -> dict[str, str]:
    """Of those that have a name and are the account's: a former one sees the id, and never a later name."""
    found = store.workspaces.get_many(workspace_ids)
    return {key: each.name for key, each in found.items() if each.name is not None and each.owner_at(now) == account_id}


def assign_workspace(store: Store, workspace_id: str, account_id: str, name: str | None, now: datetime) -> Workspace:
    """Make the workspace the account's: at once where it had none, else a minute from now (see `workspace.assign`).

    Raises AccountNotFound, and StoreBusy where others changed it at every one of the attempts.
    """
    for attempt in range(_ATTEMPTS):
        before = store.workspaces.get(workspace_id)
        if before is None:
            after = workspace.new_workspace(workspace_id, account_id, name, now)
        else:
            after = workspace.assign(before, account_id, name, now)
            if after == before:
                return before
        written = store.workspaces.put(before, after, store.accounts.must_exist(account_id))
        if written:
            return after
        if written is False:
            raise AccountNotFound(account_id, field="account_id")
        store.pause(attempt)
    raise StoreBusy(f"lost {_ATTEMPTS} races for a workspace")
