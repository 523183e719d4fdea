"""Deliver: one attempt of one delivery, what came of it, and the sweep that brings the next attempts.

An attempt is recorded as begun before anything is sent and as ended after it. A process that dies in between has sent
it or not; when its lease is over it is sent again. A webhook's reader tells the second one by its id; of a mail there
are then two, which is the lesser harm: a customer who is never told loses calls.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from billing.contracts.bus_events import facts_of
from billing.domain.account import Account
from billing.domain.delivery import ATTEMPT_LEASE, EMAIL, Answer, Attempt, Delivery
from billing.domain.document import is_prompt
from billing.domain.notice_facts import AllowanceLow, Facts, PaymentSucceeded
from billing.domain.webhook_endpoint import WebhookEndpoint, sign
from billing.services.notify import DeliveryQueue
from billing.store.store import Store
from billing.words.write_email import Email, write_email

MAX_SWEPT_A_SHARD = 100

Post = Callable[[str, Mapping[str, str], str], Answer]
"""Sends a body with headers to an address, within a time limit, and never raises for what the other side does."""
Mail = Callable[[Email], Answer]

log = logging.getLogger(__name__)


class DeliveryOffice:
    """The use cases with their store and the ways out.

    `billing_url` is the page that mails link to where the account's seller has none of its own.
    """

    def __init__(
        self,
        store: Store,
        queue: DeliveryQueue,
        *,
        post: Post,
        mail: Mail,
        billing_url: str,
    ) -> None:
        self._store = store
        self._queue = queue
        self._post = post
        self._mail = mail
        self._billing_url = billing_url

    def attempt(self, wanted: Attempt, now: datetime) -> Delivery | None:
        """Make the attempt. Returns the delivery as it is now, None where there was nothing to do. Raises StoreBusy."""
        found = self._store.deliveries.get(wanted.destination, wanted.event_id)
        if found is None or found.status != "pending" or found.attempts != wanted.attempts:
            return None
        begun = found.begin(now)
        if not self._store.deliveries.move(found, begun):
            return None
        ended = self._send_mail(begun, now) if begun.destination == EMAIL else self._send_webhook(begun, now)
        if not self._store.deliveries.move(begun, ended):
            log.warning("a delivery moved on during an attempt", extra={"event_id": ended.event_id})
        if ended.status == "failed":
            log.error("a delivery is given up", extra=_facts(ended))
        return ended

    def sweep(self, now: datetime) -> int:
        """Queue what is due, at most MAX_SWEPT_A_SHARD of each shard. Returns how many."""
        due: list[Delivery] = []
        for found in self._store.deliveries.due(now, MAX_SWEPT_A_SHARD):
            queued = replace(found, due_at=now + ATTEMPT_LEASE)
            # False where the index, which lags, shows what has been done with.
            if self._store.deliveries.move(found, queued):
                due.append(queued)
        self._queue.send(due)
        return len(due)

    def _send_mail(self, delivery: Delivery, now: datetime) -> Delivery:
        account = None if delivery.account_id is None else self._store.accounts.get(delivery.account_id)
        if account is None:
            return delivery.end(Answer(error="there is no such account", final=True), now)
        facts = facts_of(delivery.payload)
        if facts is None:
            return delivery.end(Answer(error="this release has no words for the event"), now)
        number = self._number_that_told(facts)
        if number is not None:
            return delivery.told_otherwise(f"the mail with receipt {number} told it")
        return delivery.end(self._mail(write_email(account, self._named(facts), self._page_of(account))), now)

    def _named(self, facts: Facts) -> Facts:
        """A feature as the plan calls it, and how much of it in its unit: a customer knows no key."""
        if not isinstance(facts, AllowanceLow):
            return facts
        key = facts.plan_id, facts.plan_version
        plan = self._store.plans.get_many([key]).get(key)
        feature = None if plan is None else plan.usage_features.get(facts.feature)
        if feature is None:
            return facts
        return replace(facts, feature=feature.name, included=f"{facts.included} {feature.priced_unit}")

    def _number_that_told(self, facts: Facts) -> str | None:
        """The receipt whose own mail tells of the payment: the one that was issued in time (see `is_mailed`)."""
        if not isinstance(facts, PaymentSucceeded):
            return None
        receipt = self._store.receipts.of_transactions([facts.transaction_id]).get(facts.transaction_id)
        if receipt is None or not is_prompt(receipt.content.moved_at, receipt.issued_at):
            return None
        return receipt.full_number

    def _page_of(self, account: Account) -> str:
        seller = self._store.sellers.get(account.seller_id)
        return (seller and seller.billing_url) or self._billing_url

    def _send_webhook(self, delivery: Delivery, now: datetime) -> Delivery:
        endpoint = self._store.webhook_endpoints.get(delivery.destination)
        secrets = self._store.webhook_endpoints.secrets(delivery.destination, now)
        if endpoint is None or not secrets:
            return delivery.end(Answer(error="the endpoint was removed", final=True), now)
        if not endpoint.enabled:
            return delivery.held("the endpoint is disabled")
        timestamp = int(now.timestamp())
        answer = self._post(
            endpoint.url,
            {
                "content-type": "application/json",
                "user-agent": "Talktime/1 (Standard Webhooks)",
                "webhook-id": delivery.event_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": sign(secrets, delivery.event_id, timestamp, delivery.payload),
            },
            delivery.payload,
        )
        self._note_health(endpoint, answer, now)
        return delivery.end(answer, now)

    def _note_health(self, endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
        after = endpoint.after_attempt(accepted=answer.accepted, status=answer.status, now=now)
        if after != endpoint and self._store.webhook_endpoints.change(endpoint, after) and not after.enabled:
            log.error("webhook endpoint disabled", extra={"endpoint_id": endpoint.endpoint_id})


def count_deliveries(attempted: Sequence[Delivery | None]) -> dict[str, int]:
    """What became of some attempts, by the names of the metrics."""
    statuses = [delivery.status for delivery in attempted if delivery is not None]
    return {
        "Delivered": statuses.count("delivered"),
        "DeliveryRetries": statuses.count("pending"),
        "DeliveriesFailed": statuses.count("failed"),
    }


def _facts(delivery: Delivery) -> dict[str, object]:
    return {
        "destination": delivery.destination,
        "event_id": delivery.event_id,
        "account_id": delivery.account_id,
        "reason": delivery.last_error,
    }
