"""Workspaces: businesses of an account, from which calls come. And who had one when.

A move is known a minute before it holds. So whoever keeps what he read for half a minute knows of it in time, and each
call belongs to one account, by its own end, whenever its event comes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.stored import ByPosition

MOVES_KEPT = 10
MOVE_TAKES = timedelta(seconds=60)
LEASES_FOLLOW_FOR = timedelta(hours=4)
"""So long after a move a running call may hold a slot of the former account: the longest time to live of a lease."""


@dataclass(frozen=True, slots=True)
class Tenure(ByPosition):
    """An account that has the workspace from `since` on, until the next one; None where that is not known.

    Stored by position: a new field goes last, with a default.
    """

    account_id: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """From an account to another, as of `effective_at`."""

    former_account_id: str
    account_id: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Workspace:
    """`tenures` are never empty, the oldest first. The last one may begin in the future: a move that was asked for.

    The first one holds for whatever was before it, too: a call of before the workspace had an account is its first
    account's, and a call of before the last ten moves the oldest's that is known.
    """

    workspace_id: str
    tenures: tuple[Tenure, ...]
    name: str | None = None

    @property
    def latest(self) -> Tenure:
        """Who has it now, or will have it when the move that was asked for holds."""
        return self.tenures[-1]

    @property
    def account_id(self) -> str:
        return self.latest.account_id

    @property
    def moves(self) -> list[Move]:
        """The last ones, the latest first."""
        pairs = zip(self.tenures, self.tenures[1:], strict=False)
        moves = [Move(before.account_id, after.account_id, after.since) for before, after in pairs if after.since]
        return moves[::-1]

    def owner_at(self, moment: datetime) -> str:
        """The account that had it at that moment."""
        return next(
            (each.account_id for each in reversed(self.tenures) if _began(each, moment)), self.tenures[0].account_id
        )

    def owners_of_leases(self, now: datetime) -> tuple[str, ...]:
        """The accounts that may hold leases of its calls, each once: the present one first, then the latest former."""
        owners = [self.owner_at(now)]
        # A move that is to come has taken the workspace from nobody yet.
        owners += [
            move.former_account_id
            for move in self.moves
            if move.effective_at <= now < move.effective_at + LEASES_FOLLOW_FOR
        ]
        return tuple(dict.fromkeys(owners))


def new_workspace(workspace_id: str, account_id: str, name: str | None, now: datetime) -> Workspace:
    """A workspace that had no account has one at once."""
    return Workspace(workspace_id, (Tenure(account_id, now),), name)


def assign(workspace: Workspace, account_id: str, name: str | None, now: datetime) -> Workspace:
    """Make it the account's 60 s from now, and call it `name` where that is not None.

    The same account again changes nothing, also while the move is to come: it holds as it was promised. A move that
    does not hold yet gives way to another one, and to none where the account has the workspace still.
    """
    named = workspace if name is None else replace(workspace, name=name)
    if account_id == workspace.account_id:
        return named
    held = tuple(each for each in workspace.tenures if _began(each, now)) or workspace.tenures[:1]
    if held[-1].account_id == account_id:
        return replace(named, tenures=held)
    moved = (*held, Tenure(account_id, now + MOVE_TAKES))
    return replace(named, tenures=moved[-(MOVES_KEPT + 1) :])


def _began(tenure: Tenure, moment: datetime) -> bool:
    return tenure.since is None or tenure.since <= moment
