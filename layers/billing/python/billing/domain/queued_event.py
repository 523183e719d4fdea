"""An accepted event on its way to settlement."""

from dataclasses import dataclass

from billing.domain.usage import UsageEvent
from billing.domain.workspace import Workspace


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """`payload` is the CloudEvent as JSON text, without what carried it.

    `account_id` is the account that the sender's API key is bound to, None for a key of the platform: settlement
    charges the event only when its workspace belonged to that account as the call ended, also after a replay.
    """

    event: UsageEvent
    payload: str
    account_id: str | None = None


def account_charged(event: UsageEvent, workspace: Workspace) -> str:
    """The account that had the workspace when the call ended; of a clock that is ahead, when the event arrived."""
    return workspace.owner_at(min(event.occurred_at, event.arrived_at))


def may_charge(queued: QueuedEvent, workspace: Workspace) -> bool:
    """Whether the sender may speak for the account that is charged."""
    return queued.account_id in {None, account_charged(queued.event, workspace)}
