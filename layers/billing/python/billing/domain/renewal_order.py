"""What a sweep asks a worker to do: look after one subscription, which was due at a moment."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RenewalOrder:
    """`due_at` names the renewal or the try: once it is done, the order is void. None is whatever is due.

    `time` is the sweep's own moment.
    """

    account_id: str
    due_at: datetime | None
    time: datetime
