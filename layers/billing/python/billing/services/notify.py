"""Spread a notice: one delivery for each destination that concerns it, so that none waits for another."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from billing.contracts.bus_events import facts_of
from billing.domain.delivery import EMAIL, Delivery
from billing.domain.document import PROMPT
from billing.domain.notice_facts import PaymentSucceeded
from billing.store.store import Store
from billing.words.email_texts import is_mailed

# The sweep takes up what the queue did not: a message lost between the row and the queue costs this long, no more.
_FIRST_ATTEMPT_WITHIN = timedelta(minutes=1)
# A payment's mail waits for its receipt, which tells of it with its number. A minute more than a receipt may take: by
# then one that was issued in time can be read.
_MAIL_WITHOUT_RECEIPT_AFTER = PROMPT + timedelta(minutes=1)
_DISABLED = "the endpoint is disabled"


class DeliveryQueue(Protocol):
    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Ask for an attempt of each, now. What does not arrive is taken up by the sweep."""


class Notifier:
    """The use case with its store and the queue of attempts."""

    def __init__(self, store: Store, queue: DeliveryQueue) -> None:
        self._store = store
        self._queue = queue

    def spread(
        self, event_id: str, type_: str, account_id: str | None, payload: str, now: datetime
    ) -> Collection[Delivery]:
        """Make the deliveries that do not exist yet, and queue those that are to be attempted at once.

        The same event again makes nothing. Raises StoreBusy: what is missing then is made when the event comes again.
        An endpoint that has been failing is left to the sweep, at its pace, so that the healthy ones are served first.
        """
        made = [
            each
            for each in self._wanted(event_id, type_, account_id, payload, now)
            if self._store.deliveries.add(each[0])
        ]
        self._queue.send([delivery for delivery, at_once in made if at_once])
        return [delivery for delivery, _ in made]

    def _wanted(
        self, event_id: str, type_: str, account_id: str | None, payload: str, now: datetime
    ) -> Iterable[tuple[Delivery, bool]]:
        def delivery(destination: str, within: timedelta = _FIRST_ATTEMPT_WITHIN) -> Delivery:
            due_at = now + within
            return Delivery(destination, event_id, type_, account_id, payload, created_at=now, due_at=due_at)

        facts = None if account_id is None else facts_of(payload)
        if isinstance(facts, PaymentSucceeded):
            yield delivery(EMAIL, _MAIL_WITHOUT_RECEIPT_AFTER), False
        elif facts is not None and is_mailed(facts):
            yield delivery(EMAIL), True
        for endpoint in self._store.webhook_endpoints.all():
            if endpoint.wants(type_):
                made = delivery(endpoint.endpoint_id)
                yield (made, endpoint.failing_since is None) if endpoint.enabled else (made.held(_DISABLED), False)
