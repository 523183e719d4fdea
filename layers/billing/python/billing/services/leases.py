"""Concurrency leases: a running call takes one of its account's slots, extends it, and gives it back."""

from datetime import datetime, timedelta

from billing.domain import lease
from billing.domain.errors import Conflict
from billing.domain.lease import Lease, LeaseKey
from billing.domain.permission import Permission
from billing.services.authorize_call import permission_of
from billing.services.return_leases import LeaseReturns
from billing.services.workspaces import WorkspaceNotFound, find_workspace
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.words.permission_texts import PERMISSIONS

_ATTEMPTS = 12


class CallRefused(Conflict):
    """No new call may start; `code` is the permission's."""


class ConcurrencyLimitReached(Conflict):
    """All slots are taken by live leases."""

    def __init__(self, detail: str, *, limit: int, in_use: int) -> None:
        super().__init__(detail, code="concurrency_limit_reached")
        self.limit = limit
        self.in_use = in_use


class CallLeases:
    """The use case with its store.

    `bound_to` is the one account that the caller may touch, None for any. Each method raises WorkspaceNotFound, and
    StoreBusy where others were at work on the same leases at every one of its attempts.

    A lease stays in the account that granted it: where the workspace has moved since, it is looked for there, too.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._returns = LeaseReturns(store)

    def hold(self, workspace_id: str, lease_id: str, *, ttl_seconds: int, bound_to: str | None, now: datetime) -> Lease:
        """Take a slot until `ttl_seconds` from now, or go on holding it: asking again is safe, and extends.

        A live lease is extended whatever became of the account, since a call is never cut off. A new one needs what a
        new call needs. Raises ConcurrencyLimitReached, or CallRefused for any other reason.
        """
        key = lease.lease_key(workspace_id, lease_id)
        present, former = self._accounts_of(workspace_id, bound_to, now)
        for account_id in former:
            extended = self._hold(account_id, key, ttl_seconds, now, may_take=False)
            if extended is not None:
                return extended
        held = None if present is None else self._hold(present, key, ttl_seconds, now, may_take=True)
        if held is None:
            raise WorkspaceNotFound(workspace_id)
        return held

    def give_back(self, workspace_id: str, lease_id: str, *, bound_to: str | None, now: datetime) -> None:
        """Free the lease's slot, also where it is free already."""
        key = lease.lease_key(workspace_id, lease_id)
        present, former = self._accounts_of(workspace_id, bound_to, now)
        for account_id in (present, *former):
            if account_id is not None:
                self._returns.give_back(account_id, key, now)

    def _hold(self, account_id: str, key: LeaseKey, ttl_seconds: int, now: datetime, *, may_take: bool) -> Lease | None:
        """The lease extended or, where that may be, taken; None where it is not there and may not be."""
        for attempt in range(_ATTEMPTS):
            wallet, pages = self._store.leases.with_wallet(account_id)
            permission = permission_of(self._store, wallet, pages, now)
            limit = permission.concurrency_limit
            held = extended = lease.extend(pages, key, ttl_seconds=ttl_seconds, now=now)
            if held is None:
                if not may_take:
                    return None
                _require(permission)
                if limit is None:
                    return Lease(new=True, expires_at=now + timedelta(seconds=ttl_seconds), limit=None, in_use=0)
                held = lease.take(pages, key, limit=limit, ttl_seconds=ttl_seconds, now=now)
            if self._store.leases.write(account_id, held.pages, now):
                return Lease(new=extended is None, expires_at=held.expires_at, limit=limit, in_use=held.in_use)
            self._store.pause(attempt)
        raise StoreBusy(f"lost {_ATTEMPTS} races for a slot")

    def _accounts_of(self, workspace_id: str, bound_to: str | None, now: datetime) -> tuple[str | None, list[str]]:
        """The account that has the workspace, None where the caller may not touch it; and former ones that he may."""
        present, *former = find_workspace(self._store, workspace_id).owners_of_leases(now)
        mine = [account_id for account_id in former if bound_to in {None, account_id}]
        is_mine = bound_to in {None, present}
        if not is_mine and not mine:
            raise WorkspaceNotFound(workspace_id)
        return (present if is_mine else None), mine


def _require(permission: Permission) -> None:
    why = PERMISSIONS.say("en", permission.code)
    if permission.code == "concurrency_limit_reached" and permission.concurrency_limit is not None:
        raise ConcurrencyLimitReached(why, limit=permission.concurrency_limit, in_use=permission.concurrency_in_use)
    if not permission.allowed:
        raise CallRefused(why, code=permission.code)
