"""An accepted event on its way to settlement."""

from dataclasses import dataclass

from billing.domain.usage import UsageEvent


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """`payload` is the CloudEvent as JSON text, without what carried it.

    `account_id` is the account that the sender's API key is bound to, None for a key of the platform: settlement
    charges the event only when its workspace belongs to that account, also after a replay. `rejection_id` is that of
    the rejection which the event is a replay of: rejected again, it is that one again, however it was corrected.
    """

    event: UsageEvent
    payload: str
    account_id: str | None = None
    rejection_id: str | None = None
